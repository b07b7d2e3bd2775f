"""Work that many ask for and that is done once."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Once(Generic[K, V]):
    """Results by key: the first asker starts the work, everybody awaits the same outcome.

    A cancelled asker does not cancel the work of the others; ``close`` cancels what still runs.
    """

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, work: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The outcome for a key; ``work`` is called only if nobody asked before."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.ensure_future(work())
        return task.result() if task.done() else await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel what still runs and wait for it."""
        running = [task for task in self._tasks.values() if not task.done()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
