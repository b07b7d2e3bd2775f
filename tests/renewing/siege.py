"""Two services on one database that are killed at random while domains are issued for."""

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.renewing.place import Ordered, Place

SERVICES = 2
_GLANCE = 0.2  # seconds


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a siege came to."""

    domains: tuple[str, ...]
    open_ones: tuple[str, ...]  # not done in time
    killed: Counter[str]  # kills by the step that was reached last
    failed: int  # attempts that were set back
    orders: list[Ordered]
    in_place: dict[str, str]  # serials
    spends: list[bool]  # whether each place is committed
    seconds: float

    def violations(self) -> list[str]:
        """Each claim that does not hold, in words."""
        found = [f"{name} is not done" for name in self.open_ones]
        for name in self.domains:
            mine = [order for order in self.orders if order.domain == name]
            if [order.status for order in mine] != ["valid"]:
                found.append(f"{name} has the orders {[order.status for order in mine]}")
            elif self.in_place.get(name) != mine[0].serial:
                found.append(f"{name} has another certificate in place than it was issued")
        issued = len({order.serial for order in self.orders if order.serial})
        if self.spends != [True] * issued:
            found.append(f"the CA issued {issued}, the ledger has {Counter(self.spends)}")
        return found


@dataclass
class _Killed:
    """What the services say of their deaths, read as it comes."""

    where: Counter[str] = field(default_factory=Counter)
    alive: int = 0  # services that will not be killed any more
    ended: int = 0  # services that are gone for good

    def read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("killed"):
                self.where[line.split()[1]] += 1
            elif line.startswith("lives"):
                self.alive += 1
        self.ended += 1


def besiege(here: Place, *, domains: int, kills: int, seed: str, patience: float) -> Outcome:
    """Issue for that many domains while the services are killed so often; both come to their end
    together. ``patience`` is in seconds. The place needs a node for each service."""
    names = tuple(f"n{number}.siege.test" for number in range(domains))
    began, added, failed = time.monotonic(), 0, 0
    shares = [kills // SERVICES + (node < kills % SERVICES) for node in range(SERVICES)]
    with _services(here, shares, seed) as killed, here.app().store() as store:
        while time.monotonic() - began < patience and not killed.ended:
            waiting = store.open_renewals()
            done = sum(1 for _ in store.lineages()) - sum(one.chain is not None for one in waiting)
            progress = killed.where.total() / kills
            due = min(domains, int(domains * progress) + SERVICES)
            if added < max(due, min(domains, done + 1)):
                here.add(names[added])
                added += 1
                continue
            if done == domains and not waiting and killed.alive == SERVICES:
                break
            now = datetime.now(UTC)
            for renewal in (one for one in waiting if one.due_at > now and one.setback):
                store.reschedule(renewal.id, now)  # nobody waits a minute here
                failed += 1
            time.sleep(_GLANCE)
        open_ones = {one.domain for one in store.open_renewals()} | set(names[added:])
    return Outcome(
        domains=names,
        open_ones=tuple(sorted(open_ones)),
        killed=killed.where,
        failed=failed,
        orders=here.orders(),
        in_place={name: here.in_place(name) for name in names if name not in open_ones},
        spends=here.spends(),
        seconds=time.monotonic() - began,
    )


@contextmanager
def _services(here: Place, kills: list[int], seed: str) -> Iterator[_Killed]:
    """The services, and their deaths as they happen."""
    killed = _Killed()
    with ExitStack() as stack:
        for node, share in enumerate(kills):
            command = ("-m", "tests.renewing.service", str(share), f"{seed}/{node}")
            process = stack.enter_context(here.start(*command, node=node, errors=None))
            reader = threading.Thread(target=killed.read, args=[process])
            reader.start()
            stack.callback(reader.join)
            stack.callback(process.terminate)
        yield killed
