"""What goes wrong with databases, told to a tired person."""

import resource as limits
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from certwatch.errors import StoreError
from certwatch.resources import resource
from certwatch.store import engine, open_store, upgrade_database
from tests.factories import NOW
from tests.store.values import domain

MIGRATIONS = resource("alembic")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "certwatch.db",
        "mysql://user:hunter2@db/certwatch",
        "sqlite://user:hunter2@host/file.db",
        "sqlite:///file.db?password=hunter2",
        "postgresql+asyncpg://user:hunter2@db/certwatch",
        "postgresql://user:hunter2@db:port/certwatch",
    ],
)
def test_another_url_is_refused_without_showing_its_password(url: str):
    with pytest.raises(StoreError, match="write sqlite:///FILE or postgresql") as caught:
        open_store(url)
    assert "hunter2" not in str(caught.value)


def test_a_missing_folder(tmp_path: Path):
    with pytest.raises(StoreError, match="does its folder exist"):
        upgrade_database(f"sqlite:///{tmp_path / 'nowhere' / 'certwatch.db'}", MIGRATIONS)


def test_a_file_that_is_no_database(tmp_path: Path):
    file = tmp_path / "notes.txt"
    file.write_text("remember the milk\n" * 100)
    for call in (open_store, lambda url: upgrade_database(url, MIGRATIONS)):
        with pytest.raises(StoreError, match="no SQLite database"):
            call(f"sqlite:///{file}")
    assert file.read_text().startswith("remember")


def test_a_database_that_another_process_keeps_locked(
    file_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "_PRAGMAS", ("PRAGMA busy_timeout = 50",))
    with (
        closing(sqlite3.connect(file_url.removeprefix("sqlite:///"))) as other,
        open_store(file_url) as store,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process keeps it locked"):
            store.add(domain(), NOW)
        assert list(store.domains()) == []  # readers do not wait for a writer


def test_a_database_that_may_only_be_read(file_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "_PRAGMAS", ("PRAGMA query_only = ON",))
    with open_store(file_url) as store, pytest.raises(StoreError, match="it is read-only"):
        store.add(domain(), NOW)


_FILL = """
import sys
from certwatch.core.model import TrackingDomain
from certwatch.store import open_store
from datetime import UTC, datetime
with open_store(sys.argv[1]) as store:
    names = (TrackingDomain(name=f"d{n}.brand.test") for n in range(20_000))
    store.import_all(names, datetime.now(UTC), prune=False, dry_run=False)
"""


def _little_room() -> None:
    limits.setrlimit(limits.RLIMIT_FSIZE, (200_000, 200_000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def test_a_disk_without_room_leaves_nothing_half_written(file_url: str):
    filled = subprocess.run(
        [sys.executable, "-c", _FILL, file_url],
        preexec_fn=_little_room,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert "StoreError" in filled.stderr
    assert "is the disk full" in filled.stderr or "make room" in filled.stderr
    with open_store(file_url) as store:
        assert list(store.domains()) == []


def test_a_wrong_password_is_not_shown(postgres_url: str):
    url = postgres_url.replace("hunter2", "swordfish")
    with pytest.raises(StoreError, match="user name or password is wrong") as caught:
        open_store(url)
    assert "swordfish" not in str(caught.value)


def test_a_database_that_does_not_exist(postgres_url: str):
    with pytest.raises(StoreError, match=r"does not exist|no such database"):
        open_store(f"{postgres_url}_not")


def test_a_server_that_is_not_there(unused_tcp_port: int):
    with pytest.raises(StoreError, match="nothing listens there; start PostgreSQL"):
        open_store(f"postgresql://u:hunter2@127.0.0.1:{unused_tcp_port}/certwatch")


def test_postgresql_without_its_driver(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "find_spec", lambda name: None)
    with pytest.raises(StoreError, match=r"pip install 'certwatch\[postgres\]'"):
        open_store("postgresql://127.0.0.1/certwatch")


def test_tables_of_another_version(file_url: str):
    with open_store(file_url) as store:
        with closing(sqlite3.connect(file_url.removeprefix("sqlite:///"))) as other:
            other.execute("DROP TABLE sweep")
        with pytest.raises(StoreError, match="run `certwatch db upgrade`"):
            store.begin_sweep(NOW, 1)
