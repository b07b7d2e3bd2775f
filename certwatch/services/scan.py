"""The first journey: look at domains, judge each look, store what came of it.

Looks that saw nothing at all are kept back until the sweep ends. Only then can one tell whether the
domains are down or we are (house rule 10): when most of a sweep is dark, that is one finding about
our own side, and the domains are unknown instead of critical.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from certwatch.checks import CHECKS
from certwatch.checks.ours import clock_offset, clock_skew, is_dark, is_lost, sick
from certwatch.checks.registry import Check, judge
from certwatch.core.model import (
    DnsStatus,
    Failure,
    Finding,
    Judged,
    Memory,
    Observation,
    State,
    TrackingDomain,
    worst,
)
from certwatch.core.policy import HousePolicy, everywhere, policy_for
from certwatch.ports import Clock, Looks, Prober, Store

BATCH = 200  # looks a transaction: large enough for speed, small enough to lose little

Look = tuple[TrackingDomain, Observation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What a scan came to; the looks themselves are in the store."""

    started_at: datetime
    finished_at: datetime
    states: Mapping[str, State]  # by domain
    findings: tuple[Finding, ...]  # about our own side
    sick: bool  # whether the sweep says more about us than about the domains

    @property
    def counts(self) -> Mapping[State, int]:
        """How many domains are in each state."""
        return Counter(self.states.values())


def judge_look(
    look: Look, memory: Memory, aliases: int, house: HousePolicy, checks: Sequence[Check]
) -> Judged:
    """One look with its judgement, as of the instant of the look."""
    domain, observation = look
    policy = policy_for(house, domain, observation, memory, aliases)
    findings = judge(checks, observation, policy, observation.observed_at)
    return Judged(
        domain=domain,
        observation=observation,
        provider=policy.provider.name if policy.provider else domain.provider,
        edge=policy.edge.name if policy.edge else domain.edge,
        mode=policy.mode,
        state=worst(findings),
        findings=findings,
    )


def unjudged(look: Look) -> Judged:
    """A look that our own side spoiled: kept as unknown, without findings."""
    domain, observation = look
    return Judged(
        domain=domain,
        observation=observation,
        provider=domain.provider,
        edge=domain.edge,
        mode=domain.mode,
        state=State.UNKNOWN,
        findings=(),
    )


def spoiled(observation: Observation) -> bool:
    """Whether nothing could be seen for a reason on our side, whatever the rest of a sweep saw."""
    if observation.dns.status is DnsStatus.UNREACHABLE:
        return True
    troubles = [view.trouble for view in observation.tls]
    return bool(troubles) and all(t is not None and t.kind is Failure.LOCAL for t in troubles)


@dataclass(slots=True, kw_only=True)
class _Run:
    """One sweep under way: what it needs, and what it remembers (little per domain)."""

    store: Store
    sweep: int
    house: HousePolicy
    checks: Sequence[Check]
    aliases: Mapping[str, int]
    on_look: Callable[[], None]
    states: dict[str, State] = field(default_factory=dict)
    offsets: dict[str, timedelta] = field(default_factory=dict)  # of our clock, by address
    waiting: list[Look] = field(default_factory=list)
    dark: list[Look] = field(default_factory=list)
    lost: list[Look] = field(default_factory=list)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take(self, look: Look) -> None:
        """Take in one look; a full batch is judged and stored."""
        self.on_look()
        observation = look[1]
        self.offsets.update(clock_offset(observation))
        if is_dark(observation) or is_lost(observation):
            (self.dark if is_dark(observation) else self.lost).append(look)
            return
        self.waiting.append(look)
        if len(self.waiting) >= BATCH:
            batch, self.waiting = self.waiting, []
            await self.keep(batch)

    async def keep(self, batch: Sequence[Look], *, blind: bool = False) -> None:
        """Judge a batch by what is remembered of its domains, and store it whole.

        ``blind``: the whole sweep says nothing about the domains.
        """
        async with self.writing:
            names = [domain.name for domain, _ in batch]
            memories = await asyncio.to_thread(self.store.memories, names)
            judged = [self._judged(look, memories, blind) for look in batch]
            await asyncio.to_thread(self.store.save, self.sweep, judged)
        self.states |= {each.domain.name: each.state for each in judged}

    def _judged(self, look: Look, memories: Mapping[str, Memory], blind: bool) -> Judged:
        domain, observation = look
        if blind or spoiled(observation):
            return unjudged(look)
        target = observation.dns.cname_chain[-1] if observation.dns.cname_chain else domain.cname
        aliases = self.aliases.get(target or "", 1)
        memory = memories.get(domain.name, Memory())
        return judge_look(look, memory, aliases, self.house, self.checks)


async def scan(
    domains: Sequence[TrackingDomain],
    *,
    store: Store,
    prober: Prober,
    clock: Clock,
    house: HousePolicy,
    concurrency: int,
    checks: Sequence[Check] = CHECKS,
    on_look: Callable[[], None] = lambda: None,
) -> Sweep:
    """Look at all these domains now; ``on_look`` is called after each look, for progress.

    Raises StoreError when what was seen cannot be kept; whole batches are kept or none of them.
    When cancelled it first keeps what was seen.
    """
    started_at = clock.now()
    run = _Run(
        store=store,
        sweep=await asyncio.to_thread(store.begin_sweep, started_at, len(domains)),
        house=house,
        checks=checks,
        aliases=await asyncio.to_thread(store.alias_counts),
        on_look=on_look,
    )
    async with prober.sweep() as looks:
        try:
            await _look_at_all(iter(domains), looks, clock, run, concurrency)
        except asyncio.CancelledError:
            await run.keep(run.waiting)
            raise
        sickness = await _sickness(run, looks, len(domains))
    await run.keep(run.waiting)
    doubtful = [*run.dark, *run.lost]
    for start in range(0, len(doubtful), BATCH):
        await run.keep(doubtful[start : start + BATCH], blind=sickness is not None)
    skew = clock_skew(list(run.offsets.values()), house.thresholds.clock_skew)
    found = (everywhere(house, finding) for finding in (sickness, skew) if finding)
    findings = tuple(finding for finding in found if finding)
    result = Sweep(
        started_at=started_at,
        finished_at=clock.now(),
        states=run.states,
        findings=findings,
        sick=sickness is not None,
    )
    await asyncio.to_thread(store.end_sweep, run.sweep, result.finished_at, result.counts, findings)
    return result


async def _sickness(run: _Run, looks: Looks, total: int) -> Finding | None:
    if not (run.dark or run.lost):
        return None
    return sick(total, len(run.dark), len(run.lost), await looks.resolver_state())


async def _look_at_all(
    domains: Iterator[TrackingDomain], looks: Looks, clock: Clock, run: _Run, concurrency: int
) -> None:
    async def worker() -> None:
        for domain in domains:  # shared: each worker takes the next one
            await run.take((domain, await looks.look(domain, clock.now())))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
