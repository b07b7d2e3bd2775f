"""The same store on each database that certwatch runs on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from certwatch.resources import resource
from certwatch.store import SqlStore, open_store, upgrade_database

MIGRATIONS = resource("alembic")


@pytest.fixture(params=["file", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables that several connections share."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path / 'certwatch.db'}"


@pytest.fixture(params=["file", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """A migrated database that several connections share."""
    return _migrated(request)


@pytest.fixture(params=["memory", "file", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[SqlStore]:
    """An empty store."""
    url = "sqlite://" if request.param == "memory" else _migrated(request)
    with open_store(url) as opened:
        yield opened


def _migrated(request: pytest.FixtureRequest) -> str:
    name = "migrated_postgres_url" if request.param == "postgres" else "file_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """A migrated SQLite file."""
    url = f"sqlite:///{tmp_path / 'certwatch.db'}"
    upgrade_database(url, MIGRATIONS)
    return url
