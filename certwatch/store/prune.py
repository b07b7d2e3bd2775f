"""Forgetting: closed history behind a date, and certificates that nothing refers to any more.

The ledger is kept for a year more, so that no window of the budget ever reaches behind it.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, exists, or_, select, text

from certwatch.store.codec import open_look
from certwatch.store.inventory import chunks
from certwatch.store.ledger import COMMITTED, KEPT, REFUNDED
from certwatch.store.renewal_tables import (
    arrivals,
    cause_failures,
    challenges,
    lineages,
    renewals,
    spends,
)
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
        delete(renewals).where(renewals.c.done_at < before),
        delete(lineages).where(lineages.c.replaced_at < before),
        delete(challenges).where(challenges.c.expires_at < before),
        delete(cause_failures).where(cause_failures.c.at < before),
        delete(arrivals).where(arrivals.c.at < before - KEPT),
        delete(spends).where(spends.c.at < before - KEPT, _is_settled()),
    )
    deleted = sum(connection.execute(statement).rowcount for statement in ended)
    return deleted + _prune_certificates(connection)


def _is_settled() -> ColumnElement[bool]:
    """Whether no certificate can come of a place any more."""
    is_open = exists().where(renewals.c.id == spends.c.renewal)
    return or_(spends.c.state.in_((COMMITTED, REFUNDED)), ~is_open)


def _prune_certificates(connection: Connection) -> int:
    served = exists().where(sightings.c.fingerprint == certificates.c.fingerprint)
    ours = exists().where(lineages.c.fingerprint == certificates.c.fingerprint)
    unused = select(certificates.c.fingerprint).where(~served, ~ours)
    unseen = set(connection.scalars(unused))
    looks = select(states.c.look).execution_options(yield_per=READ_ROWS)
    for data in connection.scalars(looks):
        unseen.difference_update(open_look(data).fingerprints)
    for chunk in chunks(sorted(unseen)):
        connection.execute(delete(certificates).where(certificates.c.fingerprint.in_(chunk)))
    return len(unseen)
