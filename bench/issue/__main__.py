"""Measure issuing: certwatch against lego and certbot at the same Pebble, in the same run.

usage: python -m bench.issue [--rounds N] [--certificates N]

Prints a Markdown page and writes it to bench/results/issue.md. The clients take turns on one core;
the servers have the other one.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.issue.clients import Batch, certbot, certwatch, lego
from bench.issue.page import page
from bench.issue.servers import World, world

AT_ONCE = 8  # as certwatch's acme.concurrency is by default
ALONE = 10
SHARES = {"certwatch": 1.0, "lego": 0.4, "certbot": 0.2}  # all of them would take many minutes
RESULT = Path(__file__).parent.parent / "results" / "issue.md"

Client = Callable[[World, int, int], Batch]

CLIENTS: Mapping[str, Client] = {"certwatch": certwatch, "lego": lego, "certbot": certbot}


def turn(made: World, sizes: Mapping[str, int], at_once: int) -> dict[str, Batch]:
    """A batch of each client."""
    batches = {}
    for name, size in sizes.items():
        batch = batches[name] = CLIENTS[name](made, size, at_once)
        each = batch.cost.wall / size
        print(f"{name}, {at_once} at a time: {each:.3f} s each", file=sys.stderr)
    return batches


def main() -> None:
    """Run the measurements and write the page."""
    options = argparse.ArgumentParser(prog="bench.issue", description=__doc__)
    options.add_argument("--rounds", type=int, default=3, metavar="N")
    options.add_argument("--certificates", type=int, default=200, metavar="N")
    chosen = options.parse_args()
    few = dict.fromkeys(CLIENTS, ALONE)
    many = {name: round(share * chosen.certificates) for name, share in SHARES.items()}
    with world() as made:
        rounds = [(turn(made, few, 1), turn(made, many, AT_ONCE)) for _ in range(chosen.rounds)]
    alone, together = (
        {name: [batches[name] for batches in turns] for name in turns[0]}
        for turns in zip(*rounds, strict=True)
    )
    text = page(alone, together, AT_ONCE)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
