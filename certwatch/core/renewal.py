"""Renewals as values: what is wished for, how far it has come, and what stood in its way.

A renewal is one queued wish for a certificate. Each ``Step`` is stored before the next one begins,
so that whoever finds the row after a crash knows what the CA may have been asked already.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from certwatch.core.model import Certificate


class Reason(StrEnum):
    """Why a certificate is wanted at that time."""

    ARI = "ari"  # the CA's suggested window (RFC 9773)
    LIFETIME = "lifetime"  # two thirds of its life are over, half below ten days
    PULLED_FORWARD = "pulled_forward"  # earlier than normal: waiting would cost somebody a lapse
    EXPIRED = "expired"
    NEW = "new"  # there is no certificate yet
    REVOKED = "revoked"  # by its CRL, or by a suggested window in the past


EMERGENCIES = (Reason.EXPIRED, Reason.REVOKED)  # may use the places that are held in reserve


class Step(StrEnum):
    """How far a renewal has come, in this order."""

    QUEUED = "queued"  # waits for its time, and for a place in the budget
    RESERVED = "reserved"  # has a place; the CA may have been asked for an order
    ORDERED = "ordered"  # the order's URL and the private key are stored
    FINALIZED = "finalized"  # the CSR is sent: from here on a certificate may exist
    ISSUED = "issued"  # the certificate is stored
    DEPLOYED = "deployed"  # it is in place
    DONE = "done"  # every address serves it
    QUARANTINED = "quarantined"  # failed too often for a reason that only a person can mend


OPEN_STEPS = tuple(step for step in Step if step is not Step.DONE)


class Blame(StrEnum):
    """Who can mend a failure."""

    OURS = "ours"
    CUSTOMER = "customer"
    CA = "ca"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setback:
    """Why the last attempt failed; ``detail`` is hostile text from outside until escaped."""

    at: datetime
    kind: str
    blame: Blame
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """One wish for a certificate and how far it has come.

    ``due_at``: not worked on before. ``deadline_at``: expiry of the certificate in place, None
    without one. ``attempts`` counts failures in a row. ``fence`` grows with each claim: a write
    under an older one is refused. ``key`` is the private key, sealed.
    """

    id: int
    domain: str
    reason: Reason
    step: Step
    directory: str
    created_at: datetime
    due_at: datetime
    deadline_at: datetime | None = None
    replaces: str | None = None  # ARI certID of the predecessor
    attempts: int = 0
    fence: int = 0
    lease_until: datetime | None = None
    order_url: str | None = None
    key: bytes | None = field(default=None, repr=False)
    chain: str | None = None  # PEM, leaf first
    setback: Setback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A renewal that is to be queued."""

    domain: str
    reason: Reason
    directory: str
    due_at: datetime
    deadline_at: datetime | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ari:
    """What the CA suggests for one certificate (RFC 9773), and the instant drawn from it once.

    ``next_poll_at`` is when to ask again; ``explanation_url`` is hostile text.
    """

    start_at: datetime
    end_at: datetime
    selected_at: datetime
    next_poll_at: datetime
    explanation_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The newest certificate that we issued for a domain; ``ari_id`` is its certID (RFC 9773
    section 4.1). ``confirmed_at``: when every address first served it."""

    domain: str
    directory: str
    certificate: Certificate
    chain: str  # PEM, leaf first
    issued_at: datetime
    ari_id: str | None = None
    ari: Ari | None = None
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What the plan knows of one domain; ``not_after`` is None where there is no certificate yet.

    ``normal_at``: when its renewal is due for ``reason``, however crowded the budget is.
    ``earliest_at``: before that it cannot succeed (a failed attempt must be waited out).
    """

    domain: str
    not_after: datetime | None
    normal_at: datetime
    reason: Reason
    earliest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long the CA's certificates live, by the instant from which on; the first holds before."""

    steps: tuple[tuple[datetime, timedelta], ...]

    @classmethod
    def constant(cls, life: timedelta) -> "Lifetimes":
        """One life for ever."""
        return cls(((datetime.min, life),))

    def at(self, instant: datetime) -> timedelta:
        """The life of a certificate made at that instant."""
        since = [life for start, life in self.steps[1:] if start <= instant]
        return since[-1] if since else self.steps[0][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The operator's budget: so many certificates in any half-open span of ``window``; the last
    ``reserve`` places are for emergencies."""

    certificates: int
    window: timedelta
    reserve: int = 0
