"""How many certificates may be ordered: the operator's budget, and the CA's own limits.

The operator's budget is a sliding log: at most so many spends in any half-open span of the window.
(A token bucket of 20 a week admits 39 within one week.) The CA's limits are token buckets kept as
one instant each, the theoretical arrival time of the generic cell rate algorithm, as Boulder keeps
them (letsencrypt/boulder, ``ratelimits/README.md``). The strictest wins; every "no" has a reason
and a time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from certwatch.core.durations import spell_duration
from certwatch.core.renewal import Allowance, Lineage, Renewal

_RENEWAL_OF = timedelta(days=120)  # Let's Encrypt: the same name set, issued within these


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a certificate may be ordered now; a refusal says why, and when to ask again.

    A grant says what kept it from limits: ``is_free`` of the operator's budget, ``exempt`` the
    kinds (``ari``, ``renewal``) that the CA's own limits are asked for.
    """

    granted: bool
    reason: str = ""
    retry_at: datetime | None = None
    is_free: bool = False
    exempt: tuple[str, ...] = ()


GRANTED = Decision(True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was spent at one directory, as of one instant, for a renewal of one domain.

    ``spent``: the instants of the places taken that count, ascending; one that is reserved counts
    as of now, because its certificate can still be issued at any time. ``arrivals``: the
    theoretical arrival time of each of the CA's limits by its name, for the key that this domain
    has there, drawn on for the renewals on their way; a limit that was never drawn on is absent.
    """

    spent: Sequence[datetime]
    arrivals: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBucket:
    """One of the CA's limits: ``burst`` at once, one more every ``refill``.

    ``per`` says whose it is: ``account``, ``registered_domain``, ``name_set`` or ``name``;
    ``event`` what draws on it: ``order``, ``issue`` or ``failed_validation``. ``exempt`` names the
    kinds of renewals that it does not hold up (``ari``, ``renewal``), ``uncounted`` those that do
    not draw on it either.
    """

    name: str
    title: str
    per: str
    event: str
    burst: int
    refill: timedelta
    exempt: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()

    def room(self, arrival: datetime | None, now: datetime) -> Decision:
        """Whether a token is left. ``arrival`` is what ``spend`` gave last, None at first."""
        retry_at = self.spend(arrival, now) - self.burst * self.refill
        if retry_at <= now:
            return GRANTED
        reason = f"the CA's limit of {self.burst} {self.title} is used up"
        return Decision(False, reason, retry_at)

    def spend(self, arrival: datetime | None, now: datetime) -> datetime:
        """The theoretical arrival time after a token is taken, whether one was left or not."""
        return max(arrival or now, now) + self.refill


def place(
    spent: Sequence[datetime], allowance: Allowance, now: datetime, *, emergency: bool
) -> Decision:
    """Whether the operator's budget has a place now; ``spent`` is ascending.

    What was spent later than now (by a clock that is ahead of ours) counts as well.
    """
    limit = allowance.certificates - (0 if emergency else allowance.reserve)
    binding = [at for at in spent if at > now - allowance.window]
    if len(binding) < limit:
        return GRANTED
    span = spell_duration(allowance.window).removeprefix("1 ")
    reason = (
        f"{len(binding)} of {allowance.certificates} certificates were spent in the last {span}"
    )
    if limit < allowance.certificates:
        reason += f", and {allowance.reserve} are kept for emergencies"
    return Decision(False, reason, binding[-limit] + allowance.window if limit > 0 else None)


def strictest(decisions: Iterable[Decision]) -> Decision:
    """A refusal wins; among refusals the one that holds longest, for ever being longest."""
    refusals = [one for one in decisions if not one.granted]
    if not refusals:
        return GRANTED
    for_ever = [one for one in refusals if one.retry_at is None]
    timed = [(one.retry_at, one) for one in refusals if one.retry_at is not None]
    return for_ever[0] if for_ever else max(timed, key=lambda pair: pair[0])[1]


def decide(
    ledger: Ledger,
    allowance: Allowance,
    buckets: Iterable[TokenBucket],
    now: datetime,
    *,
    emergency: bool = False,
    exempt: tuple[str, ...] = (),
    is_free: bool = False,
) -> Decision:
    """Whether a certificate may be ordered now, by the operator's budget and the CA's limits.

    ``emergency`` may use the reserve. ``exempt``: what this renewal is to the CA (``exemptions``).
    ``is_free``: the operator does not count it; the CA's limits hold all the same.
    """
    judged = [
        bucket.room(ledger.arrivals.get(bucket.name), now)
        for bucket in buckets
        if not set(bucket.exempt) & set(exempt)
    ]
    if not is_free:
        judged.append(place(ledger.spent, allowance, now, emergency=emergency))
    found = strictest(judged)
    return replace(found, is_free=is_free, exempt=exempt) if found.granted else found


def exemptions(renewal: Renewal, lineage: Lineage | None, now: datetime) -> tuple[str, ...]:
    """What a renewal is to the CA that issued its predecessor: ``ari`` while the suggested window
    lasts, ``renewal`` when it has the names of a recent certificate.

    https://letsencrypt.org/docs/rate-limits/ ; a window that was moved to the past (a revocation)
    earns no exemption.
    """
    if lineage is None or lineage.directory != renewal.directory:
        return ()
    kinds = []
    ari, replaced = lineage.ari, lineage.ari_id
    if ari and replaced and replaced == renewal.replaces and ari.start_at <= now < ari.end_at:
        kinds.append("ari")
    if now - lineage.issued_at < _RENEWAL_OF:
        kinds.append("renewal")
    return tuple(kinds)
