"""certwatch's own renewing in the simulated world: it wakes, works its queue, is killed, starts
again on the same database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import Any, cast

from cryptography.fernet import Fernet

from certwatch.app import App, compose
from certwatch.app.renewing import renewing
from certwatch.core.planning import Plan
from certwatch.core.renewal import Renewal, Step
from certwatch.services.renew import Renewing
from certwatch.services.workshop import WholeStore
from certwatch.settings import Settings
from certwatch.store import SqlStore
from tests.simulation.ca import SimulatedCa
from tests.simulation.clockwork import SimulatedClock
from tests.simulation.weather import CALM, Weather
from tests.simulation.world import Outage, World, tracking_domain

_RESTART_IN = timedelta(seconds=30)  # shorter than a lease
_OPERATOR_IN = timedelta(days=1)  # until somebody looks after a quarantined domain
_CALM_FOR = timedelta(days=3)


class Killed(BaseException):
    """The process is no more."""


@dataclass(slots=True)
class _Process:
    """A process that may die before or after any call to the world; then nothing it does counts."""

    random: Random
    risk: float
    is_dead: bool = False

    def step(self) -> None:
        self.is_dead = self.is_dead or self.random.random() < self.risk
        if self.is_dead:
            raise Killed


class _Hands:
    """What a process does to a part of the world."""

    def __init__(self, part: Any, process: _Process) -> None:
        self._part = part
        self._process = process

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if not callable(found):
            return found

        def call(*args: Any, **options: Any) -> Any:
            self._process.step()
            result = found(*args, **options)
            self._process.step()
            return result

        return call


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a simulation is made of. ``arriving``: when each domain enters the inventory."""

    start: datetime
    days: int
    arriving: dict[str, datetime]
    budget: int
    reserve: int = 2
    rate: float = 0.0  # of each kind of failure, a day
    risk: float = 0.0  # that a call is the last of its process
    seed: int = 0
    wakes_every: timedelta = timedelta(days=3)
    soonest: timedelta = timedelta(seconds=1)  # until it wakes again where something is due
    polled_in: timedelta = timedelta(hours=24)
    incidents: dict[datetime, float] = field(default_factory=dict)
    forecasts: bool = False  # made every day
    forecast_horizon: timedelta = timedelta(days=60)
    stop_at_lapse: bool = False


def fleet(size: int, start: datetime, a_week: float) -> dict[str, datetime]:
    """Domains of as many customers, so many new ones a week."""
    pace = timedelta(days=7) / a_week
    return {f"click.customer{n}.test": start + n * pace for n in range(size)}


@dataclass(slots=True, kw_only=True)
class Simulation:
    """One run, with all that came of it."""

    conditions: Conditions
    clock: SimulatedClock
    ca: SimulatedCa
    world: World
    store: SqlStore
    kills: int = 0
    wakes: int = 0
    forecasts: list[Plan] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


async def live(store: SqlStore, conditions: Conditions) -> Simulation:
    """Live through the days, and then through calm ones until everything that was begun is done."""
    simulation = _prepare(store, conditions)
    end = conditions.start + timedelta(days=conditions.days)
    newcomers = sorted(conditions.arriving.items(), key=lambda pair: pair[1])
    risk = Random(conditions.seed)
    while simulation.clock.now() < end and not _has_enough(simulation):
        await _one_process(simulation, _Process(risk, conditions.risk), newcomers, end)
    if not conditions.stop_at_lapse:
        simulation.ca.weather = simulation.world.weather = CALM
        await _one_process(simulation, _Process(risk, 0), newcomers, end + _CALM_FOR)
    simulation.outages = _outages(simulation)
    return simulation


def _prepare(store: SqlStore, conditions: Conditions) -> Simulation:
    from certwatch.app import known_cas

    clock = SimulatedClock(conditions.start)
    weather = Weather(conditions.seed, conditions.rate)
    lifetimes = known_cas().lifetimes(Settings().acme.directory)
    assert lifetimes is not None
    ca = SimulatedCa(
        clock=clock,
        weather=weather,
        lifetimes=lifetimes,
        polled_in=conditions.polled_in,
        incidents=conditions.incidents,
    )
    world = World(clock=clock, store=store, weather=weather)
    return Simulation(conditions=conditions, clock=clock, ca=ca, world=world, store=store)


