"""Many claims at once, from threads, connections and processes."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain

from certwatch.core.renewal import Renewal
from certwatch.store import SqlStore, open_store
from tests.factories import NOW
from tests.store.renewing import CA, TWENTY, claim, wish, within
from tests.store.values import domain

NAMES = [f"d{number:03}.brand.test" for number in range(200)]
OTHER_PROCESS = """
import sys
from certwatch.store import open_store
from tests.store.test_renewals_together import grab
with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    print(*[renewal.id for renewal in grab(store, store.open_renewals())], flush=True)
    sys.stdin.read()  # the claims of a process that is gone would be free
"""


def fill(store: SqlStore) -> Sequence[Renewal]:
    store.import_all(map(domain, NAMES), NOW, prune=False, dry_run=False)
    store.enqueue([wish(name) for name in NAMES], NOW)
    return store.open_renewals()


def grab(store: SqlStore, waiting: Sequence[Renewal]) -> list[Renewal]:
    tried = [claim(store, each, 0, within(TWENTY, NOW)) for each in waiting]
    return [each for each in tried if isinstance(each, Renewal)]


def test_200_claims_at_once_are_granted_exactly_the_budget(url: str):
    with ExitStack() as stack:
        stores = [stack.enter_context(open_store(url)) for _ in range(4)]
        waiting = fill(stores[0])
        pool = stack.enter_context(ThreadPoolExecutor(16))
        runs = [pool.submit(grab, stores[n % 4], [each]) for n, each in enumerate(waiting)]
        granted = list(chain.from_iterable(run.result() for run in runs))
        assert len(granted) == 20
        assert {each.domain for each in granted} == {
            each.domain for each in stores[0].spends(CA, NOW)
        }


def test_everybody_wants_the_same_renewal_and_one_has_it(url: str):
    with ExitStack() as stack:
        stores = [stack.enter_context(open_store(url)) for _ in range(4)]
        one = fill(stores[0])[:1]
        pool = stack.enter_context(ThreadPoolExecutor(8))
        runs = [pool.submit(grab, stores[n % 4], one) for n in range(24)]
        assert sum(len(run.result()) for run in runs) == 1


def test_two_processes_share_one_budget(url: str):
    with open_store(url) as store:
        waiting = fill(store)
        command = [sys.executable, "-c", OTHER_PROCESS, url]
        with ExitStack() as stack:
            others = [
                stack.enter_context(
                    subprocess.Popen(
                        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                    )
                )
                for _ in range(2)
            ]
            outputs = [other.stdout for other in others if other.stdout]
            assert [output.readline() for output in outputs] == ["ready\n"] * 2
            for other in others:
                assert other.stdin
                other.stdin.write("go\n")
                other.stdin.flush()
            granted = [renewal.id for renewal in grab(store, waiting[::-1])]
            for output in outputs:
                granted.extend(map(int, output.readline().split()))
            for other in others:
                assert other.stdin
                other.stdin.close()
        assert len(granted) == len(set(granted)) == 20
        assert {spend.renewal for spend in store.spends(CA, NOW)} == set(granted)


def test_two_queue_the_same_wishes_at_once(url: str):
    with open_store(url) as one, open_store(url) as other, ThreadPoolExecutor(2) as both:
        one.import_all(map(domain, NAMES), NOW, prune=False, dry_run=False)
        wishes = [wish(name) for name in NAMES]
        runs = [
            both.submit(one.enqueue, wishes, NOW),
            both.submit(other.enqueue, wishes[::-1], NOW),
        ]
        names = [name for run in runs for name in run.result()]
        assert sorted(names) == NAMES
        assert len(one.open_renewals()) == len(NAMES)
