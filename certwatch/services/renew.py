"""The queue: what the plan grants now is queued, and whatever is due is worked on."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from certwatch.core.due import normal_time
from certwatch.core.model import Certificate, Mode
from certwatch.core.planning import Plan
from certwatch.core.renewal import EMERGENCIES, Lineage, Reason, Renewal, Step, Wish
from certwatch.services.ari import poll_ari
from certwatch.services.issue import unserved, work_on
from certwatch.services.scan import scan
from certwatch.services.workshop import Outcome, Workshop

_RESTING = (Step.QUEUED, Step.QUARANTINED)
_ORDERING = (Step.RESERVED, Step.ORDERED, Step.FINALIZED)
_LONGEST_WAIT = timedelta(days=8)  # a week of a CA's limit; later was set by a clock that was ahead
_CARRIED_ON = "this was under way already; force it again for another certificate"


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
            begun = await asyncio.to_thread(self._begun, forced)
            wishes = await asyncio.to_thread(self._make_ready, names, set(forced), begun)
            outcomes = await work_queue(
                self.shop, wishes, concurrency=self.concurrency, names=names
            )
            await self._look(outcomes)
        return [
            replace(one, detail=_CARRIED_ON) if one.is_done and one.domain in begun else one
            for one in outcomes
        ]

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
                outcome = await self._work(waiting[0], until) or outcome
                if not outcome.is_done and self.shop.clock.now() >= until:
                    return outcome
            if not outcome.is_done and not await self._is_active(name):
                return outcome  # it is over, but not by being served
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
        """What the plan grants now, what waits for a CA that is not asked any more, and what is
        forced."""
        now, directory = self.shop.clock.now(), self.directory()
        lineages = {one.domain: one for one in self.shop.store.lineages()}
        granted = takewhile(lambda planned: planned.at <= now, self.plan(now).renewals)
        wanted = [(one.domain, one.reason, one.not_after) for one in granted]
        wanted += [(one.domain, one.reason, one.deadline_at) for one in self._elsewhere(directory)]
        wishes = {
            name: wish(name, reason, lineages.get(name), directory, now, not_after)
            for name, reason, not_after in wanted
            if names is None or name in names
        }
        wishes |= {name: _asked(name, lineages.get(name), directory, now) for name in forced}
        return list(wishes.values())

    def _elsewhere(self, directory: str) -> list[Renewal]:
        """What waits for a CA other than the one that is asked now."""
        waiting = self.shop.store.open_renewals()
        return [one for one in waiting if one.step is Step.QUEUED and one.directory != directory]

    def _make_ready(
        self, names: Collection[str] | None, forced: set[str], begun: set[str]
    ) -> list[Wish]:
        """Let go of what waits in vain, hurry what is under way; the wishes that are left."""
        store, directory = self.shop.store, self.directory()
        wishes = self.wishes(names, forced - begun)
        for renewal in self._elsewhere(directory):
            if names is None or renewal.domain in names:
                store.withdraw(renewal.domain)
        for name in forced:
            self._hurry(name)
        return wishes

    def _begun(self, names: Collection[str]) -> set[str]:
        """Those of these domains whose renewal is under way and still of use: it is carried on,
        none is added."""
        store, now = self.shop.store, self.shop.clock.now()
        waiting = store.open_renewals(list(names)) if names else ()
        begun = {one.domain: one for one in waiting if one.step not in _RESTING}
        old = {one.domain for one in store.lineages(list(begun)) if _is_old(one.certificate, now)}
        return {name for name, one in begun.items() if one.step in _ORDERING or name not in old}

    def _hurry(self, name: str) -> None:
        """What waits begins anew, without the attempts counted so far; what is under way goes on
        now."""
        store = self.shop.store
        for renewal in store.open_renewals([name]):
            if renewal.step in _RESTING:
                store.withdraw(name)
            else:
                store.reschedule(renewal.id, self.shop.clock.now())

    def _ask_now(self, name: str) -> None:
        """Queue a domain that somebody waits for."""
        now, begun = self.shop.clock.now(), self._begun([name])
        self._hurry(name)
        if not begun:
            lineage = next(self.shop.store.lineages([name]), None)
            self.shop.store.enqueue([_asked(name, lineage, self.directory(), now)], now)

    async def _work(self, waiting: Renewal, until: datetime) -> Outcome | None:
        """Work on a renewal, but not for longer; what is not done then goes on later."""
        left = (until - self.shop.clock.now()).total_seconds()
        try:
            async with asyncio.timeout(max(left, 0)):
                return await work_on(self.shop, waiting)
        except TimeoutError:
            now = await asyncio.to_thread(self.shop.store.open_renewals, [waiting.domain])
            return Outcome(
                domain=waiting.domain,
                step=now[0].step if now else Step.QUEUED,
                detail="the time to wait is over; `certwatch renew` carries it on",
            )

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
        done = {outcome.domain for outcome in outcomes if outcome.is_done}
        shop = self.shop
        domains = await asyncio.to_thread(
            lambda: [latest.domain for latest in shop.store.latest(sorted(done))]
        )
        if domains:
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
    due = iter(await asyncio.to_thread(_due, shop, chosen, now))
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


def _due(shop: Workshop, names: Sequence[str] | None, now: datetime) -> list[Renewal]:
    """What is to be worked on, the most urgent first. Of a domain that is no longer ours to renew,
    only what may be issued already is seen through."""
    store = shop.store
    for renewal in store.open_renewals(names):
        if renewal.due_at > now + _LONGEST_WAIT:
            store.reschedule(renewal.id, now)
    due = [one for one in store.open_renewals(names) if _is_due(one, now)]
    ours = {
        latest.domain.name
        for latest in store.latest([one.domain for one in due])
        if latest.domain.mode is Mode.ACME
    }
    for renewal in due:
        if renewal.domain not in ours:
            store.withdraw(renewal.domain)
    kept = (one for one in due if one.domain in ours or one.step not in _RESTING)
    return sorted(kept, key=_urgency)


def _is_due(renewal: Renewal, now: datetime) -> bool:
    return renewal.due_at <= now and renewal.step is not Step.QUARANTINED


def _urgency(renewal: Renewal) -> tuple[bool, bool, bool, datetime]:
    """What was begun goes first, then emergencies, then by expiry; new domains by their age. What
    only waits to be served is last: it takes its time and loses none."""
    serving = renewal.step is Step.DEPLOYED
    begun = renewal.step not in (*_RESTING, Step.DEPLOYED)
    emergency = renewal.reason in EMERGENCIES
    return serving, not begun, not emergency, renewal.deadline_at or renewal.created_at


def _is_old(certificate: Certificate, now: datetime) -> bool:
    """Whether its normal time to be renewed has come."""
    return normal_time(certificate.not_before, certificate.not_after) <= now
