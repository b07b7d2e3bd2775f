"""Two sweeps at once."""

from concurrent.futures import ThreadPoolExecutor, wait

from certwatch.core.model import Judged
from certwatch.store import SqlStore, looks, open_store
from certwatch.store.engine import writing
from tests.factories import NOW
from tests.store.values import at, domain, finding, leaf, look

NAMES = [f"d{number:03}.brand.test" for number in range(120)]


def sweep(hours: float) -> list[Judged]:
    """A sweep in which every certificate is new and every domain has a finding."""
    leaves = [leaf(number) for number in range(1, 4)]
    return [look(hours, finding(), name=name, leaves=leaves) for name in NAMES]


def save(store: SqlStore, judged: list[Judged]) -> None:
    for start in range(0, len(judged), 20):
        store.save(1, judged[start : start + 20])


def test_two_sweeps_at_once_leave_the_newer_look_and_no_duplicates(url: str):
    with open_store(url) as one, open_store(url) as other, ThreadPoolExecutor(2) as both:
        one.import_all(map(domain, NAMES), NOW, prune=False, dry_run=False)
        runs = [both.submit(save, one, sweep(0)), both.submit(save, other, sweep(0.5)[::-1])]
        for run in runs:
            run.result()

        assert {each.judged and each.judged.observation.observed_at for each in one.latest()} == {
            at(0.5)
        }
        assert [len(each.findings) for each in one.latest()] == [1] * len(NAMES)
        assert sum(1 for _ in one.past_findings(NOW)) == len(NAMES)


def test_pruning_waits_for_a_look_that_refers_to_a_forgotten_certificate(url: str):
    with open_store(url) as one, open_store(url) as other, ThreadPoolExecutor(1) as beside:
        one.import_all(map(domain, NAMES[:2]), NOW, prune=False, dry_run=False)
        one.save(1, [look(0, name=NAMES[0])])
        one.remove(NAMES[0])  # its certificate stays, and nothing refers to it
        with writing(one._engine) as connection:
            looks.save(connection, 1, [look(0, name=NAMES[1])])
            pruning = beside.submit(other.prune, at(1000))
            assert not wait([pruning], timeout=0.2).done
        assert pruning.result() == 0
        assert next(one.latest()).judged == look(0, name=NAMES[1])
