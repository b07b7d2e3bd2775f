"""``SqlStore``: ``Store`` and ``RenewalStore`` of ``certwatch.ports`` on SQLite or PostgreSQL."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, insert, update

from certwatch.core.model import Finding, Judged, Memory, State, TrackingDomain
from certwatch.ports import Latest, PastFinding, PastSweep, StateChange
from certwatch.store import inventory, looks, prune, recall
from certwatch.store.codec import dump_json, encode_findings
from certwatch.store.engine import make_engine, parse_url, reading, writing
from certwatch.store.ledger import Rules
from certwatch.store.renewing import SqlRenewals
from certwatch.store.schema import require_current
from certwatch.store.tables import sweeps

T = TypeVar("T")
P = ParamSpec("P")


def open_store(url: str, rules: Rules | None = None) -> "SqlStore":
    """Open the database that a URL names; a memory database is created empty.

    ``rules``: the CAs' limits and the operator's window, for those who renew. Raises StoreError
    when it cannot be reached or its tables are missing or of another version.
    """
    engine = make_engine(parse_url(url))
    try:
        require_current(engine)
    except BaseException:
        engine.dispose()
        raise
    return SqlStore(engine, rules)


class SqlStore(SqlRenewals):
    """The truth in one database; safe to use from several threads.

    Every method is one transaction, those that stream one per page. They raise StoreError for what
    the database does. Use it in a ``with`` statement, or close it.
    """

    def __init__(self, engine: Engine, rules: Rules | None = None) -> None:
        self._engine = engine
        self._rules = rules or Rules()

    def __enter__(self) -> "SqlStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a memory database is gone then."""
        self._engine.dispose()

    def add(self, domain: TrackingDomain, now: datetime) -> None:
        """Add one domain. Raises InventoryError when it is there already."""
        with writing(self._engine) as connection:
            inventory.add(connection, domain, now)

    def import_all(
        self, domains: Iterable[TrackingDomain], now: datetime, *, prune: bool, dry_run: bool
    ) -> Mapping[str, int]:
        """Add or update all or, when ``domains`` raises, none; names must differ.

        Counts of added, updated, unchanged and removed; ``dry_run`` counts and changes nothing.
        """
        with writing(self._engine) as connection:
            counts = inventory.import_all(connection, domains, now, prune=prune)
            if dry_run:
                connection.rollback()
        return counts

    def remove(self, name: str) -> None:
        """Remove a domain and its history. Raises InventoryError when it is unknown."""
        with writing(self._engine) as connection:
            inventory.remove(connection, name)

    def domain(self, name: str) -> TrackingDomain:
        """One domain. Raises InventoryError when it is unknown."""
        with reading(self._engine) as connection:
            return inventory.get(connection, name)

    def domains(self) -> Iterator[TrackingDomain]:
        """The inventory in name order, streamed."""
        after = ""
        while rows := self._read(inventory.page, after=after):
            yield from rows
            after = rows[-1].name

    def alias_counts(self) -> Mapping[str, int]:
        """How many domains share each CNAME target (last seen, else declared)."""
        return self._read(inventory.alias_counts)

    def memories(self, names: Sequence[str]) -> Mapping[str, Memory]:
        """What is remembered of these domains; one that was never looked at is left out."""
        found: dict[str, Memory] = {}
        with reading(self._engine) as connection:
            for chunk in inventory.chunks(names):
                found |= recall.memories(connection, chunk)
        return found

    def begin_sweep(self, now: datetime, domains: int) -> int:
        """Note that a sweep began; returns its id."""
        with writing(self._engine) as connection:
            row = {"started_at": now, "domains": domains, "states": "{}", "findings": "[]"}
            key = connection.execute(insert(sweeps).values(row)).inserted_primary_key
        return int(key[0]) if key else 0

    def save(self, sweep: int, judged: Sequence[Judged]) -> None:
        """Store a batch of looks in one transaction; an older look never replaces a newer one."""
        with writing(self._engine) as connection:
            looks.save(connection, sweep, judged)

    def end_sweep(
        self, sweep: int, now: datetime, states: Mapping[State, int], findings: Sequence[Finding]
    ) -> None:
        """Note that a sweep ended, with its counts and the findings about our own side."""
        row = {
            "finished_at": now,
            "states": dump_json(dict(states)),
            "findings": encode_findings(findings),
        }
        with writing(self._engine) as connection:
            connection.execute(update(sweeps).where(sweeps.c.id == sweep).values(row))

    def latest(self, names: Sequence[str] | None = None) -> Iterator[Latest]:
        """The latest looks in name order, streamed; all domains when no names are given."""
        if names is not None:
            for chunk in inventory.chunks(sorted(set(names))):
                yield from self._read(recall.page, chunk)
            return
        after = ""
        while rows := self._read(recall.page, None, after=after):
            yield from rows
            after = rows[-1].domain.name

    def state_changes(self, since: datetime, name: str | None = None) -> Iterator[StateChange]:
        """Changes of state since then, oldest first, streamed; of one domain when it is named."""
        return self._numbered(recall.state_change_page, since, name)

    def past_findings(self, since: datetime, name: str | None = None) -> Iterator[PastFinding]:
        """Findings opened or closed since then, in the order of their opening, streamed."""
        return self._numbered(recall.finding_page, since, name)

    def last_sweep(self) -> PastSweep | None:
        """The sweep that ended last."""
        return self._read(recall.last_sweep)

    def prune(self, before: datetime) -> int:
        """Forget closed history older than that; returns the rows removed."""
        with writing(self._engine) as connection:
            return prune.prune(connection, before)

    def _read(
        self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **options: P.kwargs
    ) -> T:
        with reading(self._engine) as connection:
            return query(connection, *args, **options)

    def _numbered(
        self, page: Callable[..., list[tuple[int, T]]], since: datetime, name: str | None
    ) -> Iterator[T]:
        after = 0
        while rows := self._read(page, since, name, after=after):
            yield from (value for _, value in rows)
            after = rows[-1][0]
