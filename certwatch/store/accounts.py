"""Our accounts at the CAs. Their keys come here sealed."""

from sqlalchemy import Connection, select, update

from certwatch.store.changes import upsert
from certwatch.store.renewal_tables import directories

Account = tuple[str | None, bytes]  # its URL once registered, and its sealed key


def find(connection: Connection, directory: str) -> Account | None:
    """The account at this CA, if there is one."""
    query = select(directories.c.account_url, directories.c.account_key)
    row = connection.execute(query.where(directories.c.url == directory)).first()
    return (row.account_url, row.account_key) if row and row.account_key else None


def keep(connection: Connection, directory: str, url: str | None, key: bytes) -> Account:
    """Keep an account unless there is another one; returns the one that is kept."""
    absent = upsert(connection, directories).on_conflict_do_nothing()
    connection.execute(absent, {"url": directory})
    here = directories.c.url == directory
    fresh = update(directories).where(here, directories.c.account_key.is_(None))
    connection.execute(fresh.values(account_key=key))
    if url is not None:
        same = update(directories).where(here, directories.c.account_key == key)
        connection.execute(same.values(account_url=url))
    return find(connection, directory) or (url, key)
