"""How many certificates may be ordered: the operator's budget, and the CA's own limits.

The operator's budget is a sliding log: at most so many spends in any half-open span of the window.
(A token bucket of 20 a week admits 39 within one week.) The CA's limits are token buckets kept as
one instant each, the theoretical arrival time of the generic cell rate algorithm, as Boulder keeps
them (letsencrypt/boulder, ``ratelimits/README.md``). The strictest wins; every "no" has a reason
and a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a certificate may be ordered now; a refusal says why, and when to ask again."""

    granted: bool
    reason: str = ""
    retry_at: datetime | None = None


GRANTED = Decision(True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was spent at one directory, as of one instant, for a renewal of one domain.

    ``spent``: the instants of the places taken that count, ascending. ``arrivals``: the theoretical
    arrival time of each of the CA's limits by its name, for the key that this domain has there;
    a limit that was never drawn on is absent.
    """

    spent: Sequence[datetime]
    arrivals: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBucket:
    """One of the CA's limits: ``burst`` at once, one more every ``refill``.

    ``per`` says whose it is: ``account``, ``registered_domain``, ``name_set`` or ``name``;
    ``event`` what draws on it: ``order``, ``issue`` or ``failed_validation``. ``exempt`` names the
    kinds of renewals that are free of it: ``ari``, ``renewal``.
    """

    name: str
    title: str
    per: str
    event: str
    burst: int
    refill: timedelta
    exempt: tuple[str, ...] = ()
