"""Two years of renewing in simulated time: real planner, services and store; a CA that enforces its
limits; failures of every kind on two days of a hundred; and a process that is killed again and
again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from certwatch.app import known_cas
from certwatch.store import SqlStore, open_store
from certwatch.store.ledger import Rules
from tests.simulation.claims import WINDOW, forecast_of, violations
from tests.simulation.clockwork import simulate
from tests.simulation.service import Conditions, fleet, live
from tests.simulation.weather import CA, CUSTOMER, HOOK

LAUNCH = datetime(2026, 8, 3, 9, tzinfo=UTC)
SHORTEST = datetime(2028, 2, 16, tzinfo=UTC)  # from here on certificates live 45 days


@pytest.fixture
def store() -> Iterator[SqlStore]:
    """An empty store that knows the CA's limits."""
    with open_store("sqlite://", Rules(limits=known_cas().buckets, window=WINDOW)) as opened:
        yield opened


def test_nothing_lapses_in_two_years_while_the_budget_is_enough(store: SqlStore) -> None:
    """24 domains at 45 days need 6 places a week; there are 10, two of them in reserve."""
    conditions = Conditions(
        start=LAUNCH,
        days=730,
        arriving=fleet(24, LAUNCH, a_week=8),
        budget=10,
        rate=0.02,
        risk=0.001,
        incidents={LAUNCH + timedelta(days=200): 0.2, SHORTEST + timedelta(days=60): 0.2},
    )
    lived = simulate(live(store, conditions))
    assert violations(lived) == []
    assert lived.outages == []
    assert len(lived.ca.issued) > 380
    assert lived.kills > 20
    met = lived.ca.faults + lived.world.faults
    assert met.total() > 100
    assert len(met.keys() & {*CUSTOMER}) > 1
    assert {*CA, HOOK} <= met.keys()
    assert {one.certificate.lifetime.days for one in lived.ca.issued} == {90, 64, 45}


def test_a_month_ahead_the_forecast_names_the_day_of_the_first_lapse(store: SqlStore) -> None:
    """4 places a week carry 30 domains at 64 days, and 25 at 45."""
    start = datetime(2027, 9, 1, 9, tzinfo=UTC)
    conditions = Conditions(
        start=start,
        days=365,
        arriving=fleet(30, start, a_week=4),
        budget=5,
        reserve=1,
        forecasts=True,
        wakes_every=timedelta(days=1),
        stop_at_lapse=True,
    )
    lived = simulate(live(store, conditions))
    first = lived.outages[0]
    told = forecast_of(lived, first.from_at - timedelta(days=30))
    assert first.from_at > SHORTEST
    assert told is not None
    assert (told.domain, told.from_at.date()) == (first.domain, first.from_at.date())
    assert violations(lived) == []


def test_the_limits_of_the_ca_are_foreseen_and_not_run_into(store: SqlStore) -> None:
    """60 new names of one registered domain at once: 50 pass, then one each 202 minutes."""
    arriving = {f"click{n}.brand.test": LAUNCH for n in range(60)}
    lived = simulate(live(store, Conditions(start=LAUNCH, days=3, arriving=arriving, budget=1000)))
    first_hour = [one for one in lived.ca.issued if one.at < LAUNCH + timedelta(hours=1)]
    last_at = max(one.at for one in lived.ca.issued)
    assert lived.ca.limits.refused == []
    assert (len(first_hour), len(lived.ca.issued)) == (50, 60)
    assert last_at - LAUNCH < 11 * timedelta(minutes=202)
    assert violations(lived) == []
