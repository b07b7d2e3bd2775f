"""A claim is kept while its renewal is worked on, whatever else keeps the threads busy."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from certwatch.clock import SystemClock
from certwatch.core.model import Mode, TrackingDomain
from certwatch.core.renewal import Reason, Wish
from certwatch.errors import StoreError
from certwatch.resources import resource
from certwatch.services import issue
from certwatch.services.renew import work_queue
from certwatch.store import open_store, upgrade_database
from tests.services.shop import CA, Ca, Net, workshop

NAMES = [f"d{n}.brand.test" for n in range(3)]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    async def fine(shop, name):
        pass

    monkeypatch.setattr(issue, "precheck", fine)
    monkeypatch.setattr(issue, "LEASE", timedelta(seconds=1.5))


@pytest.fixture
def store(tmp_path):
    url = f"sqlite:///{tmp_path / 'c.db'}"
    upgrade_database(url, resource("alembic"))
    with open_store(url) as opened:
        clock = SystemClock()
        for name in NAMES:
            opened.add(TrackingDomain(name=name, mode=Mode.ACME), clock.now())
        wishes = [
            Wish(domain=name, reason=Reason.NEW, directory=CA, due_at=clock.now()) for name in NAMES
        ]
        opened.enqueue(wishes, clock.now())
        yield opened


def test_slow_hooks_do_not_hold_up_the_heartbeat(store):
    """As many slow deployments as there are threads: on two cores six, beside eight workers."""
    clock = SystemClock()
    net: Any = Net()
    fast = net.deploy

    def slow(domain, **given):
        time.sleep(4)
        fast(domain, **given)

    net.deploy = slow
    shop = workshop(store, clock=clock, net=net, issuers={CA: Ca(clock)})
    lapsed: list[str] = []

    async def watch():
        with ThreadPoolExecutor(1) as own:
            loop = asyncio.get_running_loop()
            for _ in range(30):
                await asyncio.sleep(0.1)
                now = clock.now()
                rows = await loop.run_in_executor(own, store.open_renewals)
                lapsed.extend(r.domain for r in rows if r.lease_until and r.lease_until < now)

    async def both():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(len(NAMES)))
        await asyncio.gather(work_queue(shop, [], concurrency=len(NAMES)), watch())

    asyncio.run(both())
    assert not lapsed, "claims were free while their renewals were worked on"


def test_one_failed_heartbeat_does_not_end_the_beating(store, monkeypatch):
    clock = SystemClock()
    net: Any = Net()
    fast, beats = net.deploy, []
    honest = store.extend

    def shaky(renewal, until):
        beats.append(1)
        if len(beats) == 1:
            raise StoreError("the database: another process keeps it locked")
        honest(renewal, until)

    def slow(domain, **given):
        time.sleep(4)
        fast(domain, **given)

    net.deploy = slow
    monkeypatch.setattr(store, "extend", shaky)
    shop = workshop(store, clock=clock, net=net, issuers={CA: Ca(clock)})
    asyncio.run(work_queue(shop, [], concurrency=1, names=NAMES[:1]))
    assert len(beats) > 1


def test_a_stop_while_the_order_is_made_lets_nobody_order_beside_it(store):
    """The thread that asks the CA goes on after the task was cancelled; the claim must not be
    free before it has come back."""
    clock = SystemClock()
    ca: Any = Ca(clock)
    fast = ca.order
    busy = []

    def slow(domain, *, replaces):
        busy.append("in")
        time.sleep(2)
        try:
            return fast(domain, replaces=replaces)
        finally:
            busy.append("out")

    ca.order = slow
    shop = workshop(store, clock=clock, issuers={CA: ca})
    seen = []

    async def stop():
        work = asyncio.create_task(work_queue(shop, [], concurrency=1, names=NAMES[:1]))
        while not busy:
            await asyncio.sleep(0.05)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        (row,) = store.open_renewals(NAMES[:1])
        seen.append((row.lease_until, list(busy)))

    asyncio.run(stop())
    lease, were = seen[0]
    assert lease is not None or "out" in were, "the claim is free while the order is being made"
