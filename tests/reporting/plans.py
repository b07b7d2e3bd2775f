"""Plans for tests of what is made of them: values only, planned by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from certwatch.core.planning import Lapse, Plan, Planned, Schedule
from certwatch.core.renewal import Allowance, Lifetimes, Need, Reason
from certwatch.reporting.plan import Forecast, make_forecast
from tests.factories import NOW

DAY = timedelta(days=1)
WEEKLY = Allowance(certificates=20, window=7 * DAY)


def planned(name: str, days: float, reason: Reason = Reason.LIFETIME) -> Planned:
    """A renewal so many days from now, thirty days before its certificate ends."""
    at = NOW + days * DAY
    return Planned(domain=name, at=at, not_after=at + 30 * DAY, reason=reason)


def lapse(name: str, days: float, until: float | None = None, reason: str = "crowded") -> Lapse:
    """A lapse that begins so many days from now."""
    until_at = None if until is None else NOW + until * DAY
    return Lapse(domain=name, from_at=NOW + days * DAY, until_at=until_at, reason=reason)


@dataclass(frozen=True)
class PaperPlan:
    """What ``make_plan`` gives, written down."""

    planned: tuple[Planned, ...] = ()
    needs: tuple[Need, ...] = ()
    lapses: tuple[Lapse, ...] = ()
    spent: tuple[datetime, ...] = ()
    horizon: timedelta = 90 * DAY
    allowance: Allowance = WEEKLY
    budget_needed: int | None = None
    max_fleet: int = 171
    at: datetime = NOW

    @property
    def horizon_until(self) -> datetime:
        return self.at + self.horizon

    @property
    def schedule(self) -> Schedule:
        return Schedule(needs=self.needs)

    @property
    def renewals(self) -> Iterator[Planned]:
        return iter(self.planned)

    @property
    def count(self) -> int:
        return len(self.planned)

    @property
    def feasible(self) -> bool:
        return not self.lapses


def plan(*schedule: Planned, **values: Any) -> Plan:
    """A plan of these renewals, in this order."""
    return cast(Plan, PaperPlan(schedule, **values))


def forecast(*schedule: Planned, domains: int = 140, life: float = 90, **values: Any) -> Forecast:
    """What people are told of such a plan."""
    names = tuple(values.pop("quarantined", ()))
    lifetimes = values.pop("lifetimes", Lifetimes.constant(life * DAY))
    made = plan(*schedule, **values)
    return make_forecast(made, domains=domains, lifetimes=lifetimes, quarantined=names)
