"""The database's version: create, upgrade, check, copy.

Revisions are numbered ``0001``, ``0002``, ... in one line, so that versions compare as text.
Alembic is imported only where migrations run; opening a store must be quick.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from sqlalchemy import Connection, Engine, inspect, text

from certwatch.errors import StoreError
from certwatch.store.engine import (
    BUSY_SECONDS,
    database_file,
    in_memory,
    make_engine,
    parse_url,
    place,
    reading,
    writing,
)
from certwatch.store.failures import explain
from certwatch.store.tables import METADATA

HEAD = "0002"
_LOCK = 0x63657274  # any number of ours: one upgrade at a time on PostgreSQL


def require_current(engine: Engine) -> None:
    """Raise StoreError unless the tables are there and of this version; create them in memory."""
    if in_memory(engine.url):
        with writing(engine) as connection:
            METADATA.create_all(connection)
        return
    require_file(engine)
    with reading(engine) as connection:
        problem = _mismatch(version(connection))
    if problem:
        raise StoreError(f"the database {place(engine.url)} {problem}")


def require_file(engine: Engine) -> None:
    """Raise StoreError when a SQLite file is missing; SQLite itself would make an empty one."""
    file = database_file(engine.url)
    if file is None:
        return
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"there is no database {file}; run `certwatch init`") from None
    except OSError as error:
        raise StoreError(f"the database {file} cannot be opened ({error.strerror})") from None


def version(connection: Connection) -> str | None:
    """The revision of the tables, None where there are none of ours. Raises StoreError."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if found is None or isinstance(found, str):
        return found
    raise StoreError(
        f"the database {place(connection.engine.url)} tells no version of certwatch's in its table "
        "alembic_version; put back a copy made by `certwatch db backup`, or correct store.url"
    )


def _mismatch(found: str | None) -> str | None:
    if found is None:
        return "has no tables yet; run `certwatch init`"
    if found < HEAD:
        return f"is of version {found}, this certwatch needs {HEAD}; run `certwatch db upgrade`"
    if found > HEAD:
        return f"is of version {found}, newer than this certwatch ({HEAD}); update certwatch"
    return None


def upgrade_database(url: str, migrations: Path) -> str:
    """Create the tables or bring them to this version, in one transaction; says what was done.

    ``migrations`` is the folder with Alembic's ``env.py``. Raises StoreError.
    """
    with _engine(url) as engine:
        _prepare_file(engine)
        with writing(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            found = version(connection)
            if found is not None and found > HEAD:
                raise StoreError(f"the database {place(engine.url)} {_mismatch(found)}")
            if found != HEAD:
                _migrate(connection, migrations)
    if found is None:
        return f"created the database, version {HEAD}"
    return (
        f"upgraded the database from version {found} to {HEAD}"
        if found != HEAD
        else (f"the database is up to date, version {HEAD}")
    )


def _prepare_file(engine: Engine) -> None:
    """Put a SQLite file into WAL mode, which it remembers; no transaction may be open for it.

    A new one is its owner's alone: it holds the mail addresses of domains' owners.
    """
    file = database_file(engine.url)
    if file is None:
        return
    with suppress(OSError):  # there already, or SQLite will say better what is wrong
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise explain(error, place(engine.url)) from error


def _migrate(connection: Connection, migrations: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")


def check_database(url: str) -> str:
    """Check version, integrity and references; says that all is well, else raises StoreError."""
    with _engine(url) as engine:
        require_current(engine)
        with reading(engine) as connection:
            problems = list(_damage(connection))
    if problems:
        raise StoreError(
            f"the database {place(engine.url)} is damaged ({'; '.join(problems[:5])}); "
            "put back a copy made by `certwatch db backup`"
        )
    return f"the database is sound, version {HEAD}"


def _damage(connection: Connection) -> Iterator[str]:
    if connection.dialect.name != "sqlite":
        return
    for (line,) in connection.exec_driver_sql("PRAGMA integrity_check(5)"):
        if line != "ok":
            yield str(line)
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield f"a row of {row[0]} refers to a missing row of {row[2]}"


def backup_database(url: str, path: Path) -> None:
    """Copy a SQLite database into a new file while it is in use. Raises StoreError."""
    with _engine(url) as engine:
        file = database_file(engine.url)
        if file is None:
            name = engine.url.database or "NAME"
            raise StoreError(
                "only SQLite is copied by certwatch; PostgreSQL comes with its own tool: "
                f"pg_dump --format=custom --file={path} {name}"
            )
        require_file(engine)
        _require_free(path)
        try:
            _copy(file, path)
        except OSError as error:
            raise StoreError(f"{path} cannot be written ({error.strerror})") from None


def _require_free(path: Path) -> None:
    if os.path.lexists(path):
        raise StoreError(f"{path} exists already; name a new file")


def _copy(file: Path, path: Path) -> None:
    """Copy under another name first: what bears the name that was asked for is whole.

    The path is made absolute, because SQLite takes ``:memory:`` and ``file:...`` for no file names.
    """
    draft = path.absolute().with_name(f".certwatch-{token_hex(8)}.part")
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as connection:
            connection.execute("VACUUM INTO ?", (str(draft),))
        draft.chmod(0o600)
        with draft.open("rb+") as copied:
            os.fsync(copied.fileno())
        _require_free(path)
        draft.replace(path)
    except sqlite3.Error as error:
        raise explain(error, str(path)) from error
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = make_engine(parse_url(url))
    try:
        yield engine
    finally:
        engine.dispose()
