"""The queue: renewals as they are wished for, claimed, worked on and done.

A claim is a lease with a fence: it is taken by a conditional UPDATE that raises the fence, and what
is written under it goes to the row with that fence or nowhere. The claim of a process that is known
to be dead is free before its lease is over.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Update, delete, or_, select, update

from certwatch.core.budget import Decision, Ledger
from certwatch.core.renewal import Blame, Reason, Renewal, Setback, Step, Wish
from certwatch.errors import LostClaim
from certwatch.store import ledger, owners
from certwatch.store.changes import upsert
from certwatch.store.codec import dump_json
from certwatch.store.inventory import chunks
from certwatch.store.renewal_tables import NOT_DONE, lineages, renewals
from certwatch.store.tables import domains

Decide = Callable[[Ledger], Decision]
_WORKED_ON = tuple(step for step in Step if step not in (Step.QUEUED, Step.DONE, Step.QUARANTINED))
_UNCOMMITTED = (Step.QUEUED, Step.RESERVED, Step.ORDERED, Step.FINALIZED)
ISSUED = tuple(step for step in _WORKED_ON if step not in _UNCOMMITTED)


def to_renewal(row: Row[Any]) -> Renewal:
    """The value that a row of ``renewal`` holds."""
    return Renewal(
        id=row.id,
        domain=row.domain,
        reason=Reason(row.reason),
        step=Step(row.step),
        directory=row.directory,
        created_at=row.created_at,
        due_at=row.due_at,
        deadline_at=row.deadline_at,
        replaces=row.replaces,
        attempts=row.attempts,
        fence=row.fence,
        lease_until=row.lease_until,
        order_url=row.order_url,
        key=row.key,
        chain=row.chain,
        setback=_setback(row.setback) if row.setback else None,
    )


def _dump_setback(setback: Setback) -> str:
    at = setback.at.isoformat()
    return dump_json([at, setback.kind, setback.blame, setback.detail, setback.remedy])


def _setback(text: str) -> Setback:
    at, kind, blame, detail, remedy = json.loads(text)
    return Setback(
        at=datetime.fromisoformat(at), kind=kind, blame=Blame(blame), detail=detail, remedy=remedy
    )


def enqueue(connection: Connection, wishes: Iterable[Wish], now: datetime) -> set[str]:
    """Queue wishes of domains that are there and have no open renewal, or only one whose
    certificate is issued and that nobody works on; returns those domains."""
    queued: set[str] = set()
    # One order for all, so that two that queue at once do not wait for each other.
    for chunk in chunks(sorted(wishes, key=lambda wish: wish.domain)):
        names = {wish.domain for wish in chunk}
        there = select(domains.c.name).where(domains.c.name.in_(names)).order_by(domains.c.name)
        known = set(connection.scalars(there.with_for_update(read=True, key_share=True)))
        rows = [_row(wish, now) for wish in chunk if wish.domain in known]
        connection.execute(_over(names, now))
        absent = upsert(connection, renewals).on_conflict_do_nothing()
        if rows:
            queued.update(connection.scalars(absent.returning(renewals.c.domain), rows))
    return queued


def _over(names: set[str], now: datetime) -> Update:
    """End what never came to be served everywhere: a new certificate takes its place."""
    idle = or_(renewals.c.lease_until.is_(None), renewals.c.lease_until <= now)
    issued = renewals.c.step.in_([step.value for step in ISSUED])
    mine = update(renewals).where(renewals.c.domain.in_(names), issued, idle)
    return mine.values(step=Step.DONE.value, done_at=now, lease_until=None, key=None, chain=None)


def _row(wish: Wish, now: datetime) -> dict[str, Any]:
    return {
        "domain": wish.domain,
        "reason": wish.reason.value,
        "step": Step.QUEUED.value,
        "directory": wish.directory,
        "created_at": now,
        "due_at": wish.due_at,
        "deadline_at": wish.deadline_at,
        "replaces": wish.replaces,
        "attempts": 0,
        "fence": 0,
    }


def not_done(connection: Connection, names: Sequence[str] | None) -> list[Renewal]:
    """All renewals that are not done, oldest first.

    Sorted here: asked for an order, SQLite would read all that was ever done.
    """
    query = select(renewals).where(NOT_DONE)
    chosen = [query]
    if names is not None:
        chosen = [query.where(renewals.c.domain.in_(chunk)) for chunk in chunks(sorted(set(names)))]
    found = [to_renewal(row) for each in chosen for row in connection.execute(each)]
    return sorted(found, key=lambda renewal: renewal.id)


def reschedule(connection: Connection, renewal: int, due_at: datetime, reason: str | None) -> None:
    """Move a renewal that waits for its time: the first one, or that of its next attempt."""
    waits = update(renewals).where(
        renewals.c.id == renewal,
        renewals.c.step.in_([step.value for step in (Step.QUEUED, *_WORKED_ON)]),
        renewals.c.lease_until.is_(None),
    )
    values = {"due_at": due_at} | ({"reason": Reason(reason).value} if reason else {})
    connection.execute(waits.values(values))


def withdraw(connection: Connection, domain: str) -> None:
    """Drop a domain's renewal that has no place."""
    idle = renewals.c.step.in_((Step.QUEUED.value, Step.QUARANTINED.value))
    connection.execute(delete(renewals).where(renewals.c.domain == domain, idle))


