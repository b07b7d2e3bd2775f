"""The ledger: places of the budget as they are reserved, committed and refunded, and the CA's own
limits as theoretical arrival times.

Whoever takes a place holds the lock of the CA's row meanwhile, so that many claims at once grant
exactly the budget (SQLite has one writer anyway). A place that is reserved counts as of now however
old it is: its certificate can still be issued. Without that, a renewal that hangs for a week would
issue beside those that got its place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, or_, select, update

from certwatch.core.budget import Decision, Ledger, TokenBucket
from certwatch.core.names import registered_domain
from certwatch.core.renewal import Step
from certwatch.ports import Spend
from certwatch.store.changes import upsert
from certwatch.store.renewal_tables import arrivals, directories, renewals, spends

KEPT = timedelta(days=366)  # places that are older bind nothing, whatever the window is
RESERVED, COMMITTED, REFUNDED = "reserved", "committed", "refunded"
_AHEAD = {  # of a renewal at that step: what it will still draw on the CA's limits
    Step.RESERVED: ("order", "issue"),
    Step.ORDERED: ("issue",),
    Step.FINALIZED: ("issue",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the ledger reads by: the limits of a CA by its directory URL, and the operator's window
    (places that are older bind nothing)."""

    limits: Callable[[str], Sequence[TokenBucket]] = lambda directory: ()
    window: timedelta = KEPT


def lock(connection: Connection, directory: str) -> None:
    """Let nobody else take places or draw on limits at this CA until the transaction ends."""
    absent = upsert(connection, directories).on_conflict_do_nothing()
    connection.execute(absent, {"url": directory})
    mine = select(directories.c.url).where(directories.c.url == directory)
    connection.execute(mine.with_for_update())


def reserve(connection: Connection, renewal: Row[Any], grant: Decision, now: datetime) -> None:
    """Take the place that was granted; a refunded one of the same renewal is taken again."""
    values = {
        "directory": renewal.directory,
        "at": now,
        "state": RESERVED,
        "is_free": grant.is_free,
        "exempt": " ".join(grant.exempt),
    }
    again = upsert(connection, spends).on_conflict_do_update(
        index_elements=["renewal"], set_=values
    )
    row = {"renewal": renewal.id, "domain": renewal.domain, **values}
    connection.execute(again, row)


def keep(connection: Connection, renewal: int, now: datetime) -> None:
    """Note that a reserved place is still worked on."""
    mine = spends.c.renewal == renewal
    late = and_(mine, spends.c.state == RESERVED, spends.c.at < now)
    connection.execute(update(spends).where(late).values(at=now))


def commit(connection: Connection, renewal: int, now: datetime) -> None:
    """The CA has issued. A place never moves to an earlier time, whatever our clocks say."""
    keep(connection, renewal, now)
    _change(connection, renewal, COMMITTED)


def refund(connection: Connection, renewal: int) -> None:
    """Give a reserved place back."""
    _change(connection, renewal, REFUNDED)


def _change(connection: Connection, renewal: int, state: str) -> None:
    reserved = and_(spends.c.renewal == renewal, spends.c.state == RESERVED)
    connection.execute(update(spends).where(reserved).values(state=state))


def read(
    connection: Connection, rules: Rules, directory: str, domain: str, now: datetime
) -> Ledger:
    """The ledger of a CA for a renewal of this domain."""
    buckets = rules.limits(directory)
    held = _reserved(connection, directory)
    drawn = _arrivals(connection, directory, buckets, domain)
    for spend in held:
        _foresee(drawn, buckets, spend, domain, now)
    return Ledger(
        spent=_spent(connection, directory, held, now, rules.window),
        arrivals=drawn,
    )


def _reserved(connection: Connection, directory: str) -> Sequence[Row[Any]]:
    """The reserved places, with the step of their renewal; None where its domain was removed."""
    query = select(spends, renewals.c.step).outerjoin_from(
        spends, renewals, renewals.c.id == spends.c.renewal
    )
    held = query.where(spends.c.directory == directory, spends.c.state == RESERVED)
    return connection.execute(held.order_by(spends.c.renewal)).all()


