"""The read model of a report: what ``certwatch.reporting.build`` makes of the latest looks.

Of a healthy domain it holds only the name, and its certificate in the calendar.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from certwatch.core.model import Finding, Severity, State
from certwatch.ports import OpenFinding
from certwatch.reporting.plan import Forecast

SLASH = " / "  # between a provider and the edge in front of it
ORDER = (State.CRITICAL, State.WARNING, State.UNKNOWN, State.INFO, State.OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One domain; ``observed_at`` is None when it was never looked at, ``findings`` worst first.

    ``known`` is its state, or the last known one while it cannot be seen (``unseen_since`` then);
    ``since`` is when that began.
    """

    domain: str
    state: State
    known: State
    since: datetime | None
    unseen_since: datetime | None
    observed_at: datetime | None
    not_after: datetime | None
    provider: str | None
    edge: str | None
    owner: str | None
    findings: tuple[OpenFinding, ...]

    @property
    def place(self) -> str:
        """The provider and the edge in front of it, as far as they are known."""
        return SLASH.join(part for part in (self.provider, self.edge) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """The certificates that end in the seven days from ``monday``; ``examples`` are domains."""

    monday: date
    certificates: int
    domains: int
    examples: tuple[str, ...]

    @property
    def sunday(self) -> date:
        """Its last day."""
        return self.monday + timedelta(days=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When certificates end. ``expired`` and ``later`` count the domains before and beyond it."""

    expired: int
    weeks: tuple[Week, ...]
    later: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Domains that share an owner, or a provider and edge, and how many of them need eyes."""

    name: str
    domains: int
    critical: int
    warning: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One check code at one severity: the domains that have it now, and those on which it began and
    ended inside the window."""

    check: str
    severity: Severity
    domains: int
    opened: int
    closed: int


@dataclass(frozen=True, slots=True)
class Blind:
    """We see nothing: the finding that says so, and when the first domain went out of sight."""

    finding: Finding
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The present state of all domains, and what is new since the window began (``since``).

    ``broken`` domains are critical or warning, or were so when they were seen last; the worst and
    oldest first. ``unseen`` ones could not be looked at for a reason on our side, or were ``never``
    looked at. ``recovered`` ones are
    in order now and were broken inside the window. ``ours`` is what the latest sweep found about
    our own side. ``plan`` is there when certwatch issues for one of them.
    """

    at: datetime
    since: datetime
    counts: Mapping[State, int]
    broken: tuple[Row, ...]
    unseen: tuple[Row, ...]
    never: int
    stale: int
    calendar: Calendar
    owners: tuple[Group, ...]  # only those with something to do
    places: tuple[Group, ...]
    kinds: tuple[Kind, ...]
    recovered: tuple[str, ...]
    swept_at: datetime | None
    ours: tuple[Finding, ...]
    blind: Blind | None
    plan: Forecast | None = None
    order: tuple[str, ...] = field(repr=False)  # all names, worst state first

    @property
    def domains(self) -> int:
        """How many domains there are."""
        return len(self.order)

    @property
    def known(self) -> Mapping[State, int]:
        """How many domains are broken, those included that were so when they were seen last."""
        return Counter(row.known for row in self.broken)

    @property
    def last_known(self) -> Mapping[State, int]:
        """How many of the domains that cannot be seen were broken when they were."""
        return Counter(row.known for row in self.broken if row.unseen_since)

    @property
    def severities(self) -> frozenset[Severity]:
        """The severities that occur, for ``--fail-on``."""
        open_now = (kind.severity for kind in self.kinds if kind.domains)
        return frozenset((*open_now, *(finding.severity for finding in self.ours)))
