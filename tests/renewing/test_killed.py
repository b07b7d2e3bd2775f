"""Killed at every named step of a renewal: who comes next goes on, and spends nothing twice.

Every domain is renewed by a process that kills itself at one point. Then one plain ``certwatch
renew`` finishes them all, at once: it does not wait for the leases of the dead.
"""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from certwatch.store import owners
from tests.renewing.place import TIMEOUT, Ordered, Place, place
from tests.renewing.tripwire import POINTS

KILLS = [(point, when) for point in POINTS for when in ("before", "after")]
# The CA asks while nobody answers, unless the other node happens to: then that order is lost.
MUTE = ("challenge-answered", "after")
NODES = 2

pytestmark = pytest.mark.skipif(
    not owners.this_process(), reason="only Linux tells that a process is dead"
)


def name(point: str, when: str) -> str:
    return f"{when}-{point}.killed.test"


@dataclass(frozen=True)
class Aftermath:
    """What came of everything."""

    place: Place
    codes: dict[str, int]  # of the killed ones, by domain
    finished: set[str]  # by the first command after them
    orders: list[Ordered]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    with place(tmp_path_factory.mktemp("killed"), nodes=NODES) as here:
        here.env["CERTWATCH_BUDGET__CERTIFICATES"] = "100"
        here.add(*(name(*kill) for kill in KILLS))
        codes = _killed(here)
        finished = _done(here("renew", code=(0, 3)).out)
        if name(*MUTE) not in finished:
            here("renew", "--force", name(*MUTE))  # now, not after its minute
        yield Aftermath(
            place=here,
            codes=codes,
            finished=finished,
            orders=here.orders(),
        )


def _killed(here: Place) -> dict[str, int]:
    """Begin every renewal, and die; how each ended, by domain."""
    halves = []
    for node in range(NODES):
        words = [word for kill in KILLS[node::NODES] for word in (*kill, name(*kill))]
        halves.append(here.start("-m", "tests.renewing.tripwire", *words, node=node))
    codes: dict[str, int] = {}
    for process in halves:
        with process:
            out, err = process.communicate(timeout=TIMEOUT)
            assert process.returncode == 0, err
            codes |= json.loads(out)
    return codes


def _done(table: str) -> set[str]:
    return {line.split()[0] for line in table.splitlines() if " done" in line}


@pytest.mark.parametrize(("point", "when"), KILLS)
def test_killed_there_a_domain_ends_with_exactly_one_certificate(aftermath, point, when):
    domain = name(point, when)
    assert aftermath.codes[domain] == -signal.SIGKILL
    mine = [order for order in aftermath.orders if order.domain == domain]
    assert [order.status for order in mine] == ["valid"]
    assert mine[0].serial == aftermath.place.in_place(domain)
    assert aftermath.place.spends(domain) == [True]


def test_one_plain_command_finishes_what_the_dead_have_left(aftermath):
    finished = {name(*kill) for kill in KILLS if kill not in (("done", "after"), MUTE)}
    assert aftermath.finished - {name(*MUTE)} == finished


def test_the_ledger_holds_what_the_ca_has_issued(aftermath):
    serials = [order.serial for order in aftermath.orders if order.serial]
    assert aftermath.place.spends() == [True] * len(set(serials)) == [True] * len(KILLS)
