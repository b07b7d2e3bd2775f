"""What must hold of a simulation, as sentences about what does not."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from certwatch.core.planning import Lapse
from tests.simulation.service import Simulation

WINDOW = timedelta(days=7)


def violations(simulation: Simulation) -> list[str]:
    """Every claim that does not hold; outages are for the caller to judge."""
    return [
        *_overspent(simulation),
        *_spent_twice(simulation),
        *_provoked(simulation),
        *(f"ARI was asked of a dead certificate: {one}" for one in simulation.ca.asked_in_vain),
    ]


def busiest(instants: Sequence[datetime], window: timedelta = WINDOW) -> int:
    """The most that fall into any half-open span of the window."""
    ordered, first, most = sorted(instants), 0, 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most


def forecast_of(simulation: Simulation, day: datetime) -> Lapse | None:
    """The first lapse that was forecast on that day."""
    plan = next(plan for plan in simulation.forecasts if plan.at.date() == day.date())
    return plan.lapses[0] if plan.lapses else None


def ledger(simulation: Simulation) -> dict[str, list[datetime]]:
    """The instants of the places taken, by domain."""
    found: dict[str, list[datetime]] = {}
    since = simulation.conditions.start
    for spend in simulation.store.spends(simulation.ca.directory, since):
        found.setdefault(spend.domain, []).append(spend.at)
    return found


def _overspent(simulation: Simulation) -> Iterator[str]:
    """In certwatch's ledger, and by the log of the CA."""
    budget = simulation.conditions.budget
    spent = [at for places in ledger(simulation).values() for at in places]
    issued = [one.at for one in simulation.ca.issued]
    for what, instants in (("the ledger", spent), ("the CA's log", issued)):
        if (most := busiest(instants)) > budget:
            yield f"{what} has {most} certificates in one week, {budget} are allowed"


def _spent_twice(simulation: Simulation) -> Iterator[str]:
    """One place is one renewal: more certificates than places are duplicates, fewer are waste."""
    places = {domain: len(at) for domain, at in ledger(simulation).items()}
    issued = Counter(one.domain for one in simulation.ca.issued)
    for domain in sorted(places.keys() | issued.keys()):
        if places.get(domain, 0) != issued[domain]:
            yield f"{domain}: {issued[domain]} certificates for {places.get(domain, 0)} places"


def _provoked(simulation: Simulation) -> Iterator[str]:
    """A 429 teaches something: the same limit is not run into again."""
    refused = Counter((name, holder) for _, name, holder in simulation.ca.limits.refused)
    for (name, holder), times in refused.items():
        if times > 1:
            yield f"the CA refused {times} times by its limit {name} {holder}".rstrip()
