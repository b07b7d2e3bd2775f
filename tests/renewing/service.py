"""A certwatch that works the queue again and again, and says each step that it reaches.

usage: python -m tests.renewing.service [KILLS SEED]

With KILLS it is killed (SIGKILL) that often, each time a random moment after it has reached a step,
and begun again at once; then it lives on. Every life is a process of its own, forked from one that
has everything imported, which says ``killed`` and where it was.
"""

import asyncio
import os
import random
import select
import signal
import sys
import time
from typing import NoReturn

from certwatch.app import App, compose
from certwatch.config import load_settings
from certwatch.core.renewal import Renewal

PAUSE = 0.1  # seconds between two passes
LONGEST = 0.25  # seconds from a step to the kill; an issuance takes about as long
BORED = 5.0  # seconds without a step after which it is killed all the same


async def serve(app: App) -> None:
    """Answer challenges and work the queue, until somebody kills us."""
    with app.store() as store:
        renewing = app.renewing(store, on_step=_say, on_trouble=lambda text: None)
        async with renewing.responder():
            print("ready", flush=True)
            while True:
                await renewing.once(None, ())
                await asyncio.sleep(PAUSE)


def _say(renewal: Renewal) -> None:
    os.write(sys.stdout.fileno(), f"{renewal.step} {renewal.domain}\n".encode())  # in one piece


def live_and_die(kills: int, draw: random.Random) -> NoReturn:
    """Live, be killed, live again; after the last kill live until SIGTERM."""
    import certwatch.app.renewing  # noqa: F401  (once for all lives)

    for _ in range(kills):
        pid, steps = _born()
        where = _next_step(steps)
        time.sleep(draw.uniform(0, LONGEST))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(steps)
        print("killed", where, flush=True)
    pid, steps = _born()
    print("lives", flush=True)
    while os.read(steps, 65536):
        pass
    sys.exit("it has ended by itself")


def _born() -> tuple[int, int]:
    """A new life: its PID, and where its steps can be read."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(reading)
        os.dup2(writing, sys.stdout.fileno())
        try:
            asyncio.run(serve(compose(load_settings(None))))
        finally:
            os._exit(1)
    os.close(writing)

    def end(*_: object) -> None:
        os.kill(pid, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    return pid, reading


def _next_step(steps: int) -> str:
    """The next step that is reached, ``idle`` when there is none for long."""
    until = time.monotonic() + BORED
    while (left := until - time.monotonic()) > 0 and select.select([steps], [], [], left)[0]:
        text = os.read(steps, 65536).decode()
        if not text:
            sys.exit("it has ended by itself")
        if found := [line.split()[0] for line in text.splitlines() if " " in line]:
            return found[-1]
    return "idle"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        live_and_die(int(sys.argv[1]), random.Random(sys.argv[2]))
    asyncio.run(serve(compose(load_settings(None))))
