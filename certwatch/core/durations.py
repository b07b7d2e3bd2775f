"""Spans as people write them: ``90s``, ``10m``, ``6h``, ``7d``, ``2w``."""

import re
from datetime import timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SHAPE = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw])")


def parse_duration(text: str) -> timedelta:
    """A span from its short form. Raises ValueError that says what is allowed."""
    match = _SHAPE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number and a unit: 90s, 10m, 6h, 7d")
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    except OverflowError:
        raise ValueError(f"{text!r} is too long; at most 999999999 days") from None


def format_duration(span: timedelta) -> str:
    """The shortest exact form for whole seconds: ``7d``, ``36h``, ``90s``."""
    seconds = round(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
