"""What a CA's refusal means: whose it is to mend, and how (RFC 8555 section 6.7).

The same word can mean two things. ``unauthorized`` as the answer to a request speaks of our
account; as the outcome of a validation it speaks of the customer's domain. Hence two tables.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from certwatch.core.renewal import Blame
from certwatch.errors import RenewalError

PREFIX = "urn:ietf:params:acme:error:"
DETAIL_CAP = 500  # characters of a text of the CA
LONGEST_WAIT = timedelta(days=8)  # the CA's longest window is a week

_UNPAUSE = "open the address that the CA names, as its account's owner; then renew again"
_REACH = (
    "make http://DOMAIN/.well-known/acme-challenge/ reach certwatch from the whole internet, over"
    " IPv6 too where the name has an AAAA record"
)
_ANSWERS = (
    "something else answers on the domain: point its CNAME here, and pass"
    " /.well-known/acme-challenge/ on unchanged"
)
_CAA = "add a CAA record that allows this CA (0 issue and the CA's name), or remove the others"
_DNS = (
    "mend the domain's DNS: every nameserver must answer for A, AAAA and CAA, and DNSSEC be valid"
)
_ACCOUNT = (
    "the CA does not accept this account: look whether it was deactivated; an account that is lost"
    " is made anew once its row is gone from the database"
)
_BUG = "this is certwatch's own mistake: report it with this message"
_WAIT = "nothing to do: it is tried again later; if it stays, look at the CA's status page"

PROBLEMS: Mapping[str, tuple[Blame, str]] = {
    "accountDoesNotExist": (
        Blame.OURS,
        "the CA has forgotten this account; it is registered again by the next attempt",
    ),
    "alreadyReplaced": (Blame.OURS, _BUG),
    "alreadyRevoked": (Blame.OURS, "nothing to do: the certificate is revoked already"),
    "badCSR": (Blame.OURS, "set acme.key_type to a kind of key that the CA accepts"),
    "badNonce": (Blame.CA, _WAIT),
    "badPublicKey": (Blame.OURS, "set acme.key_type to a kind of key that the CA accepts"),
    "badRevocationReason": (Blame.OURS, _BUG),
    "badSignatureAlgorithm": (Blame.OURS, _BUG),
    "caa": (Blame.CUSTOMER, _CAA),
    "connection": (Blame.CUSTOMER, _REACH),
    "dns": (Blame.CUSTOMER, _DNS),
    "dnssec": (Blame.CUSTOMER, _DNS),
    "externalAccountRequired": (
        Blame.OURS,
        "look at acme.eab_kid and acme.eab_hmac_key (of the second CA: acme.fallback_eab_kid, ...):"
        " they must be what the CA's website gave you",
    ),
    "incorrectResponse": (Blame.CUSTOMER, _ANSWERS),
    "invalidContact": (Blame.OURS, "set acme.contact to a mail address that the CA accepts"),
    "invalidProfile": (Blame.OURS, "set acme.profile to one that the CA offers, or leave it empty"),
    "malformed": (Blame.OURS, _BUG),
    "orderNotReady": (Blame.CA, _WAIT),
    "rateLimited": (
        Blame.OURS,
        "nothing to do: it is tried again when the CA allows; if this happens often, lower"
        " budget.certificates or ask the CA for more",
    ),
    "rejectedIdentifier": (
        Blame.CUSTOMER,
        "the CA refuses this name by policy: ask the CA why, or use another CA or name",
    ),
    "serverInternal": (Blame.CA, _WAIT),
    "tls": (
        Blame.CUSTOMER,
        "the challenge was redirected to https, where TLS failed: serve"
        " /.well-known/acme-challenge/ over plain http without a redirect",
    ),
    "unauthorized": (Blame.OURS, _ACCOUNT),
    "unknownHost": (Blame.CUSTOMER, _DNS),
    "unsupportedContact": (Blame.OURS, "set acme.contact to a mail address that the CA accepts"),
    "unsupportedIdentifier": (
        Blame.OURS,
        "this CA does not issue for such names: use another CA for the domain",
    ),
    "userActionRequired": (Blame.OURS, _UNPAUSE),
}
"""Refusals of a request."""

VALIDATION = {
    **PROBLEMS,
    "malformed": (Blame.CUSTOMER, _ANSWERS),
    "unauthorized": (Blame.CUSTOMER, _ANSWERS),
}
"""Outcomes of a validation that failed."""

_OTHER = (Blame.CA, _WAIT)
_RETRY_TEXT = re.compile(
    r"retry after (\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?(?: ?UTC| ?\+0000| ?Z)", re.I
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem document (RFC 7807) as far as it can be read: ``kind`` is its type without the
    ACME prefix, ``detail`` clipped and without control characters."""

    kind: str
    detail: str

    @classmethod
    def read(cls, document: object) -> "Problem":
        """A problem from whatever a CA sent; of a ``compound`` one its first part that is known."""
        if not isinstance(document, Mapping):
            return cls("", "")
        kind, detail = _kind(document), clip(document.get("detail") or document.get("title"))
        parts = document.get("subproblems")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, Mapping) and kind in ("compound", "") and _kind(part) in PROBLEMS:
                return cls(_kind(part), clip(part.get("detail")) or detail)
        return cls(kind, detail)


def failure(
    problem: Problem,
    *,
    now: datetime,
    wait: timedelta | None = None,
    table: Mapping[str, tuple[Blame, str]] = PROBLEMS,
    is_final: bool = False,
) -> RenewalError:
    """The typed failure of a problem. ``wait`` is the Retry-After that came with it; without one
    the time that the detail names is taken (``retry after 2026-01-02 03:04:05 UTC``)."""
    blame, remedy = table.get(problem.kind, _OTHER)
    kind = problem.kind or "ca_error"
    return RenewalError(
        f"the CA says {kind}: {problem.detail or 'nothing more'}",
        kind=kind,
        blame=blame,
        remedy=remedy,
        retry_at=now + wait if wait is not None else _named_time(problem.detail, now),
        is_final=is_final,
    )


def failure_of(kind: str, message: str) -> RenewalError:
    """The same failure where it is seen before, or better, than the CA says it."""
    blame, remedy = PROBLEMS[kind]
    return RenewalError(message, kind=kind, blame=blame, remedy=remedy)


def retry_in(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Retry-After in seconds or as an HTTP date (RFC 9110 section 10.2.3), at most eight days and
    never in the past; None without a readable one."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), LONGEST_WAIT.total_seconds()))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return _clamp((at if at.tzinfo else at.replace(tzinfo=UTC)) - now)


def clip(text: object) -> str:
    """A text of the CA: one line of what can be seen, cut to a length that a report can bear."""
    if not isinstance(text, str):
        return ""
    line = " ".join(text[: 4 * DETAIL_CAP].split())
    return "".join(char for char in line if char.isprintable())[:DETAIL_CAP]


def _kind(document: Mapping[str, Any]) -> str:
    """A type that is not ACME's (``about:blank``) says nothing."""
    kind = document.get("type")
    if not isinstance(kind, str) or not kind.startswith(PREFIX):
        return ""
    return re.sub("[^A-Za-z0-9]", "", kind.removeprefix(PREFIX))[:60]


def _named_time(detail: str, now: datetime) -> datetime | None:
    found = _RETRY_TEXT.search(detail)
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00")
    except ValueError:
        return None
    return now + _clamp(at - now)


def _clamp(wait: timedelta) -> timedelta:
    return max(timedelta(), min(wait, LONGEST_WAIT))
