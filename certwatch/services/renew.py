"""The queue: what the plan grants now is queued, and whatever is due is worked on."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from certwatch.core.planning import Plan
from certwatch.core.renewal import EMERGENCIES, Lineage, Reason, Renewal, Step, Wish
from certwatch.services.ari import poll_ari
from certwatch.services.issue import unserved, work_on
from certwatch.services.scan import scan
from certwatch.services.workshop import Outcome, Workshop


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewing:
    """Renewing, wired: ``plan`` makes the plan as of an instant, ``directory`` names the CA to ask
    as of now, ``responder`` answers challenges while its block runs."""

    shop: Workshop
    plan: Callable[[datetime], Plan]
    directory: Callable[[], str]
    responder: Callable[[], AbstractAsyncContextManager[object]]
    concurrency: int
    on_trouble: Callable[[str], None] = lambda text: None

    async def once(self, names: Collection[str] | None, forced: Collection[str]) -> list[Outcome]:
        """Work the queue once; with ``names`` only for those domains. ``forced`` ones are renewed
        whatever the plan says. What is served at the end is stored as a look."""
        async with self.responder():
            await poll_ari(self.shop, self.on_trouble)
            for name in forced:
                await asyncio.to_thread(self._ask_now, name)
            wishes = await asyncio.to_thread(self.wishes, names, forced)
            outcomes = await work_queue(
                self.shop, wishes, concurrency=self.concurrency, names=names
            )
            await self._look(outcomes)
        return outcomes

    async def follow(self, name: str, within: timedelta) -> Outcome | None:
        """Bring one domain to a certificate that every address serves; None when it is. Else, at
        the latest after this span, what blocks it."""
        async with self.responder():
            until = self.shop.clock.now() + within
            if await self._is_active(name):
                return None
            await asyncio.to_thread(self._ask_now, name)
            outcome = Outcome(domain=name, step=Step.QUEUED, detail="nobody has worked on it yet")
            while waiting := await asyncio.to_thread(self.shop.store.open_renewals, [name]):
                if waiting[0].step is Step.QUARANTINED or waiting[0].due_at > until:
                    return outcome
                await self._sleep_until(waiting[0].due_at)
                outcome = await work_on(self.shop, waiting[0]) or outcome
                if not outcome.is_done and self.shop.clock.now() >= until:
                    return outcome
            await self._look([Outcome(domain=name, step=Step.DONE)])
        return None

    def preview(self, names: Collection[str] | None, forced: Collection[str]) -> list[Renewal]:
        """What ``once`` would work on now, as far as can be told without asking anybody."""
        now = self.shop.clock.now()
        waiting = self.shop.store.open_renewals(None if names is None else list(names))
        due = [renewal for renewal in waiting if _is_due(renewal, now)]
        known = {renewal.domain for renewal in waiting}
        wanted = (wish for wish in self.wishes(names, forced) if wish.domain not in known)
        return sorted([*due, *map(_unqueued, wanted)], key=_urgency)

    def wishes(self, names: Collection[str] | None, forced: Collection[str]) -> list[Wish]:
        """What the plan grants now, and what is forced."""
        now, directory = self.shop.clock.now(), self.directory()
        lineages = {one.domain: one for one in self.shop.store.lineages()}
        granted = takewhile(lambda planned: planned.at <= now, self.plan(now).renewals)
        wishes = {
            one.domain: wish(
                one.domain, one.reason, lineages.get(one.domain), directory, now, one.not_after
            )
            for one in granted
            if names is None or one.domain in names
        }
        wishes |= {name: _asked(name, lineages.get(name), directory, now) for name in forced}
        return list(wishes.values())

    def _ask_now(self, name: str) -> None:
        """Queue a domain that somebody waits for; a renewal that waits for its time is due now."""
        now, store = self.shop.clock.now(), self.shop.store
        for renewal in store.open_renewals([name]):
            if renewal.step is Step.QUARANTINED:
                store.withdraw(name)
            else:
                store.reschedule(renewal.id, now)
        lineage = next(store.lineages([name]), None)
        store.enqueue([_asked(name, lineage, self.directory(), now)], now)

    async def _is_active(self, name: str) -> bool:
        """Whether every address serves the newest certificate that we issued, and it is valid."""
        lineages = await asyncio.to_thread(lambda: list(self.shop.store.lineages([name])))
        now = self.shop.clock.now()
        if not lineages or lineages[0].certificate.not_after <= now:
            return False
        domain = await asyncio.to_thread(self.shop.store.domain, name)
        async with self.shop.prober.sweep() as looks:
            seen = await looks.look(domain, now)
        return not unserved(seen, lineages[0].certificate.serial)

    async def _sleep_until(self, at: datetime) -> None:
        await asyncio.sleep(max((at - self.shop.clock.now()).total_seconds(), 0.2))

    async def _look(self, outcomes: Sequence[Outcome]) -> None:
        done = sorted(outcome.domain for outcome in outcomes if outcome.is_done)
        if done:
            shop = self.shop
            domains = await asyncio.to_thread(lambda: [shop.store.domain(name) for name in done])
            await scan(
                domains,
                store=shop.store,
                prober=shop.prober,
                clock=shop.clock,
                house=shop.house,
                concurrency=len(domains),
            )


def wish(
    domain: str,
    reason: Reason,
    lineage: Lineage | None,
    directory: str,
    now: datetime,
    not_after: datetime | None,
) -> Wish:
    """A wish for a certificate now; it replaces the newest one of the same CA (RFC 9773 section
    5). ``not_after`` is the expiry of the one in place."""
    same = lineage if lineage is not None and lineage.directory == directory else None
    return Wish(
        domain=domain,
        reason=reason,
        directory=directory,
        due_at=now,
        deadline_at=not_after,
        replaces=same.ari_id if same else None,
    )


def _asked(domain: str, lineage: Lineage | None, directory: str, now: datetime) -> Wish:
    """The wish of somebody who does not wait for the plan."""
    if lineage is None:
        return wish(domain, Reason.NEW, None, directory, now, None)
    expiry = lineage.certificate.not_after
    reason = Reason.EXPIRED if expiry <= now else Reason.LIFETIME
    return wish(domain, reason, lineage, directory, now, expiry)


def _unqueued(wish: Wish) -> Renewal:
    return Renewal(
        id=0,
        domain=wish.domain,
        reason=wish.reason,
        step=Step.QUEUED,
        directory=wish.directory,
        created_at=wish.due_at,
        due_at=wish.due_at,
        deadline_at=wish.deadline_at,
    )


async def work_queue(
    shop: Workshop,
    wishes: Sequence[Wish],
    *,
    concurrency: int,
    names: Collection[str] | None = None,
) -> list[Outcome]:
    """Queue these wishes and bring every renewal that is due as far as it goes now, the most urgent
    first; with ``names`` only those domains'. Renewals that another process holds are left out."""
    now = shop.clock.now()
    await asyncio.to_thread(shop.store.enqueue, wishes, now)
    chosen = None if names is None else list(names)
    waiting = await asyncio.to_thread(shop.store.open_renewals, chosen)
    due = iter(sorted((one for one in waiting if _is_due(one, now)), key=_urgency))
    outcomes: list[Outcome] = []

    async def worker(due: Iterator[Renewal]) -> None:
        for renewal in due:  # shared: each worker takes the next one
            if outcome := await work_on(shop, renewal):
                outcomes.append(outcome)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker(due))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return outcomes


def _is_due(renewal: Renewal, now: datetime) -> bool:
    return renewal.due_at <= now and renewal.step is not Step.QUARANTINED


def _urgency(renewal: Renewal) -> tuple[bool, bool, datetime]:
    """What was begun goes first, then emergencies, then by expiry; new domains by their age."""
    begun = renewal.step is not Step.QUEUED
    emergency = renewal.reason in EMERGENCIES
    return not begun, not emergency, renewal.deadline_at or renewal.created_at
