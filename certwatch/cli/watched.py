"""A prober that tells of every look as it ends, for the progress bar."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from certwatch.core.model import Observation, TrackingDomain
from certwatch.ports import Looks, Prober


@dataclass(frozen=True, slots=True)
class WatchedLooks:
    """One sweep's eyes; ``step`` is called after each look."""

    looks: Looks
    step: Callable[[], None]

    async def look(self, domain: TrackingDomain, now: datetime) -> Observation:
        """Look once, and tell of it."""
        observation = await self.looks.look(domain, now)
        self.step()
        return observation

    async def resolver_answers(self) -> bool:
        """Whether any nameserver of ours answers anything at all."""
        return await self.looks.resolver_answers()


@dataclass(frozen=True, slots=True)
class WatchedProber:
    """The network; ``step`` is called after each look."""

    prober: Prober
    step: Callable[[], None]

    @asynccontextmanager
    async def sweep(self) -> AsyncIterator[WatchedLooks]:
        """Open the sockets of one sweep."""
        async with self.prober.sweep() as looks:
            yield WatchedLooks(looks, self.step)
