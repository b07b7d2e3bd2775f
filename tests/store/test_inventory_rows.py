"""The inventory in the database."""

from collections.abc import Iterator
from typing import Any

import pytest

from certwatch.core.model import Mode, TrackingDomain
from certwatch.errors import InventoryError
from certwatch.store import SqlStore
from tests.factories import NOW
from tests.store.values import domain

WHOLE = domain(
    "click.brand.com",
    provider="sparkpost",
    mode=Mode.CDN,
    edge="fastly",
    origin="spgo.io:443",
    cname="brand.map.fastly.net",
    owner="it@brand.com",
    tags=("gold", "eu"),
    sample_link="https://click.brand.com/f/a",
)


def import_all(store: SqlStore, *domains: TrackingDomain, prune: bool = False) -> dict[str, int]:
    return dict(store.import_all(domains, NOW, prune=prune, dry_run=False))


def test_what_is_added_comes_back_whole(store: SqlStore):
    store.add(WHOLE, NOW)
    assert store.domain(WHOLE.name) == WHOLE


def test_a_domain_is_added_once(store: SqlStore):
    store.add(WHOLE, NOW)
    with pytest.raises(InventoryError, match="in the inventory already"):
        store.add(domain(WHOLE.name), NOW)
    assert store.domain(WHOLE.name) == WHOLE


@pytest.mark.parametrize("call", [SqlStore.domain, SqlStore.remove])
def test_an_unknown_domain_is_named(store: SqlStore, call: Any):
    with pytest.raises(InventoryError, match=r"certwatch domains add nobody\.brand\.com"):
        call(store, "nobody.brand.com")


def test_a_removed_domain_is_gone(store: SqlStore):
    store.add(WHOLE, NOW)
    store.remove(WHOLE.name)
    assert list(store.domains()) == []


def test_domains_come_in_the_order_of_their_octets(store: SqlStore):
    names = ["a-b.brand.com", "a.brand.com", "a0.brand.com", "ab.brand.com"]
    import_all(store, *map(domain, reversed(names)))
    assert [each.name for each in store.domains()] == names


def test_a_large_inventory_is_read_to_its_end(store: SqlStore):
    import_all(store, *(domain(f"d{number:04}.brand.com") for number in range(1201)))
    assert sum(1 for _ in store.domains()) == 1201


def test_an_import_counts_what_it_did(store: SqlStore):
    import_all(store, domain("a.brand.com"), domain("b.brand.com"), domain("c.brand.com"))
    counts = import_all(
        store, domain("b.brand.com", owner="it@brand.com"), domain("c.brand.com"), WHOLE
    )
    assert counts == {"added": 1, "updated": 1, "unchanged": 1, "removed": 0}
    assert store.domain("b.brand.com").owner == "it@brand.com"


def test_pruning_removes_what_the_import_does_not_name(store: SqlStore):
    import_all(store, domain("a.brand.com"), domain("b.brand.com"))
    assert import_all(store, domain("b.brand.com"), prune=True)["removed"] == 1
    assert list(store.domains()) == [domain("b.brand.com")]


def test_a_dry_run_counts_and_changes_nothing(store: SqlStore):
    store.add(WHOLE, NOW)
    counts = store.import_all([domain("a.brand.com")], NOW, prune=True, dry_run=True)
    assert counts == {"added": 1, "updated": 0, "unchanged": 0, "removed": 1}
    assert list(store.domains()) == [WHOLE]


def test_an_import_that_fails_late_leaves_nothing(store: SqlStore):
    def rows() -> Iterator[TrackingDomain]:
        yield from (domain(f"d{number}.brand.com") for number in range(600))
        raise InventoryError("line 602: bad")

    with pytest.raises(InventoryError, match="line 602"):
        store.import_all(rows(), NOW, prune=False, dry_run=False)
    assert list(store.domains()) == []


def test_the_inventory_can_change_while_it_is_read(store: SqlStore):
    import_all(store, domain("a.brand.com"), domain("b.brand.com"))
    for each in store.domains():
        store.remove(each.name)
    assert list(store.domains()) == []
