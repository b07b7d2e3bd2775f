"""The ports of the first journey: the clock, the network, and the store of what was seen."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from certwatch.core.identify import Questions
from certwatch.core.model import (
    DnsView,
    Finding,
    HttpView,
    Judged,
    Memory,
    Observation,
    ResolverState,
    State,
    TrackingDomain,
)


class Clock(Protocol):
    """The time, as aware UTC."""

    def now(self) -> datetime:
        """This instant."""
        ...


class Looks(Protocol):
    """One sweep's eyes: answers about shared things (zones, addresses, CRLs) are asked once."""

    async def look(self, domain: TrackingDomain, now: datetime) -> Observation:
        """Look once; never raises for what the network does."""
        ...

    async def challenge(self, domain: TrackingDomain, token: str) -> tuple[HttpView, ...]:
        """What each address of a domain answers for an ACME token on port 80, redirects followed on
        its own host as the CA does (RFC 8555 section 8.3); never raises for what the network does.
        """
        ...

    async def resolver_state(self) -> ResolverState:
        """How our own nameservers do now."""
        ...


class Prober(Protocol):
    """The network."""

    def sweep(self) -> AbstractAsyncContextManager[Looks]:
        """Open the sockets of one sweep."""
        ...


class Ask(Protocol):
    """Which questions a domain gets, once its DNS is known."""

    def __call__(self, domain: TrackingDomain, dns: DnsView) -> Questions: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFinding:
    """A finding that is true now, and since when."""

    finding: Finding
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """A domain with its latest look; ``judged`` is None when it was never looked at."""

    domain: TrackingDomain
    judged: Judged | None
    since: datetime | None  # when the present state began
    findings: tuple[OpenFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class PastFinding:
    """A finding over time; ``closed_at`` is None while it is true."""

    domain: str
    finding: Finding
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class StateChange:
    """A domain that went from one state to another; looks that our side spoiled count as none."""

    domain: str
    at: datetime
    before: State
    after: State


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSweep:
    """A sweep that ended, with its counts and the findings about our own side."""

    started_at: datetime
    finished_at: datetime
    domains: int
    states: Mapping[State, int]
    findings: tuple[Finding, ...]


class Store(Protocol):
    """The truth: inventory, latest observations, what changed. Values in, values out."""

    def add(self, domain: TrackingDomain, now: datetime) -> None:
        """Add one domain. Raises InventoryError when it is there already."""
        ...

    def import_all(
        self, domains: Iterable[TrackingDomain], now: datetime, *, prune: bool, dry_run: bool
    ) -> Mapping[str, int]:
        """Add or update all in one transaction: counts of added, updated, unchanged, removed."""
        ...

    def remove(self, name: str) -> None:
        """Remove a domain and its history. Raises InventoryError when it is unknown."""
        ...

    def domain(self, name: str) -> TrackingDomain:
        """One domain. Raises InventoryError when it is unknown."""
        ...

    def domains(self) -> Iterator[TrackingDomain]:
        """The inventory in name order, streamed."""
        ...

    def alias_counts(self) -> Mapping[str, int]:
        """How many domains share each CNAME target (last seen, else declared)."""
        ...

    def memories(self, names: Sequence[str]) -> Mapping[str, Memory]:
        """What is remembered of these domains."""
        ...

    def begin_sweep(self, now: datetime, domains: int) -> int:
        """Note that a sweep began; returns its id."""
        ...

    def save(self, sweep: int, looks: Sequence[Judged]) -> None:
        """Store a batch of looks in one transaction; an older look never replaces a newer one."""
        ...

    def end_sweep(
        self, sweep: int, now: datetime, states: Mapping[State, int], findings: Sequence[Finding]
    ) -> None:
        """Note that a sweep ended, with its counts and the findings about our own side."""
        ...

    def latest(self, names: Sequence[str] | None = None) -> Iterator[Latest]:
        """The latest looks in name order, streamed; all domains when no names are given."""
        ...

    def state_changes(self, since: datetime, name: str | None = None) -> Iterator[StateChange]:
        """Changes of state since then, oldest first, streamed; of one domain when it is named."""
        ...

    def past_findings(self, since: datetime, name: str | None = None) -> Iterator[PastFinding]:
        """Findings opened or closed since then, in the order of their opening, streamed."""
        ...

    def last_sweep(self) -> PastSweep | None:
        """The sweep that ended last."""
        ...

    def prune(self, before: datetime) -> int:
        """Forget closed history older than that; returns the rows removed."""
        ...
