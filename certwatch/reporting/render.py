"""Documents for people, from the templates in ``reports/``.

The template's name says what its text must survive (``report.html.j2``, ``report.md.j2``,
``advice.txt.j2``): everything that a template inserts passes the escape of that kind, so no
template can forget it. A value that a template misses is an error, not a blank.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from certwatch.checks import MEANINGS
from certwatch.core.catalog import Catalog
from certwatch.core.escape import markdown, visible
from certwatch.reporting.model import SLASH
from certwatch.reporting.plan import WHY

ESCAPES: dict[str, Callable[[str], str]] = {
    ".html": visible,  # and then the autoescape
    ".md": markdown,
    ".txt": visible,
}


NOTED = "in order with notes"
_CODE = re.compile("[a-z0-9_]+")


def titles_of(catalog: Catalog) -> dict[str, str]:
    """What people call the providers and edges, by their names."""
    edges = {row.name: row.title for row in catalog.edges}
    return edges | {row.name: row.title for row in catalog.providers}


def render(template: str, folder: Path, **values: Any) -> Iterator[str]:
    """The text of a template in parts, for a file or a terminal.

    ``values`` are what it shows; ``zone`` (a ZoneInfo, else UTC) is the one it shows times in, and
    ``titles`` (as ``titles_of`` gives them) is how it calls providers and edges.
    """
    kind = PurePath(template).with_suffix("").suffix
    zone = values.pop("zone", ZoneInfo("UTC"))
    page = _environment(folder, kind).get_template(template)
    values.setdefault("titles", {})
    stream = page.stream(**values, zone=zone, meanings=MEANINGS, noted=NOTED, whys=WHY)
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
        day=_day,
        minute=_minute,
        span=_span,
        count=_count,
        csp_hash=_csp_hash,
        titled=_titled,
        code=_code,
        mail=_mail,
        sentence=_sentence,
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


def _titled(place: str, titles: Mapping[str, str]) -> str:
    """``sparkpost / cloudfront`` as people call them."""
    return SLASH.join(titles.get(part, part) for part in place.split(SLASH))


def _code(check: str) -> str:
    """A check's code as a Markdown code span; what is no code is escaped like any text."""
    return Markup(f"`{check}`") if _CODE.fullmatch(check) else check


def _sentence(text: str) -> str:
    """With a full stop at its end."""
    return text if text.endswith(".") else f"{text}."


def _mail(owner: str) -> Markup:
    """A declared owner in Markdown: an address of ours may become a link."""
    return Markup(markdown(owner).replace("\\@", "@"))


def _csp_hash(style: str) -> Markup:
    """What a Content-Security-Policy calls the one style that the page may use (CSP 3, 2.3.1)."""
    return Markup("sha256-" + b64encode(sha256(style.encode()).digest()).decode("ascii"))
