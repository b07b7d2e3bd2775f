"""One run of a fleet through its budget: two passes, a step of arithmetic for each renewal.

Earliest deadline first on the earliest places gives the least outage. ``latest_starts`` walks back
from the deadlines and says how long each place in the row may be put off without making anybody
later; ``run`` walks forwards, serves at the preferred time where that is safe, and else pulls
forward exactly as far as the crowd behind needs. What is renewed wants to be renewed again, but not
before half of its normal interval is over, whatever the crowd: others are served meanwhile.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from certwatch.core.plan_fleet import NEVER, Job, Regime, Terms, free_places


class Miss(NamedTuple):
    """A certificate that expires at ``deadline`` before its renewal ``at``, which could not have
    been before ``earliest``."""

    owner: int
    deadline: int
    at: int
    earliest: int

    @property
    def begins(self) -> int:
        """When the outage begins, or is seen to have begun."""
        return max(self.deadline, 0)


@dataclass(slots=True)
class Run:
    """The outcome as columns: ``starts`` ascending, whose they are, and by when they were due."""

    starts: Sequence[int] = ()
    owners: Sequence[int] = ()
    due: Sequence[int] = ()
    missed: list[Miss] = field(default_factory=list)
    earliness: int = 0  # seconds, all renewals together

    def outage(self, horizon: int) -> tuple[int, int, int]:
        """How bad it is: outages that begin within the horizon, all of them, earliness."""
        within = sum(miss.at - miss.begins for miss in self.missed if miss.begins < horizon)
        return within, sum(miss.at - miss.begins for miss in self.missed), self.earliness

    def fails(self, horizon: int) -> bool:
        """Whether something lapses within the horizon that another budget could have saved."""
        return any(miss.begins < horizon and miss.at > miss.earliest for miss in self.missed)


def latest_starts(
    due: Sequence[int], terms: Terms, *, pace: tuple[int, int] | None = None
) -> list[int]:
    """The latest safe start of each renewal in the row, whose deadlines are ascending.

    ``s[i] = min(max(d[i], e[i]), s[i+1], s[i+B] - W)``, with ``e`` the earliest places; a
    ``pace`` (seconds, renewals) keeps them so far apart instead, which bursts that come back every
    life can need.
    """
    ordinary, window = terms.ordinary, terms.window
    latest = [max(pair) for pair in zip(due, free_places(terms, len(due)), strict=True)]
    if pace:
        span, count = pace
        scaled = NEVER * count
        for i in range(len(latest) - 1, -1, -1):
            scaled = min(latest[i] * count, scaled - span)
            latest[i] = scaled // count
        return latest
    following, last = NEVER, len(latest) - ordinary
    for i in range(len(latest) - 1, -1, -1):
        bound = latest[i]
        if i < last and latest[i + ordinary] - window < bound:
            bound = latest[i + ordinary] - window
        if following < bound:
            bound = following
        latest[i] = following = bound
    return latest


def run(
    jobs: Sequence[Job],
    terms: Terms,
    latest: Sequence[int] | None,
    *,
    even: bool,
    strict: bool = False,
) -> Run:
    """Serve the jobs in the order of their keys, and whatever follows from them.

    With ``latest`` the keys are deadlines, and the n-th place is taken no later than ``latest[n]``
    if that can be helped; without, they are preferred times. ``even`` spaces all alike, those that
    are overdue included. ``strict`` gives up at the first lapse within the horizon that a larger
    budget could save. One long loop, because a call for each renewal would double its time.
    """
    ordinary, window, most = terms.ordinary, terms.window, terms.most(len(jobs))
    places, back = min(terms.places, most), min(ordinary, most)
    starts = [-NEVER] * places + list(terms.spent)
    base = n = q = len(starts)  # the next place; the next one that is renewed again
    last, scaled = max(0, starts[-1]), starts[-1] * ordinary
    owners, due, missed, earliness = array("q"), array("q"), list[Miss](), 0
    postponed: list[tuple[int, int, Job]] = []
    paced = ripe = False
    limits = [] if latest is None else latest
    by_wish, planned = latest is None, len(limits)
    upcoming = list(terms.regimes)
    life, interval, safe_life, rest, ahead, final, ending = _enter(upcoming, terms, by_wish)
    columns = _columns(jobs)
    keys, preferences, safes, deadlines, dues, earliests, pacing, whose = columns
    f, count = 0, len(keys)
    while True:
        again = q < n and starts[q] <= final
        if ripe:
            job = heappop(postponed)[2]
            _, wanted, safe, deadline, wish, earliest, paced, owner = job
            again = False
        elif f < count and (not again or keys[f] <= starts[q] + ahead):
            wanted, safe, deadline, wish = preferences[f], safes[f], deadlines[f], dues[f]
            earliest, paced, owner = earliests[f], bool(pacing[f]) or even, whose[f]
            again = False
        elif again:
            made = starts[q]
            wanted, deadline = made + interval, made + life
            safe = wish = made + safe_life
            earliest, paced, owner = made + rest, True, owners[q - base]
        elif postponed:
            ripe = True
            continue
        else:
            break

        free = starts[n - back] + window
        if free > deadline and places > back:  # expired by then: the reserve is for this
            free = min(free, max(deadline + 1, starts[n - places] + window))
        t, turn = wanted, 0
        if paced:
            turn = (scaled + window) // ordinary
            if turn > t:
                t = turn
        if t > safe:
            t = safe
        if n - base < planned and t > limits[n - base]:
            t = limits[n - base]
        if t < free:
            t = free
        if t < last:
            t = last

        if postponed and not ripe and postponed[0][0] <= t:
            ripe = True
            continue
        if t < earliest:
            if not by_wish and not ripe:
                job = Job(0, wanted, safe, deadline, wish, earliest, paced, owner)
                heappush(postponed, (earliest, f + q, job))
                if again:
                    q += 1
                else:
                    f += 1
                continue
            t = earliest
        if again:
            q += 1
        elif not ripe:
            f += 1
        ripe = False
        while t >= ending:  # what was made before lives on as it was made
            old = upcoming.pop(0)
            kept = _remembered(starts[q:n], owners[q - base :], old, final, ahead)
            left = [Job(*row) for row in zip(*(column[f:] for column in columns), strict=True)]
            columns = _columns(sorted(chain(left, kept), key=itemgetter(0)))
            keys, preferences, safes, deadlines, dues, earliests, pacing, whose = columns
            f, count, q = 0, len(keys), n
            life, interval, safe_life, rest, ahead, final, ending = _enter(upcoming, terms, by_wish)
        scaled = scaled + window if t == turn else t * ordinary
        if t > deadline and t > 0:
            missed.append(Miss(owner, deadline, t, earliest))
            if strict and t > earliest and deadline < terms.horizon:
                break
        elif t < wanted:
            earliness += wanted - t
        starts.append(t)
        owners.append(owner)
        due.append(wish)
        last = t
        n += 1
    del starts[:base]
    return Run(starts, owners, due, missed, earliness)


def _columns(jobs: Sequence[Job]) -> list[list[int]]:
    return [list(column) for column in zip(*jobs, strict=True)] or [[] for _ in Job._fields]


def _enter(
    upcoming: Sequence[Regime], terms: Terms, by_wish: bool
) -> tuple[int, int, int, int, int, int, int]:
    """What holds from now on: life, interval, safe life, rest; how far a follow-up's key lies
    ahead of its predecessor's start; the last start that is renewed again; and until when this
    holds."""
    now = upcoming[0]
    ahead = now.interval if by_wish else now.life
    ending = upcoming[1].start if len(upcoming) > 1 else NEVER
    # Who starts later is not renewed again within the horizon.
    final = terms.horizon - now.interval
    return now.life, now.interval, now.safe, now.rest, ahead, final, ending


def _remembered(
    made: Sequence[int], owners: Sequence[int], old: Regime, final: int, ahead: int
) -> Iterator[Job]:
    """The follow-ups of certificates that were made before lives changed."""
    for start, owner in zip(made, owners, strict=True):
        if start <= final:
            safe = start + old.safe
            wanted, deadline = start + old.interval, start + old.life
            earliest = start + old.rest
            yield Job(start + ahead, wanted, safe, deadline, safe, earliest, True, owner)
