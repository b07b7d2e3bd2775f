"""What the demo stages about certwatch itself: each act breaks something on our own side.

They play on a copy of the database, so that what the world showed stays as it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from certwatch.app import App, compose, run
from certwatch.checks import CHECKS
from certwatch.checks.registry import Problem, check
from certwatch.cli.demo.stage import Stage
from certwatch.cli.scan import sweep_over
from certwatch.core.model import Observation, Severity, State, TrackingDomain
from certwatch.core.policy import Policy
from certwatch.ports import Clock, Latest
from certwatch.reporting.build import aged, build_report
from certwatch.services.scan import Sweep, scan
from certwatch.services.workshop import WholeStore

WRONG_BY = timedelta(minutes=10)
NOBODY_LOOKED = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What happened, why it matters, what certwatch made of it, and whether that is right."""

    title: str
    why: str
    shown: str
    right: bool


@dataclass(frozen=True, slots=True)
class WrongClock:
    """A clock that is wrong by a span."""

    clock: Clock
    by: timedelta

    def now(self) -> datetime:
        """This instant, wrongly."""
        return self.clock.now() + self.by


@check("crash_on_purpose", Severity.CRITICAL, "a check with a bug, for the demo")
def CRASH(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Fail as a check with a bug would."""
    raise ZeroDivisionError


def play(app: App, copy: Path, stage: Stage) -> Iterator[Act]:
    """All acts, one after the other, on a copy of the database."""
    app.back_up_store(copy)
    database = app.settings.store.model_copy(update={"url": SecretStr(f"sqlite:///{copy}")})
    app = compose(app.settings.model_copy(update={"store": database}), app.clock)
    with app.store() as store:
        healthy = [store.domain(p.name) for p in stage.world.plants if not p.codes]
        yield _a_check_crashes(app, store, healthy)
        yield _nobody_looks(app, store)
        yield _the_clock_is_wrong(app, store, healthy)
        yield _the_lights_go_out(app, store, stage)


def _a_check_crashes(app: App, store: WholeStore, healthy: Sequence[TrackingDomain]) -> Act:
    sweep = run(
        scan(
            healthy,
            store=store,
            prober=app.prober(),
            clock=app.clock,
            house=app.house,
            concurrency=app.settings.probe.concurrency,
            checks=(CRASH, *CHECKS),
        )
    )
    found = {f.finding.check for name in sweep.states for f in _latest(store, name).findings}
    return Act(
        title="a check of ours has a bug and crashes",
        why="it costs that one check, not the sweep and not the other checks",
        shown=f"{', '.join(sorted(found))} on {len(sweep.states)} domains, all of them judged",
        right=found == {"check_crashed"} and set(sweep.states.values()) == {State.WARNING},
    )


def _nobody_looks(app: App, store: WholeStore) -> Act:
    later = app.clock.now() + NOBODY_LOOKED
    interval = app.settings.probe.interval
    looks = aged(store.latest(), now=later, interval=interval, house=app.house)
    report = build_report(looks, now=later, since=later - NOBODY_LOOKED)
    return Act(
        title=f"nobody looks for {NOBODY_LOOKED.days} days",
        why="an old look is never passed off as the present state",
        shown=f"stale on {report.stale} of {report.domains} domains in the report",
        right=0 < report.stale == report.domains,
    )


def _the_clock_is_wrong(app: App, store: WholeStore, healthy: Sequence[TrackingDomain]) -> Act:
    app = compose(app.settings, WrongClock(app.clock, WRONG_BY))
    sweep = sweep_over(app, store, healthy)
    return Act(
        title=f"our clock is {WRONG_BY.seconds // 60} minutes wrong",
        why="every date is judged by it, and nothing else would notice",
        shown=_told(sweep),
        right=[finding.check for finding in sweep.findings] == ["clock_skew"],
    )


def _the_lights_go_out(app: App, store: WholeStore, stage: Stage) -> Act:
    domains = list(store.domains())
    stage.play(stage.world.lights_out)
    try:
        sweep = sweep_over(_hurried(app, len(domains)), store, domains)
    finally:
        stage.play(stage.world.lights_on)
    unknown, critical = sweep.counts[State.UNKNOWN], sweep.counts[State.CRITICAL]
    return Act(
        title="our resolver dies at night",
        why="one message about us, not one alarm for each domain",
        shown=f"{_told(sweep)}; {unknown} domains unknown, {critical} critical",
        right=sweep.sick and unknown == len(sweep.states),
    )


def _hurried(app: App, concurrency: int) -> App:
    """Everything at once: where nothing answers, waiting for it one by one shows no more."""
    probe = app.settings.probe.model_copy(update={"concurrency": concurrency})
    return compose(app.settings.model_copy(update={"probe": probe}), app.clock)


def _told(sweep: Sweep) -> str:
    return "; ".join(f"{each.check}: {each.summary}" for each in sweep.findings) or "nothing"


def _latest(store: WholeStore, name: str) -> Latest:
    return next(store.latest([name]))
