"""A plan as people read it: the sentence an operator needs, a calendar, what comes next."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import islice

from certwatch.core.durations import format_duration, spell_duration, spell_rate
from certwatch.core.lifetime import usual_left
from certwatch.core.planning import Lapse, Plan, Planned, max_fleet
from certwatch.core.renewal import Allowance, Lifetimes, Reason

SHOWN = 20  # renewals, and lapses, that are named
MAX_ROWS = 30  # of the calendar; a longer one is folded
ANNOUNCED = timedelta(days=45)  # the life that CAs are heading for (Let's Encrypt, 2028-02-16)

WHY = {
    Reason.ARI: "suggested by the CA",
    Reason.LIFETIME: "its usual time",
    Reason.PULLED_FORWARD: "early, before a crowd",
    Reason.EXPIRED: "expired",
    Reason.NEW: "no certificate yet",
    Reason.REVOKED: "revoked",
}
_TICK = timedelta.resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One row of the calendar, from ``from_at`` until just before ``until_at``.

    ``places``: how many certificates the budget has for it; ``lapses``: how many begin in it.
    ``title``: what to call it where that is no date, as ``last 7d``.
    """

    from_at: datetime
    until_at: datetime
    places: int
    spent: int
    planned: int
    lapses: int
    title: str = ""

    @property
    def taken(self) -> int:
        """How many places are not free."""
        return self.spent + self.planned

    @property
    def free(self) -> int:
        """How many places are left."""
        return max(0, self.places - self.taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a plan comes to.

    ``capacities``: how many domains the budget carries for ever at their normal times, by the life
    of their certificates; ``is_outgrown``: there are more than it carries at the horizon's end.
    ``budget_needed`` is the smallest that leaves no lapse, ``budget_advised`` the smallest that
    also has a place for everyone at its normal time. ``expired`` and ``lapsing`` count domains.
    ``next_up``, ``first_lapses`` and ``worst`` name the first renewals, the first and the longest
    lapses, 20 at most.
    """

    at: datetime
    horizon_until: datetime
    allowance: Allowance
    domains: int
    capacities: tuple[tuple[timedelta, int], ...]
    is_outgrown: bool
    budget_needed: int | None
    budget_advised: int | None
    expired: int
    calendar: tuple[Stretch, ...]
    renewals: int
    next_up: tuple[Planned, ...]
    lapses: int
    lapsing: int
    first_lapses: tuple[Lapse, ...]
    worst: tuple[Lapse, ...]
    quarantined: tuple[str, ...]

    @property
    def first_lapse(self) -> Lapse | None:
        """The lapse that begins first."""
        return self.first_lapses[0] if self.first_lapses else None

    @property
    def row_span(self) -> str:
        """How long a row of the calendar is, for people: ``14 days``."""
        rows = (row.until_at - row.from_at for row in self.calendar if not row.title)
        return spell_duration(max(rows))

    @property
    def sentence(self) -> str:
        """What an operator needs to know."""
        return "; ".join(_clauses(self))


def make_forecast(
    plan: Plan, *, domains: int, lifetimes: Lifetimes, quarantined: tuple[str, ...] = ()
) -> Forecast:
    """Read a plan; its renewals are gone through once."""
    return Forecast(
        at=plan.at,
        horizon_until=plan.horizon_until,
        allowance=plan.allowance,
        domains=domains,
        capacities=tuple(_capacities(plan, lifetimes)),
        is_outgrown=domains > max_fleet(lifetimes.at(plan.horizon_until), plan.allowance),
        budget_needed=plan.budget_needed,
        budget_advised=_advised(plan, domains, lifetimes.at(plan.horizon_until)),
        expired=sum(
            need.not_after is not None and need.not_after <= plan.at for need in plan.schedule.needs
        ),
        calendar=tuple(_calendar(plan)),
        renewals=plan.count,
        next_up=tuple(islice(plan.renewals, SHOWN)),
        lapses=len(plan.lapses),
        lapsing=len({lapse.domain for lapse in plan.lapses}),
        first_lapses=tuple(plan.lapses[:SHOWN]),
        worst=tuple(nsmallest(SHOWN, plan.lapses, key=_worst_first)),
        quarantined=quarantined,
    )


def _advised(plan: Plan, domains: int, life: timedelta) -> int | None:
    """What is comfortable: a place for everyone at its normal time, in the long run."""
    if plan.budget_needed is None:
        return None
    interval, window = (life - usual_left(life)) // _TICK, plan.allowance.window // _TICK
    return max(plan.budget_needed, -(-domains * window // interval) + plan.allowance.reserve)


def _worst_first(lapse: Lapse) -> tuple[float, datetime, str]:
    span = lapse.until_at - lapse.from_at if lapse.until_at else None
    return -span.total_seconds() if span else float("-inf"), lapse.from_at, lapse.domain


def _capacities(plan: Plan, lifetimes: Lifetimes) -> Iterator[tuple[timedelta, int]]:
    """The life that holds now, and those to come: the CA's plans, or its announced shortest one."""
    lives = [lifetimes.at(plan.at)]
    lives += [life for start, life in lifetimes.steps[1:] if start > plan.at]
    if len(lives) == 1 and lives[0] > ANNOUNCED:
        lives.append(ANNOUNCED)
    return ((life, max_fleet(life, plan.allowance)) for life in dict.fromkeys(lives))


def _clauses(forecast: Forecast) -> Iterator[str]:
    allowance = forecast.allowance
    carried = ", ".join(
        f"{_domains(fleet) if number == 0 else f'{fleet:,}'} at {_life(life)}"
        for number, (life, fleet) in enumerate(forecast.capacities)
    )
    pace = spell_rate(allowance.certificates, allowance.window)
    yield f"{pace}{_held(allowance)} carries {carried}"
    yield f"you have {forecast.domains:,}: {_outcome(forecast)}"
    if forecast.expired:
        yield f"{forecast.expired:,} {'is' if forecast.expired == 1 else 'are'} expired already"
    if forecast.budget_advised not in (None, allowance.certificates):
        yield _advice(forecast)
    if forecast.is_outgrown and not forecast.lapses:
        yield "more than it carries: renewals will slip towards the expiry"
    if forecast.quarantined:
        yield f"{len(forecast.quarantined):,} quarantined, not planned"


def _outcome(forecast: Forecast) -> str:
    first = forecast.first_lapse
    if first is None:
        return f"nothing lapses until {_day(forecast.horizon_until)}"
    share = f"{forecast.lapsing:,} of {_domains(forecast.domains)}"
    verb = "lapses" if forecast.lapsing == 1 else "lapse"
    return f"first lapse {_day(first.from_at)} ({first.domain}), {share} {verb}"


def _advice(forecast: Forecast) -> str:
    advised, needed = forecast.budget_advised or 0, forecast.budget_needed or 0
    told = f"{spell_rate(advised, forecast.allowance.window)} would do"
    if advised > max(needed, forecast.allowance.certificates):
        told += f" ({needed:,} at the very least)"
    return told


def _domains(number: int) -> str:
    return f"{number:,} domain{'' if number == 1 else 's'}"


def _held(allowance: Allowance) -> str:
    return f" ({allowance.reserve:,} in reserve)" if allowance.reserve else ""


def _life(life: timedelta) -> str:
    hours = round(life / timedelta(hours=1))  # a CA's 90 days may lack a second
    return spell_duration(timedelta(hours=hours))


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"


def _calendar(plan: Plan) -> Iterator[Stretch]:
    """What is spent has a row of its own in front; then come whole windows, or several of them
    together, so that no row can hold more than its places."""
    window = plan.allowance.window
    windows = -((plan.at - plan.horizon_until) // window)  # rounded up
    together = -(-windows // MAX_ROWS)
    rows, span = -(-windows // together), window * together
    planned = _counts((renewal.at - plan.at for renewal in plan.renewals), rows, span)
    lapses = _counts((lapse.from_at - plan.at for lapse in plan.lapses), rows, span)
    if plan.spent:
        past = f"last {format_duration(window)}"
        yield _stretch(plan, -window, timedelta(), 1, spent=len(plan.spent), title=past)
    for row in range(rows):
        begin, end = row * span, min(row * span + span, plan.horizon_until - plan.at)
        yield _stretch(plan, begin, end, together, planned=planned[row], lapses=lapses[row])


def _stretch(
    plan: Plan,
    begin: timedelta,
    end: timedelta,
    windows: int,
    *,
    spent: int = 0,
    planned: int = 0,
    lapses: int = 0,
    title: str = "",
) -> Stretch:
    return Stretch(
        from_at=plan.at + begin,
        until_at=plan.at + end,
        places=plan.allowance.certificates * windows,
        spent=spent,
        planned=planned,
        lapses=lapses,
        title=title,
    )


def _counts(delays: Iterable[timedelta], rows: int, span: timedelta) -> list[int]:
    counts = [0] * rows
    for delay in delays:
        counts[min(delay // span, rows - 1)] += 1
    return counts
