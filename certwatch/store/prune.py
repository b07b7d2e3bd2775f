"""Forgetting: closed history behind a date, and certificates that nothing refers to any more."""

from datetime import datetime

from sqlalchemy import Connection, delete, select, text

from certwatch.store.codec import open_look
from certwatch.store.inventory import chunks
from certwatch.store.tables import (
    certificates,
    findings,
    sightings,
    state_changes,
    states,
    sweeps,
)

READ_ROWS = 500


def prune(connection: Connection, before: datetime) -> int:
    """Delete what ended before then; returns the rows deleted. Looks wait meanwhile."""
    if connection.dialect.name == "postgresql":
        # Saving locks rows of this table first; SQLite has one writer anyway.
        connection.execute(text("LOCK TABLE tracking_domain IN EXCLUSIVE MODE"))
    ended = (
        delete(findings).where(findings.c.closed_at < before),
        delete(state_changes).where(state_changes.c.at < before),
        delete(sightings).where(sightings.c.last_seen_at < before),
        delete(sweeps).where(sweeps.c.started_at < before),
    )
    deleted = sum(connection.execute(statement).rowcount for statement in ended)
    return deleted + _prune_certificates(connection)


def _prune_certificates(connection: Connection) -> int:
    served = sightings.c.fingerprint == certificates.c.fingerprint
    known = select(certificates.c.fingerprint)
    unseen = set(connection.scalars(known.where(~select(sightings).where(served).exists())))
    looks = select(states.c.look).execution_options(yield_per=READ_ROWS)
    for data in connection.scalars(looks):
        unseen.difference_update(open_look(data).fingerprints)
    for chunk in chunks(sorted(unseen)):
        connection.execute(delete(certificates).where(certificates.c.fingerprint.in_(chunk)))
    return len(unseen)