def _spent(
    connection: Connection,
    directory: str,
    held: Sequence[Row[Any]],
    now: datetime,
    window: timedelta,
) -> tuple[datetime, ...]:
    after = now - window
    query = select(spends.c.at).where(
        spends.c.directory == directory,
        spends.c.at > after,
        spends.c.state == COMMITTED,
        spends.c.is_free.is_(False),
    )
    counted = [row for row in held if not row.is_free]
    open_ones = [max(row.at, now) for row in counted if row.step]
    orphans = [row.at for row in counted if not row.step and row.at > after]
    return tuple(sorted((*connection.scalars(query), *open_ones, *orphans)))


def _arrivals(
    connection: Connection, directory: str, buckets: Sequence[TokenBucket], domain: str
) -> dict[str, datetime]:
    if not buckets:
        return {}
    holders = {bucket.name: _holder(bucket, domain) for bucket in buckets}
    query = select(arrivals).where(
        arrivals.c.directory == directory, arrivals.c.holder.in_(set(holders.values()))
    )
    found = connection.execute(query)
    return {row.bucket: row.at for row in found if holders.get(row.bucket) == row.holder}


def _foresee(
    drawn: dict[str, datetime],
    buckets: Sequence[TokenBucket],
    spend: Row[Any],
    domain: str,
    now: datetime,
) -> None:
    """Draw what a renewal on its way will draw, where this domain draws on the same limit."""
    for bucket in _drawn_by(buckets, _AHEAD.get(spend.step, ()), spend.exempt):
        if _holder(bucket, spend.domain) == _holder(bucket, domain):
            drawn[bucket.name] = bucket.spend(drawn.get(bucket.name), now)


def _drawn_by(
    buckets: Sequence[TokenBucket], events: Sequence[str], exempt: str
) -> Iterator[TokenBucket]:
    kinds = set(exempt.split())
    return (b for b in buckets if b.event in events and not kinds & set(b.uncounted))


def _holder(bucket: TokenBucket, domain: str, apex: str | None = None) -> str:
    if bucket.per == "account":
        return ""
    if bucket.per == "registered_domain":
        return apex or registered_domain(domain)
    return domain  # a certificate of ours has one name


def charge(
    connection: Connection, rules: Rules, renewal: Row[Any], event: str, apex: str, now: datetime
) -> None:
    """Draw on each of the CA's limits that this event draws on. The CA's row must be locked."""
    buckets = rules.limits(renewal.directory)
    drawn = _arrivals(connection, renewal.directory, buckets, renewal.domain)
    query = select(spends.c.exempt).where(spends.c.renewal == renewal.id)
    exempt = connection.scalar(query) or ""
    for bucket in _drawn_by(buckets, (event,), exempt):
        key = {
            "directory": renewal.directory,
            "bucket": bucket.name,
            "holder": _holder(bucket, renewal.domain, apex),
        }
        _draw(connection, key, bucket.spend(drawn.get(bucket.name), now))


def _draw(connection: Connection, key: Mapping[str, str], at: datetime) -> None:
    statement = upsert(connection, arrivals).on_conflict_do_update(
        index_elements=list(key), set_={"at": at}
    )
    connection.execute(statement, {**key, "at": at})


def since(connection: Connection, directory: str, after: datetime) -> tuple[Spend, ...]:
    """The places that were taken since then or may still be used, oldest first."""
    is_open = exists().where(renewals.c.id == spends.c.renewal)
    held = and_(spends.c.state == RESERVED, is_open)
    query = select(spends).where(
        spends.c.directory == directory,
        spends.c.state != REFUNDED,
        or_(spends.c.at >= after, held),
    )
    return tuple(
        Spend(
            renewal=row.renewal,
            domain=row.domain,
            directory=row.directory,
            at=row.at,
            committed=row.state == COMMITTED,
            is_free=row.is_free,
        )
        for row in connection.execute(query.order_by(spends.c.at, spends.c.renewal))
    )
