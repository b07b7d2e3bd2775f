"""The ground gives way: files that vanish, names that are none, versions that are no version."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from certwatch.errors import StoreError
from certwatch.resources import resource
from certwatch.store import backup_database, check_database, open_store, upgrade_database
from certwatch.store.engine import parse_url
from tests.factories import NOW
from tests.store.values import domain

MIGRATIONS = resource("alembic")


def test_a_file_that_is_deleted_while_in_use(file_url: str, tmp_path: Path):
    with open_store(file_url) as store:
        store.add(domain("a.brand.com"), NOW)
        (tmp_path / "certwatch.db").unlink()
        with pytest.raises(StoreError, match=r"certwatch\.db was removed or replaced while in use"):
            store.add(domain("b.brand.com"), NOW)


def test_a_file_that_is_replaced_while_in_use_is_not_touched(file_url: str, tmp_path: Path):
    other = tmp_path / "other.db"
    backup_database(file_url, other)
    with open_store(file_url) as store:
        other.replace(tmp_path / "certwatch.db")
        with pytest.raises(StoreError, match="removed or replaced while in use"):
            store.add(domain("b.brand.com"), NOW)
    with open_store(file_url) as store:
        assert list(store.domains()) == []
    assert "sound" in check_database(file_url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://user:pa@SECRET@127.0.0.1:1/db",
        "postgresql://user:pa@SEC/RET@127.0.0.1/SECRET",
        "postgresql://us@SECRET:SECRET@127.0.0.1/db",
        "sqlite://u:SECRET@/x.db",
        "sqlite://SECRET@/x.db",
        "sqlite:///\0SECRET",
        "postgresql://u:SECRET%00@127.0.0.1/db",
    ],
)
def test_a_url_that_would_be_misread_is_refused_without_showing_it(url: str):
    with pytest.raises(StoreError, match=r"store\.url .*(%40|write sqlite:///FILE)") as caught:
        open_store(url)
    assert "SEC" not in str(caught.value)


def test_an_escaped_at_sign_is_part_of_the_password():
    assert parse_url("postgresql://user:pa%40ss@127.0.0.1/db").password == "pa@ss"


def test_a_name_that_no_file_can_have(tmp_path: Path):
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(f"sqlite:///{tmp_path}/{'x' * 300}")


@pytest.mark.parametrize("stored", ["1", "x'00ff'"])
def test_a_version_that_is_no_text(tmp_path: Path, stored: str):
    url = f"sqlite:///{tmp_path / 'other.db'}"
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE alembic_version (version_num)")
        other.execute(f"INSERT INTO alembic_version VALUES ({stored})")
        other.commit()
    for call in (open_store, check_database, lambda url: upgrade_database(url, MIGRATIONS)):
        with pytest.raises(StoreError, match="tells no version of certwatch"):
            call(url)


@pytest.mark.parametrize("name", [":memory:", "file:copy.db"])
def test_a_backup_has_the_name_that_was_asked_for(
    file_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.chdir(tmp_path)
    backup_database(file_url, Path(name))
    assert (tmp_path / name).stat().st_size > 0
    assert "sound" in check_database(f"sqlite:///{tmp_path / name}")


@pytest.mark.parametrize("name", ["ok.toml/x", "x" * 300, "none/x"])
def test_a_backup_where_there_can_be_no_file(file_url: str, tmp_path: Path, name: str):
    (tmp_path / "ok.toml").touch()
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(StoreError, match=r"(ok\.toml/x|xxx|none/x)"):
        backup_database(file_url, tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_backup_that_is_broken_off_leaves_nothing(
    file_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    before = sorted(os.listdir(tmp_path))
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        backup_database(file_url, tmp_path / "copy.db")
    assert sorted(os.listdir(tmp_path)) == before


def test_the_database_and_its_copies_are_their_owners_alone(file_url: str, tmp_path: Path):
    backup_database(file_url, tmp_path / "copy.db")
    files = [tmp_path / "certwatch.db", tmp_path / "copy.db"]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]