def claim(
    connection: Connection,
    rules: ledger.Rules,
    renewal: int,
    now: datetime,
    lease_until: datetime,
    decide: Decide,
) -> Renewal | Decision | None:
    """Claim a renewal, and take a place for it when it has none."""
    one = select(renewals).where(renewals.c.id == renewal)
    if (found := connection.execute(one).first()) is None:
        return None
    ledger.lock(connection, found.directory)
    row = connection.execute(one).first()  # as it is under the lock
    if row is None or not _is_claimable(row, now):
        return None
    grant = None
    if row.step == Step.QUEUED:
        grant = decide(ledger.read(connection, rules, row.directory, row.domain, now))
        if not grant.granted:
            return grant
    claimed = _take(connection, row, now, lease_until)
    if claimed is None:
        return None
    if grant:
        ledger.reserve(connection, claimed, grant, now)
    else:
        ledger.keep(connection, renewal, now)
    return to_renewal(claimed)


def _is_claimable(row: Row[Any], now: datetime) -> bool:
    is_free = row.lease_until is None or row.lease_until <= now or owners.is_dead(row.owner)
    return is_free and row.due_at <= now and row.step in (Step.QUEUED, *_WORKED_ON)


def _take(
    connection: Connection, row: Row[Any], now: datetime, lease_until: datetime
) -> Row[Any] | None:
    """The row, claimed, unless somebody changed it since it was read."""
    step = Step.RESERVED if row.step == Step.QUEUED else Step(row.step)
    same = update(renewals).where(
        renewals.c.id == row.id,
        renewals.c.fence == row.fence,
        renewals.c.step == row.step,
        renewals.c.due_at <= now,
        renewals.c.lease_until.is_not_distinct_from(row.lease_until),
    )
    values = {"step": step.value, "fence": row.fence + 1, "lease_until": lease_until}
    taken = same.values(**values, owner=owners.this_process())
    return connection.execute(taken.returning(*renewals.c)).first()


def write(connection: Connection, renewal: Renewal, **values: Any) -> Row[Any]:
    """Write under a claim; the row as it is then. Raises LostClaim."""
    mine = update(renewals).where(renewals.c.id == renewal.id, renewals.c.fence == renewal.fence)
    written = mine.where(renewals.c.step.in_([step.value for step in _WORKED_ON]))
    row = connection.execute(written.values(values).returning(*renewals.c)).first()
    if row is None:
        raise LostClaim(
            f"the renewal of {renewal.domain} was claimed by another process, withdrawn or let go"
        )
    return row


def fail(
    connection: Connection,
    renewal: Renewal,
    setback: Setback,
    *,
    due_at: datetime,
    attempts: int,
    refund: bool,
    quarantine: bool,
    abandon: bool,
) -> Renewal:
    """Let go of a claim after a failure; what is issued is never refunded."""
    values: dict[str, Any] = {
        "due_at": due_at,
        "lease_until": None,
        "setback": _dump_setback(setback),
        "attempts": attempts,
    }
    row = write(connection, renewal, **values)
    moved: dict[str, Any] = {}
    if abandon:
        ledger.commit(connection, renewal.id, setback.at)
        moved = {"step": Step.DONE.value, "done_at": setback.at, "key": None, "chain": None}
    elif refund and row.step not in ISSUED:
        ledger.refund(connection, renewal.id)
        moved = {"step": Step.QUEUED.value, "order_url": None, "key": None, "chain": None}
    if quarantine:
        moved["step"] = Step.QUARANTINED.value
    if moved:
        row = write(connection, renewal, **moved)
    return to_renewal(row)


def done(connection: Connection, renewal: Renewal, now: datetime) -> None:
    """Every address serves the new certificate; its key is forgotten, its lineage has the chain."""
    ended = {"step": Step.DONE.value, "done_at": now, "lease_until": None}
    write(connection, renewal, key=None, chain=None, **ended)
    newest = update(lineages).where(
        lineages.c.domain == renewal.domain,
        lineages.c.replaced_at.is_(None),
        lineages.c.confirmed_at.is_(None),
    )
    connection.execute(newest.values(confirmed_at=now))
