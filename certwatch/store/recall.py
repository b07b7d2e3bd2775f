"""Reading back: latest looks, memories, and what changed, in pages of short transactions.

A page is read whole before its rows are handed out, so that no transaction is open while the
caller prints, renders or waits for the network.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select

from certwatch.core.model import (
    Certificate,
    Finding,
    Judged,
    Memory,
    Mode,
    Severity,
    Sighting,
    State,
)
from certwatch.errors import StoreError
from certwatch.ports import Latest, OpenFinding, PastFinding, PastSweep, StateChange
from certwatch.store.codec import (
    Damaged,
    Stored,
    decode_findings,
    open_certificate,
    open_look,
)
from certwatch.store.inventory import CHUNK, chunks, to_domain
from certwatch.store.tables import (
    certificates,
    domains,
    findings,
    sightings,
    state_changes,
    states,
    sweeps,
)

SIGHTINGS = 8  # certificates a memory holds; a domain that rotates more tells no more by them


def page(connection: Connection, names: Sequence[str] | None, *, after: str = "") -> list[Latest]:
    """The next domains behind a name with their latest looks, in name order."""
    query = select(domains, states).outerjoin_from(
        domains, states, states.c.domain == domains.c.name
    )
    query = query.where(domains.c.name > after).order_by(domains.c.name).limit(CHUNK)
    if names is not None:
        query = query.where(domains.c.name.in_(names))
    rows = connection.execute(query).all()
    stored = {row.name: _stored(row) for row in rows if row.look is not None}
    leaves = _certificates(connection, {f for s in stored.values() for f in s.fingerprints})
    still_open = _open_findings(connection, [row.name for row in rows])
    return [_latest(row, stored.get(row.name), leaves, still_open) for row in rows]


def _latest(
    row: Row[Any],
    stored: Stored | None,
    leaves: Mapping[str, Certificate],
    still_open: Mapping[str, list[OpenFinding]],
) -> Latest:
    domain = to_domain(row)
    if stored is None:
        return Latest(domain=domain, judged=None, since=None)
    try:
        look = stored.look(leaves)
    except Damaged as error:
        raise _damaged(domain.name, error) from None
    judged = Judged(
        domain=domain,
        observation=look.observation,
        provider=row.provider_1,
        edge=row.edge_1,
        mode=Mode(row.mode_1) if row.mode_1 else None,
        state=State.UNKNOWN if row.unknown_since else State(row.state),
        findings=look.findings,
    )
    return Latest(
        domain=domain,
        judged=judged,
        since=row.unknown_since or row.since,
        findings=tuple(still_open.get(domain.name, ())),
    )


def _stored(row: Row[Any]) -> Stored:
    try:
        return open_look(row.look)
    except Damaged as error:
        raise _damaged(row.name, error) from None


def _damaged(name: str, error: Damaged) -> StoreError:
    return StoreError(f"{name}: {error}; look again: `certwatch scan {name}`")


def _certificates(connection: Connection, needed: Iterable[str]) -> dict[str, Certificate]:
    found: dict[str, Certificate] = {}
    for chunk in chunks(sorted(needed)):
        query = select(certificates).where(certificates.c.fingerprint.in_(chunk))
        for row in connection.execute(query):
            found[row.fingerprint] = open_certificate(row.parsed, row.der)
    return found


def _open_findings(connection: Connection, names: Sequence[str]) -> dict[str, list[OpenFinding]]:
    found = defaultdict(list)
    query = select(findings).where(findings.c.domain.in_(names), findings.c.closed_at.is_(None))
    for row in connection.execute(query.order_by(findings.c.id)):
        found[row.domain].append(OpenFinding(finding=_finding(row), opened_at=row.opened_at))
    for each in found.values():
        each.sort(key=lambda one: -one.finding.severity.rank)
    return found


def _finding(row: Row[Any]) -> Finding:
    summary, remedy, facts = json.loads(row.detail)
    return Finding(row.code, Severity(row.severity), summary, remedy, facts)


def memories(connection: Connection, names: Sequence[str]) -> dict[str, Memory]:
    """What is remembered of these domains; of the certificates those seen last."""
    seen = func.coalesce(sightings.c.last_seen_at, states.c.known_at)
    rank = func.row_number().over(
        partition_by=sightings.c.domain,
        order_by=(seen.desc(), sightings.c.first_seen_at.desc()),
    )
    newest = (
        select(sightings.c.domain, sightings.c.fingerprint, sightings.c.first_seen_at)
        .add_columns(seen.label("last_seen_at"), rank.label("place"))
        .join_from(sightings, states, states.c.domain == sightings.c.domain)
        .where(sightings.c.domain.in_(names))
        .subquery()
    )
    query = (
        select(newest, certificates.c.parsed, certificates.c.der)
        .join_from(newest, certificates, certificates.c.fingerprint == newest.c.fingerprint)
        .where(newest.c.place <= SIGHTINGS)
        .order_by(newest.c.domain, newest.c.place)
    )
    seen_by = defaultdict(list)
    for row in connection.execute(query):
        leaf = open_certificate(row.parsed, row.der)
        seen_by[row.domain].append(Sighting(leaf, row.first_seen_at, row.last_seen_at))
    looked = select(states.c.domain, states.c.observed_at).where(states.c.domain.in_(names))
    return {
        name: Memory(observed_at=at, sightings=tuple(seen_by[name]))
        for name, at in connection.execute(looked)
    }


def state_change_page(
    connection: Connection, since: datetime, name: str | None, *, after: int
) -> list[tuple[int, StateChange]]:
    """The next changes of state since an instant, each with its row number."""
    query = _next(select(state_changes).where(state_changes.c.at >= since), state_changes, after)
    if name is not None:
        query = query.where(state_changes.c.domain == name)
    return [
        (row.id, StateChange(row.domain, row.at, State(row.before), State(row.after)))
        for row in connection.execute(query)
    ]


def finding_page(
    connection: Connection, since: datetime, name: str | None, *, after: int
) -> list[tuple[int, PastFinding]]:
    """The next findings that were opened or closed since an instant, each with its row number."""
    recent = or_(findings.c.opened_at >= since, findings.c.closed_at >= since)
    query = _next(select(findings).where(recent), findings, after)
    if name is not None:
        query = query.where(findings.c.domain == name)
    return [
        (row.id, PastFinding(row.domain, _finding(row), row.opened_at, row.closed_at))
        for row in connection.execute(query)
    ]


def _next(query: Select[Any], table: Any, after: int) -> Select[Any]:
    return query.where(table.c.id > after).order_by(table.c.id).limit(CHUNK)


def last_sweep(connection: Connection) -> PastSweep | None:
    """The sweep that finished last."""
    finished = select(sweeps).where(sweeps.c.finished_at.is_not(None))
    row = connection.execute(finished.order_by(sweeps.c.finished_at.desc()).limit(1)).first()
    if row is None:
        return None
    return PastSweep(
        started_at=row.started_at,
        finished_at=row.finished_at,
        domains=row.domains,
        states={State(state): count for state, count in json.loads(row.states).items()},
        findings=decode_findings(row.findings),
    )
