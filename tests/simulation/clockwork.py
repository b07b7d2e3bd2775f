"""Simulated time: an event loop whose clock jumps to whatever happens next.

The services run on it unchanged. What they give to threads runs on the loop itself, a moment later;
so a simulation is one thread, and the same seed gives the same two years.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

_CALL = 0.02  # seconds that a call to the store or the CA takes


class _Jump(selectors.SelectSelector):
    """Instead of waiting, moves the time on."""

    elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is None and not ready:
            raise RuntimeError("the simulation waits for something that will never happen")
        if not ready:
            self.elapsed += max(timeout or 0.0, 0.0)
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop in simulated time."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)
        # Two years in, the seconds are too large for a float to tell nanoseconds apart.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Simulated seconds since the beginning."""
        return self._jump.elapsed

    def run_in_executor(  # type: ignore[override]  # a future of this loop is what it returns
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run a call of another thread here. Like one in a thread, it runs to its end even when
        nobody waits for it any more."""
        future: asyncio.Future[T] = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except BaseException as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

        self.call_later(_CALL, work)
        return future


class SimulatedClock:
    """The time of the loop that runs, from an instant on."""

    def __init__(self, start: datetime) -> None:
        self._start = start

    def now(self) -> datetime:
        """This simulated instant."""
        return self._start + timedelta(seconds=asyncio.get_running_loop().time())


def simulate(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in simulated time, from its second zero on."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(work)
