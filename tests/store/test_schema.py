"""Migrations, versions, checks and copies."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from certwatch.errors import StoreError
from certwatch.resources import resource
from certwatch.store import (
    backup_database,
    check_database,
    inventory,
    looks,
    open_store,
    schema,
    upgrade_database,
)
from certwatch.store.engine import make_engine, parse_url, writing
from certwatch.store.tables import METADATA
from tests.factories import NAME, NOW
from tests.store.renewing import wish
from tests.store.values import domain, look

MIGRATIONS = resource("alembic")
NEXT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0003", "0002"
def upgrade(): op.add_column("tracking_domain", sa.Column("note", sa.Text()))
"""


@contextmanager
def connection(url: str) -> Iterator[Connection]:
    engine = make_engine(parse_url(url))
    with writing(engine) as opened:
        yield opened
    engine.dispose()


def test_migrations_make_exactly_the_tables_of_the_models(url: str):
    with connection(url) as opened:
        context = MigrationContext.configure(opened, opts={"compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_migrations_can_be_taken_back(url: str):
    with connection(url) as opened:
        config = Config(attributes={"connection": opened})
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        command.downgrade(config, "base")
        assert inspect(opened).get_table_names() == ["alembic_version"]


def test_the_version_in_the_code_is_that_of_the_last_migration():
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == schema.HEAD


def test_upgrading_says_what_it_did_and_does_it_once(empty_url: str):
    assert upgrade_database(empty_url, MIGRATIONS).startswith("created")
    assert "up to date" in upgrade_database(empty_url, MIGRATIONS)


def test_an_old_database_keeps_its_rows(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with open_store(url) as store:
        store.add(domain("click.brand.com"), NOW)
    newer = shutil.copytree(MIGRATIONS, tmp_path / "50% newer")
    (newer / "versions" / "0003_note.py").write_text(NEXT)
    monkeypatch.setattr(schema, "HEAD", "0003")

    with pytest.raises(StoreError, match="run `certwatch db upgrade`"):
        open_store(url)
    assert "from version 0002 to 0003" in upgrade_database(url, newer)
    with open_store(url) as store:
        assert list(store.domains()) == [domain("click.brand.com")]


def test_a_database_from_before_renewals_keeps_its_looks_and_can_renew(empty_url: str):
    with connection(empty_url) as opened:
        config = Config(attributes={"connection": opened})
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        command.upgrade(config, "0001")
        looks.save(_with_domain(opened), 1, [look(0)])

    assert "from version 0001 to 0002" in upgrade_database(empty_url, MIGRATIONS)
    assert "sound" in check_database(empty_url)
    with open_store(empty_url) as store:
        assert next(store.latest()).judged == look(0)
        assert store.enqueue([wish(NAME)], NOW) == (NAME,)


def _with_domain(opened: Connection) -> Connection:
    inventory.add(opened, domain(), NOW)
    return opened


def test_a_database_of_a_newer_certwatch_is_left_alone(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(schema, "HEAD", "0000")
    for refused in (open_store, lambda url: upgrade_database(url, MIGRATIONS)):
        with pytest.raises(StoreError, match="newer than this certwatch"):
            refused(url)


def test_a_missing_file_is_not_created_by_opening_it(tmp_path: Path):
    file = tmp_path / "certwatch.db"
    for call in (open_store, check_database):
        with pytest.raises(StoreError, match="run `certwatch init`"):
            call(f"sqlite:///{file}")
    assert not file.exists()


def test_a_database_without_tables_asks_for_init(postgres_url: str):
    with pytest.raises(StoreError, match="run `certwatch init`"):
        open_store(postgres_url)


def test_a_sound_database_passes_the_check(url: str):
    assert "sound" in check_database(url)


def test_a_damaged_file_fails_the_check(tmp_path: Path):
    file = tmp_path / "certwatch.db"
    upgrade_database(f"sqlite:///{file}", MIGRATIONS)
    with closing(sqlite3.connect(file)) as opened:
        opened.execute(
            "INSERT INTO state_change (domain, at, before, after) VALUES ('gone', '', '', '')"
        )
        opened.commit()
    with pytest.raises(StoreError, match=r"damaged .*state_change.*tracking_domain"):
        check_database(f"sqlite:///{file}")


def test_a_file_with_broken_pages_fails_the_check(tmp_path: Path):
    file = tmp_path / "certwatch.db"
    upgrade_database(f"sqlite:///{file}", MIGRATIONS)
    with open_store(f"sqlite:///{file}") as store:
        store.import_all(
            (domain(f"d{i}.brand.com") for i in range(500)), NOW, prune=False, dry_run=False
        )
    data = bytearray(file.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    file.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        check_database(f"sqlite:///{file}")


def test_a_backup_is_a_database_of_its_own(tmp_path: Path):
    url, copy = f"sqlite:///{tmp_path / 'certwatch.db'}", tmp_path / "copy.db"
    upgrade_database(url, MIGRATIONS)
    with open_store(url) as store:
        store.add(domain("click.brand.com"), NOW)
        backup_database(url, copy)
        store.remove("click.brand.com")
    with open_store(f"sqlite:///{copy}") as store:
        assert store.domain("click.brand.com") == domain("click.brand.com")


def test_a_backup_overwrites_nothing(tmp_path: Path):
    url, copy = f"sqlite:///{tmp_path / 'certwatch.db'}", tmp_path / "copy.db"
    upgrade_database(url, MIGRATIONS)
    copy.write_text("precious")
    with pytest.raises(StoreError, match="exists already"):
        backup_database(url, copy)
    assert copy.read_text() == "precious"


def test_a_backup_into_a_missing_folder_says_so(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'certwatch.db'}"
    upgrade_database(url, MIGRATIONS)
    with pytest.raises(StoreError, match="nowhere"):
        backup_database(url, tmp_path / "nowhere" / "copy.db")


def test_postgresql_is_copied_by_its_own_tool(postgres_url: str, tmp_path: Path):
    with pytest.raises(StoreError, match="pg_dump") as caught:
        backup_database(postgres_url, tmp_path / "copy")
    assert "hunter2" not in str(caught.value)
