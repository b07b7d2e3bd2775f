"""One row of an inventory, checked: what is declared of a tracking domain."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from certwatch.core.catalog import Catalog
from certwatch.core.identify import host_port
from certwatch.core.model import Mode, TrackingDomain
from certwatch.core.names import normalise
from certwatch.errors import InvalidName, InventoryError

COLUMNS = (
    "domain",
    "provider",
    "mode",
    "edge",
    "origin",
    "cname",
    "owner",
    "tags",
    "sample_link",
)
MAX_LENGTH = 2000  # characters a value; the longest that is real is a sample link

_MAIL = re.compile(r"[^@\s<>,;:\"()]{1,64}@[^@\s<>,;:\"()]+\.[^@\s<>,;:\"().]+")
_HOST_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_FORMULA = ("=", "+", "-", "@")  # spreadsheets run a cell that begins like this


def parse_row(row: Any, catalog: Catalog) -> TrackingDomain:
    """The domain that a row declares; empty and missing values are "not declared".

    ``row`` maps column names to text or, for ``tags``, to a list of texts; a reader that could not
    make a row of what it read passes the reason instead. Raises InventoryError with the reason.
    """
    values = _values(row)
    try:
        name = normalise(values.get("domain", ""))
    except InvalidName as error:
        raise InventoryError(str(error)) from None
    return TrackingDomain(
        name=name,
        provider=_known("provider", values, [row.name for row in catalog.providers]),
        mode=_mode(values),
        edge=_known("edge", values, [row.name for row in catalog.edges]),
        origin=_origin(values.get("origin")),
        cname=_cname(values.get("cname")),
        owner=_owner(values.get("owner")),
        tags=_tags(values.get("tags", "")),
        sample_link=_sample_link(values.get("sample_link"), name),
    )


def _values(row: Any) -> dict[str, str]:
    if isinstance(row, str):
        raise InventoryError(row)
    if not isinstance(row, Mapping):
        raise InventoryError("a domain is written as a table of its values, such as domain = ...")
    for column in row:
        if column not in COLUMNS:
            raise InventoryError(f"unknown key {column!r}; known: {', '.join(COLUMNS)}")
    texts = ((column, _text(column, value)) for column, value in row.items())
    return {column: text for column, text in texts if text}


def _text(column: str, value: Any) -> str:
    if value is None:
        return ""
    if column == "tags" and isinstance(value, list) and all(isinstance(v, str) for v in value):
        value = " ".join(value)
    if not isinstance(value, str):
        raise InventoryError(f"{column} must be text")
    text: str = " ".join(value.split()) if column == "tags" else value.strip()
    if len(text) > MAX_LENGTH:
        raise InventoryError(f"{column} is longer than {MAX_LENGTH} characters")
    if not text.isprintable():
        raise InventoryError(f"{column} has a character that cannot be printed: {text[:80]!a}")
    if text.startswith(_FORMULA):
        raise InventoryError(f"{column} begins with {text[0]!r}, which spreadsheets run")
    return text


def _known(column: str, values: Mapping[str, str], known: list[str]) -> str | None:
    value = values.get(column)
    if value is None:
        return None
    for name in known:
        if name.lower() == value.lower():
            return name
    raise InventoryError(f"unknown {column} {value!r}; known: {', '.join(sorted(known))}")


def _mode(values: Mapping[str, str]) -> Mode | None:
    mode = _known("mode", values, [mode.value for mode in Mode])
    return Mode(mode) if mode else None


def _origin(text: str | None) -> str | None:
    if text is None:
        return None
    host, port = host_port(text.lower())
    if not (_is_host(host) or _is_address(host)) or (port is not None and not 0 < port < 65536):
        raise InventoryError(f"origin {text!r} is not HOST:PORT, such as spgo.io:443")
    return text.lower()


def _cname(text: str | None) -> str | None:
    target = text.lower().removesuffix(".") if text else None
    if target is not None and not ("." in target and _is_host(target)):
        raise InventoryError(f"cname {text!r} is not a host name, such as x.cloudfront.net")
    return target


def _is_host(text: str) -> bool:
    """Whether text is a host name; unlike a certificate's, labels may have underscores."""
    labels = text.split(".")
    named = all(_HOST_LABEL.fullmatch(label) for label in labels) and len(text) <= 253
    return named and not labels[-1].isdigit()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _owner(text: str | None) -> str | None:
    if text is not None and not _MAIL.fullmatch(text):
        raise InventoryError(f"owner {text!r} is not a mail address")
    return text


def _tags(text: str) -> tuple[str, ...]:
    for tag in (tags := text.split()):
        if "," in tag or ";" in tag:
            raise InventoryError(f"tags {text!r}: separate tags by spaces")
    return tuple(dict.fromkeys(tags))


def _sample_link(text: str | None, name: str) -> str | None:
    """The link with its host in normal form and without a user: what is asked, and compared."""
    if text is None:
        return None
    try:
        link = urlsplit(text)
        port = "" if link.port is None else f":{link.port}"
        right = link.scheme in ("http", "https") and normalise(link.hostname or "") == name
    except (ValueError, InvalidName):
        right = False
    if not right or " " in text:
        raise InventoryError(f"sample_link {text[:80]!r} is not an http or https link on {name}")
    return link._replace(netloc=name + port).geturl()
