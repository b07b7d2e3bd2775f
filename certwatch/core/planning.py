"""Who renews when, inside the budget: the plan, its lapses, and what would be enough.

First everyone is served in the order of their wishes; if that lets nothing lapse, nobody is early.
Else those go first that expire first, as late as is safe for whoever comes behind, and, if that is
not enough, evenly spaced. The follow-ups of a run are the crowd that the next one prepares for.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from certwatch.core.durations import spell_duration, spell_rate
from certwatch.core.lifetime import usual_left
from certwatch.core.plan_fleet import Fleet, Terms, fleet_of, terms_of
from certwatch.core.plan_run import Miss, Run
from certwatch.core.plan_search import best_run, budget_bound, smallest_budget
from certwatch.core.renewal import Allowance, Lifetimes, Need, Reason

_TICK = timedelta.resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One certificate that will be spent; ``not_after`` is the expiry of the one it replaces."""

    domain: str
    at: datetime
    not_after: datetime | None
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapse:
    """A time without a valid certificate; ``until_at`` is None beyond the horizon."""

    domain: str
    from_at: datetime
    until_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What the renewals of a plan are read from; starts are seconds after its instant."""

    needs: Sequence[Need] = ()
    starts: Sequence[int] = ()
    owners: Sequence[int] = ()  # indices of ``needs``
    lifetimes: Lifetimes = field(default_factory=lambda: Lifetimes(()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The renewals of a fleet within a horizon, follow-ups included, in time order."""

    at: datetime
    horizon_until: datetime
    allowance: Allowance
    spent: tuple[datetime, ...]  # that still bind at ``at``
    lapses: tuple[Lapse, ...]  # by beginning
    budget_needed: int | None  # the smallest that leaves no lapse; None where it was not asked for
    max_fleet: int
    schedule: Schedule = field(default_factory=Schedule, repr=False)

    @property
    def renewals(self) -> Iterator[Planned]:
        """Every certificate that is spent within the horizon, in time order."""
        made: dict[int, datetime] = {}
        for start, owner in zip(self.schedule.starts, self.schedule.owners, strict=True):
            need, at = self.schedule.needs[owner], self.at + timedelta(seconds=start)
            before = made.get(owner)
            made[owner] = at
            yield _first(need, at) if before is None else self._next(need, before, at)

    def _next(self, need: Need, before: datetime, at: datetime) -> Planned:
        life = self.schedule.lifetimes.at(before)
        not_after = before + life
        reason = _reason(Reason.LIFETIME, not_after - usual_left(life), not_after, at)
        return Planned(domain=need.domain, at=at, not_after=not_after, reason=reason)

    @property
    def count(self) -> int:
        """How many renewals there are."""
        return len(self.schedule.starts)

    @property
    def feasible(self) -> bool:
        """Whether nothing lapses."""
        return not self.lapses


def _first(need: Need, at: datetime) -> Planned:
    reason = need.reason
    if need.not_after is not None:
        reason = _reason(reason, need.normal_at, need.not_after, at)
    return Planned(domain=need.domain, at=at, not_after=need.not_after, reason=reason)


def _reason(usual: Reason, normal_at: datetime, not_after: datetime, at: datetime) -> Reason:
    if usual is Reason.REVOKED:
        return usual
    if at > not_after:
        return Reason.EXPIRED
    return Reason.PULLED_FORWARD if at < normal_at else usual


def make_plan(
    needs: Sequence[Need],
    *,
    at: datetime,
    horizon: timedelta,
    allowance: Allowance,
    lifetimes: Lifetimes,
    spent: Sequence[datetime] = (),
    margin: timedelta = timedelta(0),
    search: bool = True,
) -> Plan:
    """Plan the renewals of a fleet; same input, same plan.

    ``spent``: the places taken before, ascending. ``margin``: the time before an expiry that
    retries may need; the plan keeps clear of it where it can, a lapse counts from the expiry on.
    ``search``: also find the smallest budget that leaves no lapse. What no budget could save (the
    wait after a failed attempt outlasts the certificate) is a lapse, and asks for no larger one.

    Raises ValueError for an allowance that leaves no place for an ordinary renewal.
    """
    if allowance.reserve < 0 or allowance.certificates <= allowance.reserve:
        raise ValueError("the reserve must be less than the budget, or nothing could be renewed")
    terms = terms_of(at, horizon, allowance, lifetimes, spent, margin)
    fleet = fleet_of(needs, at, margin)
    bound = budget_bound(fleet, terms)
    run = best_run(fleet, terms, bound)
    until = bisect_left(run.starts, terms.horizon)
    return Plan(
        at=at,
        horizon_until=at + horizon,
        allowance=allowance,
        spent=tuple(sorted(taken for taken in spent if taken > at - allowance.window)),
        lapses=_lapses(run, fleet, terms, at, allowance),
        budget_needed=smallest_budget(fleet, terms, bound, run) if search else None,
        max_fleet=max_fleet(lifetimes.at(at), allowance),
        schedule=Schedule(
            needs=fleet.needs,
            starts=run.starts[:until],
            owners=run.owners[:until],
            lifetimes=lifetimes,
        ),
    )


def _lapses(
    run: Run, fleet: Fleet, terms: Terms, at: datetime, allowance: Allowance
) -> tuple[Lapse, ...]:
    missed = sorted(
        (miss.begins, fleet.needs[miss.owner].domain, miss)
        for miss in run.missed
        if miss.begins < terms.horizon
    )
    due = sorted(run.due) if missed else []
    pace, span = spell_rate(terms.ordinary, allowance.window), spell_duration(allowance.window)
    return tuple(
        Lapse(
            domain=domain,
            from_at=at + timedelta(seconds=begins),
            until_at=at + timedelta(seconds=miss.at) if miss.at < terms.horizon else None,
            reason=_why(miss, due, terms, pace, span),
        )
        for begins, domain, miss in missed
    )


def _why(miss: Miss, due: Sequence[int], terms: Terms, pace: str, span: str) -> str:
    """``due`` is ascending; ``pace`` and ``span`` are the budget and its window in words."""
    if miss.at == miss.earliest:
        return "an attempt failed, and the wait after it outlasts the certificate"
    if miss.deadline < 0:
        return "expired or revoked already: it is renewed as soon as a place is free"
    until = bisect_right(due, miss.deadline)
    others = until - bisect_left(due, miss.deadline - terms.window) - 1
    if others >= terms.ordinary:
        return f"{others:,} others are due within the same {span}, and only {pace} can be renewed"
    if until > 1:
        return f"the {pace} until then go to certificates that expire earlier"
    return f"no place is free until then: the {pace} are spent"


def max_fleet(life: timedelta, allowance: Allowance) -> int:
    """The largest fleet that the budget carries for ever when each certificate is renewed at its
    normal time: two thirds of its life, half of it below ten days."""
    share = round(life / usual_left(life))  # of the life that is left then: a half or a third
    ordinary = allowance.certificates - allowance.reserve
    ticks, window = life // _TICK, allowance.window // _TICK  # any budget fits an int
    return ordinary * ticks * (share - 1) // (window * share)