def _has_enough(simulation: Simulation) -> bool:
    return simulation.conditions.stop_at_lapse and bool(_outages(simulation))


def _outages(simulation: Simulation) -> list[Outage]:
    return simulation.world.outages(simulation.clock.now(), simulation.ca.ends_at)


async def _one_process(
    simulation: Simulation,
    process: _Process,
    newcomers: list[tuple[str, datetime]],
    end: datetime,
) -> None:
    """From a start of certwatch to its death, or the end."""
    try:
        app, certwatch = _certwatch(simulation, process)
        while (now := simulation.clock.now()) < end:
            _welcome(simulation, newcomers, now)
            simulation.wakes += 1
            await certwatch.once(None, _mended(simulation, now))
            if simulation.conditions.forecasts:
                _forecast(simulation, app)
            if _has_enough(simulation):
                return
            await _sleep(simulation, _next_wake(simulation, app, end))
    except (Killed, BaseExceptionGroup):
        if not process.is_dead:
            raise
        simulation.kills += 1
        await asyncio.sleep(_RESTART_IN.total_seconds())


def _certwatch(simulation: Simulation, process: _Process) -> tuple[App, Renewing]:
    """The real thing, wired by its own composition root; only the network and the CA are not."""
    conditions = simulation.conditions
    settings = Settings.model_validate(
        {
            "budget": {"certificates": conditions.budget, "reserve": conditions.reserve},
            "acme": {"sealing_key": _SEALING_KEY},
        }
    )
    app = compose(settings, simulation.clock)
    store = cast(WholeStore, _Hands(simulation.store, process))
    wired = renewing(app, store, on_step=lambda renewal: None, on_trouble=lambda text: None)
    shop = replace(
        wired.shop,
        prober=simulation.world,
        issuers={simulation.ca.directory: _Hands(simulation.ca, process)},
        deployer=_Hands(simulation.world, process),
        draw=Random(conditions.seed).random,
    )
    return app, replace(wired, shop=shop, responder=without_responder)


_SEALING_KEY = Fernet.generate_key().decode()


@asynccontextmanager
async def without_responder() -> AsyncIterator[None]:
    """Challenges are answered elsewhere."""
    yield


def _welcome(simulation: Simulation, newcomers: list[tuple[str, datetime]], now: datetime) -> None:
    """Domains that arrive are added to the inventory."""
    while newcomers and newcomers[0][1] <= now:
        simulation.store.add(tracking_domain(newcomers.pop(0)[0]), now)


def _mended(simulation: Simulation, now: datetime) -> list[str]:
    """Quarantined domains that an operator asks for again, a day after the last failure."""
    return [
        renewal.domain
        for renewal in simulation.store.open_renewals()
        if renewal.step is Step.QUARANTINED
        and renewal.setback
        and renewal.setback.at + _OPERATOR_IN <= now
    ]


def _forecast(simulation: Simulation, app: App) -> None:
    """What an operator is told on that day."""
    now, last = simulation.clock.now(), simulation.forecasts
    if not last or now.date() > last[-1].at.date():
        horizon = simulation.conditions.forecast_horizon
        last.append(app.outlook(simulation.store, at=now, horizon=horizon, search=False).plan)


def _next_wake(simulation: Simulation, app: App, end: datetime) -> datetime:
    """When there is something to do next, at the latest the usual time."""
    now, store = simulation.clock.now(), simulation.store
    usual = simulation.conditions.wakes_every
    plan = app.outlook(store, at=now, horizon=usual, search=False).plan
    waiting = {one.domain: one for one in store.open_renewals()}
    unqueued = (one.at for one in plan.renewals if one.domain not in waiting)
    due = [_due_at(one) for one in waiting.values() if one.step is not Step.QUARANTINED]
    next_ones = (
        max(at, now + simulation.conditions.soonest) for at in [*due, *islice(unqueued, 1)]
    )
    return min([now + usual, end, *next_ones])


def _due_at(renewal: Renewal) -> datetime:
    return max(renewal.due_at, renewal.lease_until or renewal.due_at)


async def _sleep(simulation: Simulation, until: datetime) -> None:
    await asyncio.sleep((until - simulation.clock.now()).total_seconds())
