"""Two years of a large fleet at a CA that enforces its limits.

usage: python -m bench.simulate [--domains N] [--days N] [--seed N]

Prints a table; exits with 1 where a claim does not hold: a week with more certificates than the
budget, a certificate too many, a lapse that the budget could have avoided, or one that the forecast
did not name 30 days before.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from certwatch.app import known_cas
from certwatch.store import open_store
from certwatch.store.ledger import Rules
from tests.simulation.claims import WINDOW, busiest, forecast_of, violations
from tests.simulation.clockwork import simulate
from tests.simulation.service import Conditions, Simulation, fleet, live

LAUNCH = datetime(2026, 8, 3, 9, tzinfo=UTC)
AUTUMN = datetime(2027, 9, 1, 9, tzinfo=UTC)  # before lives shrink from 64 to 45 days
MONTH = timedelta(days=30)
HALF_A_DAY = timedelta(hours=12)


def enough(domains: int, days: int, seed: int) -> Conditions:
    """A budget that suffices to the end, in all weathers."""
    budget = max(4, round(domains * 0.28))
    return Conditions(
        start=LAUNCH,
        days=days,
        arriving=fleet(domains, LAUNCH, a_week=budget * 0.8),
        budget=budget,
        reserve=max(1, budget // 10),
        rate=0.02,
        risk=0.0002,
        seed=seed,
        incidents={LAUNCH + days * timedelta(days=share): 0.05 for share in (0.3, 0.8)},
        wakes_every=HALF_A_DAY,
        soonest=HALF_A_DAY,
    )


def scarce(domains: int, days: int, seed: int) -> Conditions:
    """A budget that suffices for lives of 64 days, and not for 45."""
    ordinary = max(2, round(domains * 0.138))
    return Conditions(
        start=AUTUMN,
        days=days,
        arriving=fleet(domains, AUTUMN, a_week=ordinary),
        budget=ordinary + 1,
        reserve=1,
        seed=seed,
        forecasts=True,
        stop_at_lapse=True,
        wakes_every=HALF_A_DAY,
        soonest=HALF_A_DAY,
    )


def run(conditions: Conditions) -> Simulation:
    """Live through it, on a database in memory."""
    rules = Rules(limits=known_cas().buckets, window=WINDOW)
    with open_store("sqlite://", rules) as store:
        lived = simulate(live(store, conditions))
        lived.violations = [*violations(lived), *_about_outages(lived)]
    return lived


def _about_outages(lived: Simulation) -> list[str]:
    outages = lived.outages
    if not lived.conditions.stop_at_lapse:
        return [f"{one.domain} lapsed at {one.from_at:%F %T}" for one in outages]
    if not outages:
        return ["nothing lapsed, though the budget is too small"]
    told, first = forecast_of(lived, outages[0].from_at - MONTH), outages[0]
    if told and told.from_at.date() == first.from_at.date():
        return []
    said = f"{told.from_at:%F}" if told else "none"
    return [f"the first lapse was at {first.from_at:%F}, the forecast 30 days before said {said}"]


def row(name: str, lived: Simulation, seconds: float) -> str:
    """One line of the table."""
    conditions = lived.conditions
    faults = (lived.ca.faults + lived.world.faults).total()
    cells: Sequence[object] = (
        name,
        len(conditions.arriving),
        f"{busiest([one.at for one in lived.ca.issued])} of {conditions.budget}",
        len(lived.ca.issued),
        faults,
        lived.kills,
        len(lived.ca.limits.refused),
        f"{lived.outages[0].from_at:%F}" if lived.outages else "none",
        f"{seconds:.0f} s",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Run both simulations and judge them."""
    options = argparse.ArgumentParser(prog="bench.simulate", description=__doc__)
    options.add_argument("--domains", type=int, default=500, metavar="N")
    options.add_argument("--days", type=int, default=730, metavar="N")
    options.add_argument("--seed", type=int, default=0, metavar="N")
    chosen = options.parse_args()
    print("| budget | domains | busiest week | issued | faults | kills | 429 | lapse | took |")
    print("|---|---|---|---|---|---|---|---|---|")
    wrong: list[str] = []
    for name, make in (("enough", enough), ("scarce", scarce)):
        began = time.monotonic()
        lived = run(make(chosen.domains, chosen.days, chosen.seed))
        print(row(name, lived, time.monotonic() - began), flush=True)
        wrong += [f"{name}: {sentence}" for sentence in lived.violations]
    print("\n".join(wrong), file=sys.stderr)
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
