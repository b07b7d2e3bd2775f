"""The inventory's rows: add, import, remove, list."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy import bindparam as bind
from sqlalchemy.exc import IntegrityError

from certwatch.core.model import Mode, TrackingDomain
from certwatch.errors import InventoryError
from certwatch.store.tables import domains, states

CHUNK = 500  # rows a statement; below SQLite's oldest limit of 999 variables
T = TypeVar("T")
_DECLARED = tuple(column.name for column in domains.c if not column.name.endswith("_at"))


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in lists of at most ``size``."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def to_domain(row: Row[Any]) -> TrackingDomain:
    """The value that a row of ``tracking_domain`` holds."""
    return TrackingDomain(
        name=row.name,
        provider=row.provider,
        mode=Mode(row.mode) if row.mode else None,
        edge=row.edge,
        origin=row.origin,
        cname=row.cname,
        owner=row.owner,
        tags=tuple(row.tags.split()),
        sample_link=row.sample_link,
    )


def _values(domain: TrackingDomain) -> dict[str, Any]:
    return {name: getattr(domain, name) for name in _DECLARED} | {"tags": " ".join(domain.tags)}


def _new(domain: TrackingDomain, now: datetime) -> dict[str, Any]:
    return _values(domain) | {"added_at": now, "updated_at": now}


def add(connection: Connection, domain: TrackingDomain, now: datetime) -> None:
    """Add one domain. Raises InventoryError when it is there already."""
    try:
        connection.execute(insert(domains), [_new(domain, now)])
    except IntegrityError:
        raise InventoryError(
            f"{domain.name} is in the inventory already; change it with `certwatch domains import`"
        ) from None


def import_all(
    connection: Connection, wanted: Iterable[TrackingDomain], now: datetime, *, prune: bool
) -> Mapping[str, int]:
    """Add or update all; with ``prune`` remove those that are not wanted. Counts by outcome."""
    counts = Counter({"added": 0, "updated": 0, "unchanged": 0, "removed": 0})
    names: set[str] = set()
    for chunk in chunks(wanted):
        counts.update(_import_chunk(connection, chunk, now))
        if prune:
            names.update(domain.name for domain in chunk)
    if prune:
        counts["removed"] = _remove_all_but(connection, names)
    return dict(counts)


def _import_chunk(
    connection: Connection, chunk: list[TrackingDomain], now: datetime
) -> Mapping[str, int]:
    names = [domain.name for domain in chunk]
    found = connection.execute(select(domains).where(domains.c.name.in_(names)))
    known = {row.name: to_domain(row) for row in found}
    new = [domain for domain in chunk if domain.name not in known]
    changed = [d for d in chunk if d.name in known and known[d.name] != d]
    if new:
        connection.execute(insert(domains), [_new(domain, now) for domain in new])
    if changed:
        statement = update(domains).where(domains.c.name == bind("key"))
        rows = [_values(domain) | {"updated_at": now, "key": domain.name} for domain in changed]
        connection.execute(statement, rows)
    same = len(chunk) - len(new) - len(changed)
    return {"added": len(new), "updated": len(changed), "unchanged": same}


def _remove_all_but(connection: Connection, wanted: set[str]) -> int:
    gone = [name for name in connection.scalars(select(domains.c.name)) if name not in wanted]
    for chunk in chunks(gone):
        connection.execute(delete(domains).where(domains.c.name.in_(chunk)))
    return len(gone)


def remove(connection: Connection, name: str) -> None:
    """Remove a domain and its history. Raises InventoryError when it is unknown."""
    if connection.execute(delete(domains).where(domains.c.name == name)).rowcount == 0:
        raise unknown(name)


def get(connection: Connection, name: str) -> TrackingDomain:
    """One domain. Raises InventoryError when it is unknown."""
    row = connection.execute(select(domains).where(domains.c.name == name)).first()
    if row is None:
        raise unknown(name)
    return to_domain(row)


def unknown(name: str) -> InventoryError:
    """What to say of a name that is not in the inventory."""
    return InventoryError(
        f"{name} is not in the inventory; add it with `certwatch domains add {name}`"
    )


def page(connection: Connection, *, after: str) -> list[TrackingDomain]:
    """The next domains behind a name, in name order."""
    query = select(domains).where(domains.c.name > after).order_by(domains.c.name).limit(CHUNK)
    return [to_domain(row) for row in connection.execute(query)]


def alias_counts(connection: Connection) -> Mapping[str, int]:
    """How many domains share each CNAME target: the last seen, else the declared one."""
    target = func.coalesce(states.c.target, domains.c.cname)
    query = (
        select(target, func.count())
        .select_from(domains.outerjoin(states, states.c.domain == domains.c.name))
        .where(target.is_not(None))
        .group_by(target)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
