"""A fleet as columns of whole seconds from the instant of the plan, sorted and ready to be run."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate, chain
from operator import attrgetter, itemgetter
from typing import NamedTuple

from certwatch.core.lifetime import usual_left
from certwatch.core.renewal import EMERGENCIES, Allowance, Lifetimes, Need, Reason

NEVER = 1 << 60  # further than any instant; seconds
_BEHIND = NEVER - 1
_SECOND = timedelta(seconds=1)
_UNPACED = (Reason.ARI, Reason.NEW, *EMERGENCIES)


class Regime(NamedTuple):
    """Certificates made from ``start`` on live ``life`` seconds, and are normally replaced after
    ``interval``, never before ``rest``; the plan wants them replaced by ``safe``, a margin before
    their expiry."""

    start: int
    life: int
    interval: int
    safe: int
    rest: int


class Job(NamedTuple):
    """One renewal that is waited for.

    ``key`` orders the run. ``preferred``: when it is wanted; ``safe``: when it should be done,
    ``deadline``: when the certificate expires (both ``NEVER`` without one). ``due`` stands for
    ``safe`` where deadlines are compared: that of whoever a new domain stands before.
    ``earliest``: not before, because a failed attempt is waited out or its predecessor is young;
    ``paced``: it may wait for its turn in an even row.
    """

    key: int
    preferred: int
    safe: int
    deadline: int
    due: int
    earliest: int
    paced: bool
    owner: int  # index of the need


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a run must keep to: places in any half-open ``window`` (``ordinary`` of them are open to
    renewals that are no emergency), and the places that were taken before."""

    places: int
    ordinary: int
    window: int
    horizon: int
    spent: Sequence[int]
    regimes: Sequence[Regime]

    def with_places(self, places: int) -> "Terms":
        """The same, with another budget and the same reserve."""
        return replace(self, places=places, ordinary=places - self.places + self.ordinary)

    def most(self, jobs: int) -> int:
        """More places than so many jobs and their follow-ups can fill in any window; what a budget
        has beyond them is always free."""
        rest = max(1, min(regime.rest for regime in self.regimes))
        return jobs * (2 + min(self.window, self.horizon) // rest) + len(self.spent) + 1


def terms_of(
    at: datetime,
    horizon: timedelta,
    allowance: Allowance,
    lifetimes: Lifetimes,
    spent: Sequence[datetime],
    margin: timedelta,
) -> Terms:
    """The terms of a plan in seconds; whatever does not divide evenly errs on the safe side."""
    window = max(1, _ceil(allowance.window))
    taken = sorted(_ceil(instant - at) for instant in spent)
    return Terms(
        places=allowance.certificates,
        ordinary=allowance.certificates - allowance.reserve,
        window=window,
        horizon=horizon // _SECOND,
        spent=[instant for instant in taken if instant > -window],
        regimes=_regimes(at, lifetimes, margin),
    )


def _ceil(span: timedelta) -> int:
    return -(-span // _SECOND)


def _regimes(at: datetime, lifetimes: Lifetimes, margin: timedelta) -> list[Regime]:
    later = [start for start, _ in lifetimes.steps[1:] if start > at]
    return [
        _regime(start, lifetimes.at(max(at, start)), at, margin) for start in [at, *sorted(later)]
    ]


def _regime(start: datetime, life: timedelta, at: datetime, margin: timedelta) -> Regime:
    left = usual_left(life)
    seconds = life // _SECOND
    interval = max(1, _ceil(life - left))
    safe = max((life - min(margin, left)) // _SECOND, interval)
    return Regime(max(0, _ceil(start - at)), seconds, interval, safe, interval // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The needs by name, and their first renewals by deadline; domains without a certificate are
    kept apart."""

    needs: Sequence[Need]
    due: list[Job]
    new: list[Job]


def fleet_of(needs: Sequence[Need], at: datetime, margin: timedelta) -> Fleet:
    """The needs as jobs; ties go by deadline, preferred time and name."""
    named = sorted(needs, key=attrgetter("domain"))
    jobs = sorted(_job(owner, need, at, margin) for owner, need in enumerate(named))
    certified = sum(job.deadline < NEVER for job in jobs)
    return Fleet(needs=named, due=jobs[:certified], new=jobs[certified:])


def _job(owner: int, need: Need, at: datetime, margin: timedelta) -> Job:
    earliest = max(0, _ceil(need.earliest_at - at)) if need.earliest_at else 0
    preferred = max(earliest, -((at - need.normal_at) // _SECOND))
    if need.not_after is None:
        return Job(NEVER, earliest, NEVER, NEVER, NEVER, earliest, False, owner)
    expiry = (need.not_after - at) // _SECOND
    if need.reason in EMERGENCIES:  # as good as expired when the plan is made
        expiry = min(expiry, -1)
        return Job(expiry, preferred, expiry, expiry, expiry, earliest, False, owner)
    safe = expiry
    if margin:
        safe = max((need.not_after - margin - at) // _SECOND, min(preferred, expiry))
    paced = preferred > 0 and need.reason not in _UNPACED
    return Job(expiry, preferred, safe, expiry, safe, earliest, paced, owner)


def new_domains(fleet: Fleet, terms: Terms, *, admit: bool) -> list[Job]:
    """New domains where they make nobody late, or behind everyone, keyed for ``by_deadline``."""
    gates = [_BEHIND] * len(fleet.new)
    if admit:
        gates = _gates([job.deadline for job in fleet.due], terms, len(fleet.new))
    return [job._replace(key=gate, due=gate) for job, gate in zip(fleet.new, gates, strict=True)]


def by_preference(fleet: Fleet, guests: Sequence[Job]) -> list[Job]:
    """Who wants it first goes first, new domains before everyone; keyed by preferred time."""
    first = [job if job.key == _BEHIND else job._replace(key=-1) for job in guests]
    rest = [Job(job[1], *job[1:]) for job in fleet.due]
    return sorted(chain(first, rest), key=itemgetter(0))


def by_deadline(fleet: Fleet, guests: Sequence[Job]) -> list[Job]:
    """Who expires first goes first, new domains where they were let in."""
    return sorted(chain(guests, fleet.due), key=itemgetter(0))


def _gates(deadlines: Sequence[int], terms: Terms, admitted: int) -> list[int]:
    """For each new domain that is let in, the deadline of the renewal it stands before.

    With the earliest places ``e`` in order, renewal ``i`` has ``c[i]`` to spare: those up to its
    deadline less those that it and the ones before it take. The m-th new domain may stand before
    renewal ``k`` if each from there on has ``m`` to spare; both grow together.
    """
    if not admitted or not deadlines:
        return [0] * admitted
    places = free_places(terms, len(deadlines) + admitted)
    spare = [
        bisect_right(places, max(deadline, places[i])) - 1 - i
        for i, deadline in enumerate(deadlines)
    ]
    least = list(accumulate(reversed(spare), min))[::-1]
    gates, k = [], 0
    for m in range(1, admitted + 1):
        while k < len(least) and least[k] < m:
            k += 1
        gates.append(deadlines[k] if k < len(least) else deadlines[-1] + 1)
    return gates


def free_places(terms: Terms, count: int) -> list[int]:
    """The first so many places that an ordinary renewal may take, ascending."""
    ordinary = min(terms.ordinary, max(1, count + len(terms.spent)))  # no more are looked at
    log = [-NEVER] * ordinary + list(terms.spent)
    first = max(0, log[-1])
    block = [max(first, instant + terms.window) for instant in log[-ordinary:]]
    found: list[int] = []
    while len(found) < count:
        found += block
        block = [instant + terms.window for instant in block]
    del found[count:]
    return found
