"""Causes that many renewals share, and the pauses that they bring about."""

from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from certwatch.core.breaker import WINDOW, Breaker, after_failure
from certwatch.store.changes import upsert
from certwatch.store.looks import storable
from certwatch.store.renewal_tables import cause_failures
from certwatch.store.renewal_tables import pauses as table


def pauses(connection: Connection) -> dict[str, tuple[datetime, str]]:
    """Causes that paused ordering and did not succeed since: until when, and why."""
    query = select(table).where(table.c.paused_until.is_not(None))
    return {row.cause: (row.paused_until, row.detail) for row in connection.execute(query)}


def note_failure(
    connection: Connection, cause: str, domain: str, detail: str, now: datetime
) -> None:
    """Count a failure of a shared cause."""
    here = table.c.cause == cause
    held = upsert(connection, table).on_conflict_do_update(
        index_elements=["cause"], set_={"cause": cause}
    )
    fresh = {"cause": cause, "trips": 0, "detail": ""}
    row = connection.execute(held.values(fresh).returning(*table.c)).one()
    again = upsert(connection, cause_failures).on_conflict_do_update(
        index_elements=["cause", "domain"], set_={"at": now}
    )
    connection.execute(again, {"cause": cause, "domain": domain, "at": now})
    recent = select(cause_failures.c.domain, cause_failures.c.at).where(
        cause_failures.c.cause == cause, cause_failures.c.at > now - WINDOW
    )
    failures = [(failed, at) for failed, at in connection.execute(recent)]
    before = Breaker(paused_until=row.paused_until, trips=row.trips)
    breaker = after_failure(before, failures, now)
    if breaker != before:
        values = {"paused_until": breaker.paused_until, "trips": breaker.trips}
        changed = update(table).where(here)
        connection.execute(changed.values(detail=storable(detail), **values))


def note_success(connection: Connection, cause: str) -> None:
    """Close the breaker of a cause."""
    connection.execute(delete(table).where(table.c.cause == cause))
    connection.execute(delete(cause_failures).where(cause_failures.c.cause == cause))
