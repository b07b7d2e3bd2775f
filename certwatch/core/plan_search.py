"""The best of several runs, and the smallest budget whose best run lets nothing lapse."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from certwatch.core.plan_fleet import (
    NEVER,
    Fleet,
    Job,
    Regime,
    Terms,
    by_deadline,
    by_preference,
    new_domains,
)
from certwatch.core.plan_run import Run, latest_starts, run

_ROUNDS = 3
_LARGE = 20_000  # domains, beyond which more rounds than one cost more than they find
_WINDOWS = 5_000  # looked at for the lower bound


def best_run(fleet: Fleet, terms: Terms, bound: int) -> Run:
    """The run with the least outage and then the least earliness of those worth trying; ``bound``
    is the fleet's ``budget_bound``."""
    best: Run | None = None
    for tried in _runs(fleet, terms, bound):
        if not any(miss.at > miss.earliest for miss in tried.missed):
            return tried
        if best is None or tried.outage(terms.horizon) < best.outage(terms.horizon):
            best = tried
    return best or Run()


def _runs(
    fleet: Fleet, terms: Terms, bound: int, paces: Sequence[bool] = (False, True)
) -> Iterator[Run]:
    """The runs that are worth trying, at their own pace and evenly spaced; where a window outlasts
    half a life, at the last minute too."""
    wide = any(2 * terms.window > regime.life for regime in terms.regimes)
    large = len(fleet.due) > _LARGE
    if large and terms.places < bound:  # something lapses whatever is tried
        paces = ()
        guests = new_domains(fleet, terms, admit=True)
        yield _urgent(fleet, guests, terms, [job.due for job in (*fleet.due, *guests)], even=False)
    for admit in (True, False) if fleet.new else (True,):
        guests = new_domains(fleet, terms, admit=admit)
        for even in paces:
            tried = run(by_preference(fleet, guests), terms, None, even=even)
            yield tried
            for _ in range(1 if large else _ROUNDS):
                tried = _urgent(fleet, guests, terms, tried.due, even=even)
                yield tried
        for _ in range((1 if large else _ROUNDS) if wide and paces else 0):
            tried = _last_minute(fleet, guests, terms, tried.due)
            yield tried


def _urgent(
    fleet: Fleet, guests: Sequence[Job], terms: Terms, crowd: Sequence[int], *, even: bool
) -> Run:
    pace = (terms.window, terms.ordinary) if even else None
    latest = latest_starts(sorted(crowd), terms, pace=pace)
    return run(by_deadline(fleet, guests), terms, latest, even=even)


def _last_minute(fleet: Fleet, guests: Sequence[Job], terms: Terms, crowd: Sequence[int]) -> Run:
    """Everyone as late as their deadlines and the crowd behind allow: each renewal spared counts
    where a domain comes round more than once in a window."""
    late = replace(terms, regimes=[now._replace(interval=now.safe) for now in terms.regimes])
    due = [job._replace(preferred=max(job.earliest, job.safe)) for job in fleet.due]
    latest = latest_starts(sorted(crowd), terms, pace=_round_pace(fleet, terms))
    found = run(by_deadline(replace(fleet, due=due), guests), late, latest, even=False)
    found.earliness = NEVER  # nobody is early by these wishes: only less outage speaks for it
    return found


def _round_pace(fleet: Fleet, terms: Terms) -> tuple[int, int] | None:
    """How far apart renewals must be so that the fleet can go round for ever, None if it need not.

    Of ``B = m*N + k`` places for ``N`` domains, place ``i+B`` is for the m-th follow-up of place
    ``i+k``: at most m lives after that, and at least a window after ``i``.
    """
    times, over = divmod(terms.ordinary, max(1, len(fleet.due) + len(fleet.new)))
    span = terms.window - times * terms.regimes[0].life
    return (span, over) if over and span > 0 else None


def smallest_budget(fleet: Fleet, terms: Terms, bound: int, known: Run) -> int:
    """The smallest budget with the same reserve that leaves no lapse within the horizon.

    ``known`` is the best run of these terms, ``bound`` the fleet's ``budget_bound``. From there on
    it is tried, in growing steps and then halving.
    """
    least = terms.places - terms.ordinary + 1
    low = max(least, bound) - 1  # fails, or may not be
    works = {terms.places: not known.fails(terms.horizon)}

    def enough(places: int) -> bool:
        if places not in works:
            tried = _runs(fleet, terms.with_places(places), bound, paces=(True, False))
            works[places] = any(not found.fails(terms.horizon) for found in tried)
        return works[places]

    if terms.places > low and not works[terms.places]:
        low = terms.places
    high, step = low + 1, 1
    while not enough(high):
        low, high, step = high, high + step, step * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def budget_bound(fleet: Fleet, terms: Terms) -> int:
    """A budget that any schedule needs: by the end of each window, all must be renewed that expire
    before, however late their predecessors were."""
    deadlines = [max(0, job.deadline, job.earliest) for job in fleet.due]
    if not deadlines:
        return 1
    deadlines.sort()
    count = min(-(-terms.horizon // terms.window), _WINDOWS)
    ends = [min((k + 1) * terms.window, terms.horizon) - 1 for k in range(count)]
    most = max(
        (-(-_due_by(end, deadlines, terms.regimes) // (k + 1)) for k, end in enumerate(ends)),
        default=1,
    )
    emergencies = any(job.deadline < 0 for job in fleet.due)
    return most if emergencies else most + terms.places - terms.ordinary


def _due_by(end: int, deadlines: Sequence[int], regimes: Sequence[Regime]) -> int:
    """How many renewals must be done by then at the very least."""
    due = 0
    while end >= deadlines[0]:
        due += bisect_right(deadlines, end)
        end = _predecessor(end, regimes)
    return due


def _predecessor(end: int, regimes: Sequence[Regime]) -> int:
    """The latest start up to which no certificate lives beyond ``end``."""
    start = -1
    for i, regime in enumerate(regimes):
        last = regimes[i + 1].start - 1 if i + 1 < len(regimes) else end
        start = max(start, min(end - regime.life, last))
        if end - regime.life < last:
            break
    return start
