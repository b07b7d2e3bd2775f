"""A plan as people read it: the sentence an operator needs, a calendar, what comes next."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import islice

from certwatch.core.durations import format_duration
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
_RATES = {
    timedelta(days=1): "a day",
    timedelta(days=7): "a week",
    timedelta(hours=1): "an hour",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One row of the calendar, from ``from_at`` until just before ``until_at``.

    ``places``: how many certificates the budget has for it; ``lapses``: how many begin in it.
    """

    from_at: datetime
    until_at: datetime
    places: int
    spent: int
    planned: int
    lapses: int

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
    ``next_up`` and ``worst`` name the first renewals and the longest lapses, 20 at most.
    """

    at: datetime
    horizon_until: datetime
    allowance: Allowance
    domains: int
    capacities: tuple[tuple[timedelta, int], ...]
    is_outgrown: bool
    budget_needed: int | None
    calendar: tuple[Stretch, ...]
    renewals: int
    next_up: tuple[Planned, ...]
    lapses: int
    first_lapse: Lapse | None
    worst: tuple[Lapse, ...]
    quarantined: tuple[str, ...]

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
        calendar=tuple(_calendar(plan)),
        renewals=plan.count,
        next_up=tuple(islice(plan.renewals, SHOWN)),
        lapses=len(plan.lapses),
        first_lapse=plan.lapses[0] if plan.lapses else None,
        worst=tuple(nsmallest(SHOWN, plan.lapses, key=_worst_first)),
        quarantined=quarantined,
    )


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
    allowance, needed = forecast.allowance, forecast.budget_needed
    carried = ", ".join(
        f"{fleet:,}{' domains' if number == 0 else ''} at {_life(life)}"
        for number, (life, fleet) in enumerate(forecast.capacities)
    )
    yield f"{_rate(allowance.certificates, allowance)}{_held(allowance)} carries {carried}"
    yield f"you have {forecast.domains:,}: {_outcome(forecast)}"
    if needed is not None and needed != allowance.certificates:
        yield f"{_rate(needed, allowance)} would do"
    if forecast.is_outgrown and not forecast.lapses:
        yield "more than it carries: renewals will slip towards the expiry"
    if forecast.quarantined:
        yield f"{len(forecast.quarantined):,} quarantined, not planned"


def _outcome(forecast: Forecast) -> str:
    first = forecast.first_lapse
    if first is None:
        return f"nothing lapses until {_day(forecast.horizon_until)}"
    others = f" and {forecast.lapses - 1:,} more" if forecast.lapses > 1 else ""
    return f"first lapse {_day(first.from_at)} ({first.domain}){others}"


def _held(allowance: Allowance) -> str:
    return f" ({allowance.reserve:,} in reserve)" if allowance.reserve else ""


def _rate(certificates: int, allowance: Allowance) -> str:
    """``20 a week``, ``20 per 36h``."""
    per = _RATES.get(allowance.window) or f"per {format_duration(allowance.window)}"
    return f"{certificates:,} {per}"


def _life(life: timedelta) -> str:
    hours = round(life / timedelta(hours=1))  # a CA's 90 days may lack a second
    return f"{hours // 24} days" if hours % 24 == 0 and hours > 24 else f"{hours} hours"


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
        yield _stretch(plan, -window, timedelta(), 1, spent=len(plan.spent))
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
) -> Stretch:
    return Stretch(
        from_at=plan.at + begin,
        until_at=plan.at + end,
        places=plan.allowance.certificates * windows,
        spent=spent,
        planned=planned,
        lapses=lapses,
    )


def _counts(delays: Iterable[timedelta], rows: int, span: timedelta) -> list[int]:
    counts = [0] * rows
    for delay in delays:
        counts[min(delay // span, rows - 1)] += 1
    return counts
