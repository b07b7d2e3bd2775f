"""What changed between two looks: states, findings and served certificates.

A look that changes nothing writes nothing here.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select, update
from sqlalchemy import bindparam as bind
from sqlalchemy.dialects import postgresql, sqlite

from certwatch.core.model import Judged, State
from certwatch.store.codec import dump_json
from certwatch.store.tables import findings, sightings, state_changes


@dataclass(frozen=True, slots=True)
class Step:
    """One look that is news, and the domain's row before it, if there was any."""

    look: Judged
    before: Row[Any] | None

    @property
    def domain(self) -> str:
        """The domain's name."""
        return self.look.domain.name

    @property
    def at(self) -> datetime:
        """When the look was."""
        return self.look.observation.observed_at

    @property
    def known(self) -> bool:
        """Whether the look says anything about the domain, and not only about us."""
        return self.look.state is not State.UNKNOWN


def upsert(connection: Connection, table: Table) -> Any:
    """An INSERT with the ON CONFLICT that both databases have but do not share in SQLAlchemy."""
    dialect = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[connection.dialect.name]
    return dialect(table)


def many(connection: Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute a statement for all rows at once, if there are any."""
    if rows:
        connection.execute(statement, list(rows))


def save_changes(connection: Connection, steps: Sequence[Step]) -> None:
    rows = [
        {"domain": s.domain, "at": s.at, "before": s.before.state, "after": s.look.state.value}
        for s in steps
        if s.before and s.before.state and s.before.state != s.look.state.value
    ]
    many(connection, insert(state_changes), rows)


def save_findings(connection: Connection, steps: Sequence[Step]) -> None:
    found = list(
        connection.execute(
            select(findings).where(
                findings.c.domain.in_([step.domain for step in steps]),
                findings.c.closed_at.is_(None),
            )
        )
    )
    was_open = {(row.domain, row.code, row.number): row for row in found}
    is_open = {key: (step, row) for step in steps for key, row in _rows(step)}
    at = {step.domain: step.at for step in steps}
    closed = [
        {"row": row.id, "closed_at": at[row.domain]}
        for key, row in was_open.items()
        if key not in is_open
    ]
    opened = [
        row | {"opened_at": step.at} for key, (step, row) in is_open.items() if key not in was_open
    ]
    changed = [
        {"row": was_open[key].id, "severity": row["severity"], "detail": row["detail"]}
        for key, (_, row) in is_open.items()
        if key in was_open and _differs(was_open[key], row)
    ]
    by_id = update(findings).where(findings.c.id == bind("row"))
    many(connection, by_id, closed)
    many(connection, by_id, changed)
    many(connection, insert(findings), opened)


def _differs(stored: Row[Any], row: Mapping[str, Any]) -> bool:
    return bool(stored.detail != row["detail"] or stored.severity != row["severity"])


def _rows(step: Step) -> Iterator[tuple[tuple[str, str, int], dict[str, Any]]]:
    """(key, row) of each finding. The same fault on the next look has the same key, whichever
    address or certificate shows it then: what matters to people is since when it is there."""
    number: Counter[str] = Counter()
    for finding in step.look.findings:
        number[finding.check] += 1
        row = {
            "domain": step.domain,
            "code": finding.check,
            "number": number[finding.check],
            "severity": finding.severity.value,
            "detail": dump_json([finding.summary, finding.remedy, finding.facts]),
        }
        yield (step.domain, finding.check, number[finding.check]), row


def save_sightings(connection: Connection, steps: Sequence[Step]) -> None:
    query = select(sightings.c.domain, sightings.c.fingerprint).where(
        sightings.c.domain.in_([step.domain for step in steps]), sightings.c.last_seen_at.is_(None)
    )
    was_served = {(row.domain, row.fingerprint) for row in connection.execute(query)}
    steps_by_leaf = {
        (step.domain, leaf.fingerprint): step
        for step in steps
        for leaf in step.look.observation.leaves
    }
    before = {step.domain: step.before for step in steps}
    gone = [
        {"owner": domain, "leaf": leaf, "last_seen_at": row.known_at}
        for domain, leaf in sorted(was_served - steps_by_leaf.keys())
        if (row := before[domain])
    ]
    new = [
        {"domain": domain, "fingerprint": leaf, "first_seen_at": step.at, "last_seen_at": None}
        for (domain, leaf), step in steps_by_leaf.items()
        if (domain, leaf) not in was_served
    ]
    one = update(sightings).where(
        sightings.c.domain == bind("owner"), sightings.c.fingerprint == bind("leaf")
    )
    many(connection, one, gone)
    again = upsert(connection, sightings).on_conflict_do_update(
        index_elements=["domain", "fingerprint"], set_={"last_seen_at": None}
    )
    many(connection, again, new)
