"""Documents for people, from the templates in ``reports/``.

The template's name says what its text must survive (``report.html.j2``, ``report.md.j2``,
``advice.txt.j2``): everything that a template inserts passes the escape of that kind, so no
template can forget it. A value that a template misses is an error, not a blank.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from certwatch.checks import MEANINGS
from certwatch.core.escape import markdown, visible

ESCAPES: dict[str, Callable[[str], str]] = {
    ".html": visible,  # and then the autoescape
    ".md": markdown,
    ".txt": visible,
}


def render(template: str, folder: Path, **values: Any) -> Iterator[str]:
    """The text of a template in parts, for a file or a terminal.

    ``values`` are what it shows; ``zone`` (a ZoneInfo, else UTC) is the one it shows times in.
    """
    kind = PurePath(template).with_suffix("").suffix
    zone = values.pop("zone", ZoneInfo("UTC"))
    page = _environment(folder, kind).get_template(template)
    stream = page.stream(**values, zone=zone, meanings=MEANINGS)
    stream.enable_buffering(200)
    return iter(stream)


@cache
def _environment(folder: Path, kind: str) -> Environment:
    escape = ESCAPES[kind]

    def shown(value: object) -> object:
        plain = isinstance(value, str) and not isinstance(value, Markup)
        return escape(str(value)) if plain else value

    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=kind == ".html",
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        day=_day, minute=_minute, span=_span, count=_count, csp_hash=_csp_hash
    )
    return environment


def _day(at: datetime, zone: ZoneInfo) -> Markup:
    return Markup(f"{at.astimezone(zone):%Y-%m-%d}")


def _minute(at: datetime, zone: ZoneInfo) -> Markup:
    return Markup(f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _span(span: timedelta) -> str:
    """``5 days``, or hours below two days, or ``under an hour``."""
    hours = int(span.total_seconds()) // 3600
    if hours < 1:
        return "under an hour"
    return _count(hours // 24, "day") if hours >= 48 else _count(hours, "hour")


def _csp_hash(style: str) -> Markup:
    """What a Content-Security-Policy calls the one style that the page may use (CSP 3, 2.3.1)."""
    return Markup("sha256-" + b64encode(sha256(style.encode()).digest()).decode("ascii"))
