"""Measure scanning: against the blackbox exporter, in full, and as the inventory grows.

usage: python -m bench.scan [--duel N] [--sizes N,N,...]

Prints a Markdown page and writes it to bench/results/scan.md. Both sides run in the same minute on
the same core; the servers and the exporter's driver have the other one.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from bench.scan.exporter import exporter
from bench.scan.page import Duel, page
from bench.scan.processes import SUBJECT, Cost, pinned, run
from bench.scan.servers import World, world

RUNS = 5
RESULT = Path(__file__).parent.parent / "results" / "scan.md"


def duel(domains: int) -> Duel:
    """Certificate-only sweeps of both, taking turns."""
    ours, theirs = [], []
    with world(domains) as made, exporter(made) as sweep:
        for _ in range(RUNS):
            theirs.append(domains / sweep())
            ours.append([domains / seconds for seconds in _certificates(made)])
    first, later = zip(*ours, strict=True)
    return Duel(domains, first, later, tuple(theirs))


def _certificates(made: World) -> list[float]:
    command = [sys.executable, "-m", "bench.scan.sweep", str(made.settings)]
    names = "\n".join(made.names)
    done = subprocess.run(
        pinned(SUBJECT, command), input=names, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit("the certificate-only sweep failed")
    return [float(line) for line in done.stdout.split()]


def full(domains: int) -> Cost:
    """The command ``certwatch scan`` on an imported inventory, process start to end."""
    with world(domains) as made:
        base = [sys.executable, "-m", "certwatch", "--config", str(made.settings)]
        answer = made.folder / "scan.json"
        run(SUBJECT, [*base, "init"])
        run(SUBJECT, [*base, "domains", "import", str(made.inventory)])
        cost = run(SUBJECT, [*base, "scan", "--json"], output=answer)
        summary = json.loads(answer.read_bytes())["summary"]
    if summary["ok"] != domains:
        raise SystemExit(f"the scan did not find {domains} healthy domains: {summary}")
    return cost


def main() -> None:
    """Run the measurements and write the page."""
    options = argparse.ArgumentParser(prog="bench.scan", description=__doc__)
    options.add_argument("--duel", type=int, default=1_000, metavar="N")
    options.add_argument("--sizes", default="1000,10000,50000", metavar="N,N,...")
    chosen = options.parse_args()
    fight = duel(chosen.duel)
    print(f"certificates only: {statistics.median(fight.later):.0f} hosts/s", file=sys.stderr)
    costs = {}
    for size in map(int, chosen.sizes.split(",")):
        costs[size] = full(size)
        print(f"full look, {size} domains: {costs[size].wall:.1f} s", file=sys.stderr)
    text = page(fight, costs)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
