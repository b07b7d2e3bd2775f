"""The lab's world beside the commands that look at it: an event loop of its own in a thread."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from certwatch.lab.world import World

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stage:
    """A running world and the way to reach it from another thread."""

    world: World
    loop: asyncio.AbstractEventLoop

    def play(self, act: Callable[[], T]) -> T:
        """Call something of the world in the world's own loop; its result."""

        async def inside() -> T:
            return act()

        return self.wait(inside())

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the world's own loop; its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """A world that runs while the block does. Raises LabError when it cannot start here."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="lab", daemon=True)
    thread.start()
    stage = Stage(World(folder), loop)
    try:
        stage.wait(stage.world.__aenter__())
        try:
            yield stage
        finally:
            stage.wait(stage.world.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
