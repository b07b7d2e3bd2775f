"""Reading what a CA says: orders, authorizations, renewal information (RFC 8555 section 7.1).

Every field is somebody else's word. It is judged here one by one, so that the rest of the room
holds values only; what does not fit raises RenewalError.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from josepy.b64 import b64encode
from josepy.jwk import JWK

from certwatch.acme.guard import nonsense
from certwatch.acme.problems import VALIDATION, Problem, clip, failure
from certwatch.core.renewal import Blame
from certwatch.errors import RenewalError
from certwatch.ports import CaChallenge, OrderStatus, RenewalInfo

Document = Mapping[str, Any]

_STATUSES = frozenset(OrderStatus)
_TOKEN = re.compile("[A-Za-z0-9_-]{22,256}")  # RFC 8555 section 8.3: 128 bits at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order object (RFC 8555 section 7.1.3) for one DNS name; URLs are not yet trusted."""

    status: OrderStatus
    authorization: str
    finalize: str
    certificate: str
    expires_at: datetime | None
    problem: Problem

    def is_over(self, now: datetime) -> bool:
        """Whether its time has run out."""
        return self.expires_at is not None and self.expires_at <= now


def order_for(document: Document, domain: str) -> Order:
    """The order in a document, if it is for this name and no other."""
    status = document.get("status")
    if not isinstance(status, str) or status not in _STATUSES:
        raise nonsense(f"an order is {clip(status) or 'without a status'}")
    if not names_only(document, domain):
        raise nonsense(f"the order is not for {domain} alone")
    authorizations = document.get("authorizations")
    if not isinstance(authorizations, list) or len(authorizations) != 1:
        raise nonsense("an order for one name has one authorization, this one has not")
    return Order(
        status=OrderStatus(status),
        authorization=text(document, "authorizations", authorizations[0]),
        finalize=text(document, "finalize"),
        certificate=text(document, "certificate") if document.get("certificate") else "",
        expires_at=_instant(document.get("expires")),
        problem=Problem.read(document.get("error")),
    )


def names_only(document: Document, domain: str) -> bool:
    """Whether the identifiers of an order are this DNS name and nothing else."""
    match document.get("identifiers"):
        case [{"type": "dns", "value": str(name)}]:
            return name.lower() == domain
    return False


def challenge_of(document: Document, domain: str, key: JWK, now: datetime) -> CaChallenge | None:
    """The HTTP-01 challenge of an authorization; None once it is valid.

    Raises what the CA found wrong with the domain when it is over.
    """
    match document.get("identifier"):
        case {"type": "dns", "value": str(name)} if name.lower() == domain:
            status = document.get("status")
        case _:
            raise nonsense(f"the authorization is not for {domain}")
    if status == "valid":
        return None
    if status != "pending":
        raise refusal_of(document, now) or over(f"authorization is {clip(status)}")
    return _http01(document, key)


def refusal_of(document: Document, now: datetime) -> RenewalError | None:
    """Why an authorization is over: its challenge decides, where that failed."""
    for one in _challenges(document):
        if one.get("error"):
            problem = Problem.read(one["error"])
            return failure(problem, now=now, table=VALIDATION, is_final=True)
    if any(one.get("status") == "invalid" for one in _challenges(document)):
        problem = Problem("incorrectResponse", "the challenge failed, for no reason that is given")
        return failure(problem, now=now, table=VALIDATION, is_final=True)
    return None


def over(what: str) -> RenewalError:
    """An order that nothing will come of, for no reason that the CA tells."""
    return RenewalError(
        f"the CA's {what}, and it says no more",
        kind="orderInvalid",
        blame=Blame.CA,
        remedy="nothing to do: the next attempt makes a new order",
        is_final=True,
    )


def renewal_info_of(document: Document, wait: timedelta | None) -> RenewalInfo:
    """A suggested window (RFC 9773 section 4.2)."""
    window = document.get("suggestedWindow")
    start_at, end_at = (
        _instant(window.get(key)) if isinstance(window, Mapping) else None
        for key in ("start", "end")
    )
    if start_at is None or end_at is None or end_at <= start_at:
        raise no_ari("the window that it suggests has no sense")
    explanation = clip(document.get("explanationURL"))
    return RenewalInfo(start_at=start_at, end_at=end_at, explanation_url=explanation, retry_in=wait)


def no_ari(why: str) -> RenewalError:
    """There is no suggestion for this certificate; its lifetime decides."""
    return RenewalError(
        f"the CA gives no renewal information: {why}",
        kind="ari",
        blame=Blame.CA,
        remedy="nothing to do: the certificate is renewed by its lifetime",
    )


def text(document: Document, field: str, value: object = None) -> str:
    """A field that has to be a text."""
    found = document.get(field) if value is None else value
    if not isinstance(found, str):
        raise nonsense(f"{field} is missing or no text")
    return found


def texts(value: object) -> list[str]:
    """The texts of a list; none of anything else."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _http01(document: Document, key: JWK) -> CaChallenge:
    for one in _challenges(document):
        if one.get("type") == "http-01":
            token = text(one, "token")
            if not _TOKEN.fullmatch(token):
                raise nonsense("the token of a challenge is none")
            return CaChallenge(
                url=text(one, "url"),
                token=token,
                key_authorization=f"{token}.{b64encode(key.thumbprint()).decode()}",
                status=clip(one.get("status")) or "pending",
            )
    raise RenewalError(
        "the CA offers no HTTP-01 challenge for this domain",
        kind="unsupportedChallenge",
        blame=Blame.OURS,
        remedy="use a CA or profile with HTTP-01, the only challenge that certwatch answers",
    )


def _challenges(document: Document) -> Sequence[Document]:
    found = document.get("challenges")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _instant(value: object) -> datetime | None:
    """An RFC 3339 time; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None
