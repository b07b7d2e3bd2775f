"""Two services on one database, killed 200 times (SIGKILL) during 100 issuances from a real Pebble.

usage: python -m bench.torture [--domains N] [--kills N] [--seed TEXT] [--database URL]

Prints what came of it, and exits with 1 when a claim does not hold: every domain ends with exactly
one new certificate, and that is in place; no order is made twice; the ledger holds what the CA has
issued. ``--database`` names an empty PostgreSQL database; without it, it is a new SQLite file.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.renewing.place import place
from tests.renewing.siege import SERVICES, Outcome, besiege

PATIENCE = 1800  # seconds


def main() -> int:
    """Besiege, and say how it went."""
    options = argparse.ArgumentParser(prog="bench.torture", description=__doc__)
    options.add_argument("--domains", type=int, default=100, metavar="N")
    options.add_argument("--kills", type=int, default=200, metavar="N")
    options.add_argument("--seed", default="torture", metavar="TEXT")
    options.add_argument("--database", metavar="URL")
    chosen = options.parse_args()
    if shutil.which("pebble") is None:
        raise SystemExit("pebble is not installed; `make torture` as root installs it")
    with (
        tempfile.TemporaryDirectory(prefix="certwatch-torture-") as folder,
        place(Path(folder), nodes=SERVICES, database=chosen.database) as here,
    ):
        here.env |= {
            "CERTWATCH_BUDGET__CERTIFICATES": str(chosen.domains + 2),  # two are kept in reserve
            "CERTWATCH_ACME__CONCURRENCY": "2",
        }
        outcome = besiege(
            here,
            domains=chosen.domains,
            kills=chosen.kills,
            seed=chosen.seed,
            patience=PATIENCE,
        )
    print(_page(outcome))
    return int(bool(outcome.violations()) or outcome.killed.total() != chosen.kills)


def _page(outcome: Outcome) -> str:
    where = ", ".join(f"{step} {times}" for step, times in outcome.killed.most_common())
    lines = [
        f"{len(outcome.domains)} domains, {SERVICES} services, {outcome.seconds:.0f} s",
        f"{outcome.killed.total()} kills, by the step reached last: {where}",
        f"{len({one.serial for one in outcome.orders if one.serial})} certificates at the CA,"
        f" {len(outcome.orders)} orders that did not fail",
        f"{sum(outcome.spends)} places committed in the ledger, {outcome.spends.count(False)}"
        " reserved",
        f"{outcome.failed} attempts were set back and asked for again at once",
        *(f"VIOLATED: {text}" for text in outcome.violations()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
