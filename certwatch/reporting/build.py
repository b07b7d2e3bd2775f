"""From the latest looks to a report, in one pass."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from certwatch.checks.ours import MISSED, MONITOR_SICK, STALE, stale
from certwatch.core.model import Certificate, Severity, State, TrackingDomain, worst
from certwatch.core.policy import HousePolicy
from certwatch.ports import Latest, OpenFinding, PastFinding, PastSweep, StateChange
from certwatch.reporting.model import ORDER, Blind, Calendar, Group, Kind, Report, Row, Week
from certwatch.reporting.plan import Forecast

WEEKS = 13  # of the calendar: a 90-day certificate is renewed within it
EXAMPLES = 3  # domains named for a week
NO_OWNER = "(no owner declared)"
NO_PLACE = "(not known)"
_BROKEN = (State.CRITICAL, State.WARNING)

Counts = Counter[State]
ByCheck = Counter[tuple[Severity, str]]


def aged(
    looks: Iterable[Latest], *, now: datetime, interval: timedelta, house: HousePolicy
) -> Iterator[Latest]:
    """The same looks as of now: one that is three intervals old carries the finding ``stale``."""
    return (_aged(latest, now, interval, house) for latest in looks)


def _aged(latest: Latest, now: datetime, interval: timedelta, house: HousePolicy) -> Latest:
    judged = latest.judged
    if judged is None:
        return latest
    observed_at = judged.observation.observed_at
    finding, severity = stale(observed_at, interval, now), _severity(latest.domain, house)
    if finding is None or severity is None:
        return latest
    finding = replace(finding, severity=severity)
    opened = OpenFinding(finding=finding, opened_at=observed_at + MISSED * interval)
    findings = tuple(sorted((*judged.findings, finding), key=lambda f: -f.severity.rank))
    state = State.UNKNOWN if judged.state is State.UNKNOWN else worst(findings)
    return replace(
        latest,
        judged=replace(judged, state=state, findings=findings),
        since=latest.since if state is judged.state else opened.opened_at,
        findings=(*latest.findings, opened),
    )


def _severity(domain: TrackingDomain, house: HousePolicy) -> Severity | None:
    """How grave a stale look is for this domain; None when the settings mute it."""
    applying = [r.severity for r in house.rules if r.check == STALE.code and r.applies(domain)]
    return applying[-1] if applying else STALE.severity


def build_report(
    looks: Iterable[Latest],
    *,
    now: datetime,
    since: datetime,
    past: Iterable[PastFinding] = (),
    changes: Iterable[StateChange] = (),
    sweep: PastSweep | None = None,
    plan: Forecast | None = None,
) -> Report:
    """Read all looks (as ``aged`` gives them) and what the store remembers from ``since`` on, which
    is where the window of changes begins; ``plan`` is what is to come."""
    tally = _Tally(now=now, since=since)
    for latest in looks:
        tally.add(latest)
    in_order = {*tally.names[State.OK], *tally.names[State.INFO]}
    mended = {change.domain for change in changes if change.before in _BROKEN}
    return Report(
        at=now,
        since=since,
        counts={state: len(names) for state, names in tally.names.items()},
        broken=tuple(sorted(tally.broken, key=_worst_first)),
        unseen=tuple(tally.unseen),
        never=sum(row.observed_at is None for row in tally.unseen),
        stale=sum(n for (_, check), n in tally.checks.items() if check == STALE.code),
        calendar=tally.calendar(),
        owners=tuple(g for g in _groups(tally.owners) if g.critical or g.warning),
        places=_groups(tally.places),
        kinds=_kinds(tally.checks, tally.opened, _closed(past, since)),
        recovered=tuple(sorted(mended & in_order)),
        swept_at=sweep.finished_at if sweep else None,
        ours=sweep.findings if sweep else (),
        blind=blindness(sweep, (row.unseen_since for row in tally.unseen)),
        plan=plan,
        order=tuple(name for state in ORDER for name in sorted(tally.names[state])),
    )


def blindness(sweep: PastSweep | None, unseen_since: Iterable[datetime | None]) -> Blind | None:
    """What the latest sweep says of our being cut off, and since when domains are out of sight."""
    sick = (each for each in (sweep.findings if sweep else ()) if each.check == MONITOR_SICK.code)
    finding = next(sick, None)
    if sweep is None or finding is None:
        return None
    return Blind(finding, min(filter(None, unseen_since), default=sweep.started_at))


@dataclass(slots=True, kw_only=True)
class _Tally:
    """A report under way."""

    now: datetime
    since: datetime
    names: dict[State, list[str]] = field(default_factory=lambda: {state: [] for state in ORDER})
    broken: list[Row] = field(default_factory=list)
    unseen: list[Row] = field(default_factory=list)
    checks: ByCheck = field(default_factory=Counter)
    opened: ByCheck = field(default_factory=Counter)
    owners: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counter))
    places: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counter))
    ends: dict[date, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(dict))
    expired: int = 0

    def add(self, latest: Latest) -> None:
        """Take in one domain."""
        row = _row(latest)
        self.names[row.state].append(row.domain)
        if row.known in _BROKEN:
            self.broken.append(row)
        if row.state is State.UNKNOWN:
            self.unseen.append(row)
        self.owners[row.owner or NO_OWNER][row.known] += 1
        self.places[row.place or NO_PLACE][row.known] += 1
        self._count(row)
        if latest.judged and (leaf := latest.judged.observation.leaf):
            self._mark(row.domain, leaf)

    def _count(self, row: Row) -> None:
        """Count a domain once for each kind of finding that it has."""
        self.checks.update({_kind(each) for each in row.findings})
        self.opened.update({_kind(each) for each in row.findings if each.opened_at >= self.since})

    def _mark(self, domain: str, leaf: Certificate) -> None:
        """Enter a certificate in the calendar."""
        if leaf.not_after <= self.now:
            self.expired += 1
        else:
            monday = _monday(leaf.not_after)
            self.ends[monday].setdefault(leaf.fingerprint, []).append(domain)

    def calendar(self) -> Calendar:
        """The weeks from this one on, empty ones included."""
        first = _monday(self.now)
        mondays = [first + timedelta(weeks=number) for number in range(WEEKS)]
        beyond = (ends for monday, ends in self.ends.items() if monday > mondays[-1])
        return Calendar(
            expired=self.expired,
            weeks=tuple(_week(monday, self.ends.get(monday, {})) for monday in mondays),
            later=sum(len(domains) for ends in beyond for domains in ends.values()),
        )


def _row(latest: Latest) -> Row:
    judged, domain = latest.judged, latest.domain
    leaf = judged.observation.leaf if judged else None
    state = judged.state if judged else State.UNKNOWN
    last = last_known(latest)
    return Row(
        domain=domain.name,
        state=state,
        known=worst(tuple(each.finding for each in last)) if last else state,
        since=_began(last) if last else latest.since,
        unseen_since=latest.since if state is State.UNKNOWN else None,
        observed_at=judged.observation.observed_at if judged else None,
        not_after=leaf.not_after if leaf else None,
        provider=judged.provider if judged else domain.provider,
        edge=judged.edge if judged else domain.edge,
        owner=domain.owner,
        findings=tuple(sorted(latest.findings, key=lambda each: -each.finding.severity.rank)),
    )


def last_known(latest: Latest) -> tuple[OpenFinding, ...]:
    """What was true of a domain when it was seen last, while it cannot be seen; else nothing."""
    if latest.judged is None or latest.judged.state is not State.UNKNOWN:
        return ()
    return tuple(each for each in latest.findings if each.finding.check != STALE.code)


def _began(last: Iterable[OpenFinding]) -> datetime:
    """When the gravest of some findings began."""
    return min(last, key=lambda each: (-each.finding.severity.rank, each.opened_at)).opened_at


def _worst_first(row: Row) -> tuple[int, float, str]:
    since = row.since.timestamp() if row.since else float("inf")
    return ORDER.index(row.known), since, row.domain


def _kind(opened: OpenFinding) -> tuple[Severity, str]:
    return opened.finding.severity, opened.finding.check


def _closed(past: Iterable[PastFinding], since: datetime) -> ByCheck:
    """On how many domains each kind of finding ended inside the window."""
    ended = (each for each in past if each.closed_at is not None and each.closed_at >= since)
    pairs = {(each.domain, each.finding.severity, each.finding.check) for each in ended}
    return Counter((severity, check) for _, severity, check in pairs)


def _kinds(checks: ByCheck, opened: ByCheck, closed: ByCheck) -> tuple[Kind, ...]:
    kinds = (
        Kind(
            check=check,
            severity=severity,
            domains=checks[severity, check],
            opened=opened[severity, check],
            closed=closed[severity, check],
        )
        for severity, check in checks.keys() | closed.keys()
    )
    return tuple(sorted(kinds, key=lambda kind: (-kind.severity.rank, -kind.domains, kind.check)))


def _groups(counted: Mapping[str, Counts]) -> tuple[Group, ...]:
    groups = (
        Group(
            name=name,
            domains=states.total(),
            critical=states[State.CRITICAL],
            warning=states[State.WARNING],
        )
        for name, states in counted.items()
    )
    return tuple(sorted(groups, key=lambda g: (-g.critical, -g.warning, -g.domains, g.name)))


def _monday(at: datetime) -> date:
    return at.date() - timedelta(days=at.weekday())


def _week(monday: date, ends: Mapping[str, list[str]]) -> Week:
    names = sorted(name for domains in ends.values() for name in domains)
    return Week(
        monday=monday,
        certificates=len(ends),
        domains=len(names),
        examples=tuple(names[:EXAMPLES]),
    )
