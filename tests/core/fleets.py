"""Small fleets in whole days, for the planner's tests."""

from datetime import UTC, datetime, timedelta

from certwatch.core.planning import Plan, make_plan
from certwatch.core.renewal import Allowance, Lifetimes, Need, Reason

AT = datetime(2026, 11, 21, tzinfo=UTC)
DAY, WEEK, YEAR = timedelta(days=1), timedelta(days=7), timedelta(days=365)


def domain(number: int) -> str:
    return f"click.brand-{number:04}.example"


def renewal(number: int, expires: float, wanted: float | None = None, **known) -> Need:
    """A domain whose certificate expires in so many days; wanted is a month before."""
    wanted = expires - 30 if wanted is None else wanted
    defaults = {
        "normal_at": AT + wanted * DAY,
        "reason": Reason.LIFETIME if expires > 0 else Reason.EXPIRED,
    }
    return Need(
        domain=domain(number),
        not_after=AT + expires * DAY,
        **{**defaults, **known},
    )


def new(number: int) -> Need:
    return Need(domain=domain(number), not_after=None, normal_at=AT, reason=Reason.NEW)


def planned(needs, *, budget=20, window=WEEK, horizon=YEAR, reserve=0, life=90 * DAY, **known):
    lifetimes = life if isinstance(life, Lifetimes) else Lifetimes.constant(life)
    allowance = Allowance(certificates=budget, window=window, reserve=reserve)
    return make_plan(
        needs, at=AT, horizon=horizon, allowance=allowance, lifetimes=lifetimes, **known
    )


def days(plan: Plan) -> dict[str, float]:
    """The day of each domain's first renewal."""
    first: dict[str, float] = {}
    for one in plan.renewals:
        first.setdefault(one.domain, (one.at - AT) / DAY)
    return first


def crowd(plan: Plan) -> int:
    """The most certificates in any half-open span of the window, earlier ones included."""
    starts = sorted([*plan.spent, *(one.at for one in plan.renewals)])
    most = oldest = 0
    for newest, start in enumerate(starts):
        while starts[oldest] <= start - plan.allowance.window:
            oldest += 1
        if start >= plan.at:
            most = max(most, newest - oldest + 1)
    return most
