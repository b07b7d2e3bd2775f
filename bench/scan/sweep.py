"""certwatch's certificate-only sweep in a process of its own: prints the seconds it took.

usage: python -m bench.scan.sweep SETTINGS < NAMES

Each name is resolved, every address shakes hands, and the chain is parsed and verified.
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
from certwatch.ports import Looks


async def _sweep(app: App, names: list[str]) -> tuple[float, int]:
    queue = iter([TrackingDomain(name=name) for name in names])
    began = time.perf_counter()
    async with app.prober(certificates_only=True).sweep() as looks:
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
    """Sweep once; a name that is not seen with a trusted chain spoils the measurement."""
    names = sys.stdin.read().split()
    seconds, good = run(_sweep(compose(load_settings(Path(sys.argv[1]))), names))
    if good != len(names):
        raise SystemExit(f"certwatch saw only {good} of {len(names)} certificates")
    print(seconds)


if __name__ == "__main__":
    main()
