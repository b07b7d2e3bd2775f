"""A scan against the lab: what is judged, kept back, blamed on us, and never half-written."""

import asyncio
from typing import Any

import pytest

from certwatch.app import App, compose
from certwatch.checks import CHECKS
from certwatch.checks.registry import Problem
from certwatch.config import load_settings
from certwatch.core.model import State, TrackingDomain
from certwatch.errors import StoreError
from certwatch.lab.truth import Leaf
from certwatch.lab.world import World
from certwatch.services import scan as service
from certwatch.services.scan import Sweep, scan
from certwatch.store import SqlStore

NAMES = [f"click.brand{n}.test" for n in range(6)]
HEALTHY = TrackingDomain(name=NAMES[0])


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path / "lab", plants=()) as world:
        for name in NAMES:
            world.serve(name, Leaf())
        yield world


@pytest.fixture
def app(world, tmp_path) -> App:
    file = world.folder / "certwatch.toml"
    app = compose(load_settings(file, {"CERTWATCH_DNS__TIMEOUT": "0.3s"}))
    app.upgrade_store()
    return app


@pytest.fixture
def store(app):
    with app.store() as store:
        store.import_all(map(named, NAMES), app.clock.now(), prune=False, dry_run=False)
        yield store


def named(name: str) -> TrackingDomain:
    return TrackingDomain(name=name)


async def sweep_over(app: App, store: SqlStore, names=NAMES, **changes) -> Sweep:
    given: dict[str, Any] = {
        "store": store,
        "prober": app.prober(),
        "clock": app.clock,
        "house": app.house,
        "concurrency": 4,
    }
    return await scan([named(name) for name in names], **given | changes)


def state_in(store: SqlStore, name: str) -> State:
    judged = next(store.latest([name])).judged
    assert judged is not None
    return judged.state


async def test_every_domain_is_looked_at_judged_and_kept(app, store):
    heard: list[None] = []
    sweep = await sweep_over(app, store, on_look=lambda: heard.append(None))
    assert len(heard) == len(NAMES)
    assert set(sweep.states) == set(NAMES)
    assert not sweep.sick
    assert {state_in(store, name) for name in NAMES} == set(sweep.states.values())


async def test_when_most_of_a_sweep_is_dark_the_domains_are_unknown(app, store, world):
    await sweep_over(app, store)
    world.dns.zone |= dict.fromkeys(NAMES, ("A 127.9.9.9",))
    sweep = await sweep_over(app, store)
    assert [finding.check for finding in sweep.findings] == ["monitor_sick"]
    assert set(sweep.states.values()) == {State.UNKNOWN}


async def test_a_resolver_that_knows_no_name_blames_no_domain(app, store, world):
    for name in NAMES:
        del world.dns.zone[name]
    sweep = await sweep_over(app, store)
    assert set(sweep.states.values()) == {State.CRITICAL}
    del world.dns.zone["."]
    sweep = await sweep_over(app, store)
    assert sweep.sick
    assert set(sweep.states.values()) == {State.UNKNOWN}


async def test_one_dark_domain_is_its_own_fault(app, store, world):
    world.dns.zone["click.gone.test"] = ("A 127.9.9.9",)
    store.add(named("click.gone.test"), app.clock.now())
    sweep = await sweep_over(app, store, [*NAMES, "click.gone.test"])
    assert not sweep.sick
    assert sweep.states["click.gone.test"] is State.CRITICAL


async def test_a_dead_resolver_makes_even_one_domain_unknown(app, store, world):
    world.lights_out()
    sweep = await sweep_over(app, store, NAMES[:1])
    assert sweep.sick
    assert sweep.states == {NAMES[0]: State.UNKNOWN}


async def test_muting_monitor_sick_mutes_the_message_and_blames_nobody(world, store):
    file = world.folder / "certwatch.toml"
    muted = {"CERTWATCH_CHECKS__SEVERITY__MONITOR_SICK": "mute", "CERTWATCH_DNS__TIMEOUT": "0.3s"}
    app = compose(load_settings(file, muted))
    world.lights_out()
    sweep = await sweep_over(app, store)
    assert sweep.sick
    assert sweep.findings == ()
    assert set(sweep.states.values()) == {State.UNKNOWN}


async def test_a_check_that_crashes_costs_only_itself(app, store):
    def explode(*_: object) -> list[Problem]:
        raise ZeroDivisionError

    broken = type(CHECKS[0])("expired", "certificate", CHECKS[0].severity, "", explode)
    sweep = await sweep_over(app, store, checks=[broken, *CHECKS[1:]])
    assert set(sweep.states.values()) == {State.WARNING}
    found = next(store.latest([NAMES[0]])).findings
    assert "check_crashed" in [each.finding.check for each in found]


async def test_two_sweeps_at_once_both_end_and_leave_one_history(app, store):
    with app.store() as other:
        sweeps = await asyncio.gather(sweep_over(app, store), sweep_over(app, other))
    assert sweeps[0].states == sweeps[1].states
    for name in NAMES:
        findings = [each.finding.check for each in next(store.latest([name])).findings]
        assert len(findings) == len(set(findings))


class Full(SqlStore):
    """A store whose disk is full after the first batch."""

    room = 1

    def save(self, sweep, looks):
        if not self.room:
            raise StoreError("the disk is full")
        self.room -= 1
        super().save(sweep, looks)


async def test_what_cannot_be_kept_ends_the_sweep_and_whole_batches_stay(app, store, monkeypatch):
    monkeypatch.setattr(service, "BATCH", 2)
    full = Full(store._engine)
    with pytest.raises(StoreError, match="the disk is full"):
        await sweep_over(app, full)
    kept = [latest for latest in store.latest() if latest.judged]
    assert len(kept) == 2


async def test_a_sweep_that_is_cancelled_keeps_what_it_saw(app, store):
    seen = asyncio.Event()
    sweep = asyncio.create_task(sweep_over(app, store, concurrency=1, on_look=seen.set))
    await seen.wait()
    sweep.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sweep
    assert [latest for latest in store.latest() if latest.judged]


async def test_an_empty_sweep_is_no_sweep_at_all(app, store):
    sweep = await sweep_over(app, store, [])
    assert sweep.states == {}
    assert not sweep.sick
