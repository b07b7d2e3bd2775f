"""A real store for the services that renew, and a precheck that is content with everything."""

import asyncio

import pytest

from certwatch.core.model import Mode, TrackingDomain
from certwatch.resources import resource
from certwatch.services import issue
from certwatch.store import open_store, upgrade_database
from tests.services.shop import NAME, NOW, OTHER


@pytest.fixture
def prechecked(monkeypatch):
    async def fine(shop, name):
        await asyncio.to_thread(shop.store.domain, name)

    monkeypatch.setattr(issue, "precheck", fine)


@pytest.fixture
def renewals(tmp_path):
    url = f"sqlite:///{tmp_path / 'c.db'}"
    upgrade_database(url, resource("alembic"))
    with open_store(url) as opened:
        for name in (NAME, OTHER):
            opened.add(TrackingDomain(name=name, mode=Mode.ACME), NOW)
        yield opened
