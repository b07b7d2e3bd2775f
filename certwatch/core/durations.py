"""Spans as people write them: ``90s``, ``10m``, ``6h``, ``7d``, ``2w``."""

import re
from datetime import timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_WORDS = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
_RATES = {
    timedelta(days=7): "a week",
    timedelta(days=1): "a day",
    timedelta(hours=1): "an hour",
}
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


def spell_duration(span: timedelta) -> str:
    """The same for a sentence: ``7 days``, ``1 day``, ``36 hours``."""
    short = format_duration(span)
    number = int(short[:-1])
    return f"{number:,} {_WORDS[short[-1]]}{'' if number == 1 else 's'}"


def spell_rate(number: int, window: timedelta) -> str:
    """So many in a span, for a sentence: ``20 a week``, ``3 a day``, ``50 per 36h``."""
    return f"{number:,} {_RATES.get(window) or f'per {format_duration(window)}'}"
