"""What a database says when it fails, turned into what to do about it."""

import sqlite3
from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from certwatch.errors import StoreError

# Primary result codes, https://www.sqlite.org/rescode.html
_SQLITE: Mapping[int, str] = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked; try again when that is done",
    sqlite3.SQLITE_LOCKED: "another process keeps it locked; try again when that is done",
    sqlite3.SQLITE_READONLY: "it is read-only; let this user write to the file and its folder",
    sqlite3.SQLITE_PERM: "this user may not open it; let it read and write the file",
    sqlite3.SQLITE_IOERR: "reading or writing it failed; is the disk full or failing?",
    sqlite3.SQLITE_CORRUPT: "it is damaged; put back a copy made by `certwatch db backup`",
    sqlite3.SQLITE_FULL: "the disk is full; make room and run this again, nothing is half-written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; does its folder exist, writable to this user?",
    sqlite3.SQLITE_NOTADB: "this file is no SQLite database; correct store.url",
    sqlite3.SQLITE_TOOBIG: "a value is larger than SQLite stores",
}

# SQLSTATE codes and classes, https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES: Mapping[str, str] = {
    "23": "two changes met; run this again",
    "28": "the user name or password is wrong; correct store.url",
    "3D": "there is no such database; create it: `createdb NAME`",
    "42501": "this user lacks a right there; grant it, or use the user that created the tables",
    "42P01": "its tables are missing; run `certwatch db upgrade`",
    "42703": "its tables are of another version; run `certwatch db upgrade`",
    "25006": "it is read-only (a standby?); point store.url at the primary",
    "53100": "its disk is full; make room and run this again, nothing is half-written",
    "53300": "it has no free connection; raise max_connections or stop other clients",
    "40": "it gave up on conflicting changes; run this again",
    "55P03": "another process keeps it locked; try again when that is done",
    "57": "it is starting up or shutting down; try again in a moment",
    "08": "the connection broke; is the server running?",
}

# libpq reports these before there is a session that could carry a SQLSTATE.
_CONNECTING: tuple[tuple[str, str], ...] = (
    ("password authentication failed", _POSTGRES["28"]),
    ("no password supplied", "it wants a password; put one into store.url"),
    ("does not exist", "the database or the user does not exist; correct store.url or create it"),
    ("refused", "nothing listens there; start PostgreSQL or correct store.url"),
    ("no such file", "nothing listens there; start PostgreSQL or correct store.url"),
    ("translate host name", "its host name does not resolve; correct store.url"),
    ("resolve host", "its host name does not resolve; correct store.url"),
    ("timeout", "it does not answer; is the host right and the way to it open?"),
    ("too many clients", _POSTGRES["53300"]),
    ("starting up", _POSTGRES["57"]),
)


def explain(error: SQLAlchemyError | sqlite3.Error, place: str) -> StoreError:
    """The StoreError for a driver's error. ``place`` names the database, without its password."""
    return StoreError(f"the database {place}: {_reason(error)}")


def _reason(error: SQLAlchemyError | sqlite3.Error) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _sqlite_reason(cause)
    state = getattr(cause, "sqlstate", None)
    if state:
        return _POSTGRES.get(state) or _POSTGRES.get(state[:2]) or f"it answered with error {state}"
    text = str(cause).lower()
    return next((todo for part, todo in _CONNECTING if part in text), "it cannot be reached")


def _sqlite_reason(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return str(error)
    if "no such table" in str(error) or "no such column" in str(error):
        return "its tables are of another version; run `certwatch db upgrade`"
    return _SQLITE.get(code & 0xFF) or f"SQLite answered: {error}"
