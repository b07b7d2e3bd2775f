"""certwatch's certificate-only sweeps in a process of their own: prints the seconds of each.

usage: python -m bench.scan.sweep SETTINGS < NAMES

Each name is resolved, every address shakes hands, and the chain is parsed and verified. The first
sweep meets every certificate for the first time; the second knows them, as nearly every sweep of a
service does: a 90-day certificate is looked at more than two hundred times.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from certwatch.app import App, compose, run
from certwatch.clock import SystemClock
from certwatch.config import load_settings
from certwatch.core.model import TrackingDomain, TrustVerdict
from certwatch.ports import Looks, Prober

SWEEPS = 2


async def _sweep(app: App, prober: Prober, names: list[str]) -> tuple[float, int]:
    queue = iter([TrackingDomain(name=name) for name in names])
    began = time.perf_counter()
    async with prober.sweep() as looks:
        workers = [_work(looks, queue) for _ in range(app.settings.probe.concurrency)]
        good = sum(await asyncio.gather(*workers))
    return time.perf_counter() - began, good


async def _work(looks: Looks, queue: Iterator[TrackingDomain]) -> int:
    good = 0
    for domain in queue:
        seen = await looks.look(domain, SystemClock().now())
        verdicts = [view.path.verdict for view in seen.tls if view.path]
        good += verdicts == [TrustVerdict.TRUSTED]
    return good


def main() -> None:
    """Sweep; a name that is not seen with a trusted chain spoils the measurement."""
    names = sys.stdin.read().split()
    app = compose(load_settings(Path(sys.argv[1])))
    prober = app.prober(certificates_only=True)
    for _ in range(SWEEPS):
        seconds, good = run(_sweep(app, prober, names))
        if good != len(names):
            raise SystemExit(f"certwatch saw only {good} of {len(names)} certificates")
        print(seconds)


if __name__ == "__main__":
    main()
