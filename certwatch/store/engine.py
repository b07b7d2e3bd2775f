"""From a database URL to transactions: pragmas, aware instants, and errors of ours.

SQLite runs in WAL mode: readers and the one writer do not wait for each other. Writers begin with
BEGIN IMMEDIATE, because a transaction that reads first and writes later cannot wait for another
writer; it fails at once (https://www.sqlite.org/lang_transaction.html).
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sqlalchemy import DateTime, event
from sqlalchemy.engine import URL, Connection, Dialect, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool
from sqlalchemy.types import TypeDecorator

from certwatch.errors import StoreError
from certwatch.store.failures import explain

BUSY_SECONDS = 30  # how long a writer waits for another one
CONNECT_SECONDS = 10
_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = NORMAL",  # with WAL: a power cut loses the last commits, never the file
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


_ALLOWED = "write sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
_POSTGRES = ("postgresql+psycopg", "postgresql", "postgres")  # the driver is always psycopg


def parse_url(text: str) -> URL:
    """The database that a URL names. Raises StoreError, never showing a password."""
    if "\0" in unquote(text):
        raise StoreError(f"store.url holds a NUL character; {_ALLOWED}")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError(f"store.url is not a database URL; {_ALLOWED}") from None
    if url == URL.create("sqlite", database=url.database):
        return url
    if url.drivername in _POSTGRES:
        if text.count("@") > 1:  # the rest of the password would pass for the host
            raise StoreError("store.url holds more than one @; in a password write it as %40")
        return url.set(drivername="postgresql+psycopg")
    raise StoreError(f"store.url names no database that certwatch works with; {_ALLOWED}")


def in_memory(url: URL) -> bool:
    """Whether the database lives and dies with its one connection."""
    return url.drivername == "sqlite" and url.database in (None, "", ":memory:")


def database_file(url: URL) -> Path | None:
    """The file of a SQLite database, None for the others."""
    if url.drivername != "sqlite" or in_memory(url):
        return None
    return Path(url.database or "")


def place(url: URL) -> str:
    """How to name a database to people: its file, or host and name, never user or password."""
    if url.drivername == "sqlite":
        return url.database or ":memory:"
    return f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"


def make_engine(url: URL) -> Engine:
    """The engine for a URL; nothing is connected to yet. Raises StoreError without the driver."""
    if url.drivername == "sqlite":
        return _sqlite_engine(url)
    if find_spec("psycopg") is None:
        raise StoreError(
            "PostgreSQL needs its driver; install it: pip install 'certwatch[postgres]'"
        )
    return create_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,  # sealed keys are among them
        connect_args={"connect_timeout": CONNECT_SECONDS},
    )


def _sqlite_engine(url: URL) -> Engine:
    # A memory database is its connection: there must be one, and its users take turns.
    size = {"pool_size": 1, "max_overflow": 0} if in_memory(url) else {}
    engine = create_engine(
        url,
        poolclass=QueuePool,
        hide_parameters=True,  # sealed keys are among them
        connect_args={"check_same_thread": False, "isolation_level": None},
        **size,
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    if file := database_file(url):
        stays = _SameFile(file)
        event.listen(engine, "connect", stays.opened)
        event.listen(engine, "commit", stays.committing)
    return engine


class _SameFile:
    """Refuses to go on when the file is no longer the one that was opened.

    SQLite would write on into a file that was deleted, and everything would seem well; next to one
    that took its place, the old journal would damage that.
    """

    def __init__(self, file: Path) -> None:
        self._file = file.absolute()
        self._first: tuple[int, int] | None = None

    def opened(self, _connection: sqlite3.Connection, _record: Any) -> None:
        """Remember the file of the first connection; another one must have the same."""
        self._first = self._first or self._identity()
        self.committing()

    def committing(self, _connection: Connection | None = None) -> None:
        """Raise StoreError when the file is gone or another one is in its place."""
        if self._first is None or self._identity() != self._first:
            raise StoreError(
                f"the database {self._file} was removed or replaced while in use; what was written "
                "meanwhile is lost, run this again"
            )

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._file)
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _set_pragmas(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A short transaction that only reads. Raises StoreError for what the database does."""
    with _mapped(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes, all or nothing. Raises StoreError for what the database does."""
    with _mapped(engine), engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            yield connection


@contextmanager
def _mapped(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise explain(error, place(engine.url)) from error
