"""The ledger: what counts, since when, and what the CA's own limits come to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from certwatch.core.budget import Decision
from certwatch.core.renewal import Allowance, Renewal, Step
from certwatch.ports import Spend
from certwatch.store import Rules, SqlStore
from tests.factories import NAME, NOW
from tests.store.renewing import (
    BUCKETS,
    CA,
    ORDERS,
    PER_BRAND,
    WEEK,
    claim,
    claimed,
    issue,
    limits,
    queued,
    setback,
    within,
)
from tests.store.values import at

ONE = Allowance(certificates=1, window=WEEK)
FAR = timedelta(days=30)


@pytest.fixture
def store(store: SqlStore) -> SqlStore:
    """A store that knows a CA's limits."""
    store._rules = Rules(limits=limits, window=WEEK)
    return store


def free(_: object) -> Decision:
    return Decision(True, is_free=True, exempt=("ari",))


def test_a_place_is_reserved_then_committed_at_the_issuance(store: SqlStore):
    renewal = claimed(store)
    spend = Spend(
        renewal=renewal.id, domain=NAME, directory=CA, at=NOW, committed=False, is_free=False
    )
    assert store.spends(CA, NOW) == (spend,)
    issue(store, renewal, hours=0.5)
    assert store.spends(CA, NOW) == (replace(spend, at=at(0.5), committed=True),)
    assert store.ledger(CA, NAME, at(1)).spent == (at(0.5),)
    assert store.spends("https://other.test/", NOW - FAR) == ()


def test_a_reserved_place_counts_as_of_now_however_old_it_is(store: SqlStore):
    """Else a renewal that hangs for a week would issue beside the one that got its place."""
    hanging = claimed(store, "a.brand.test")
    waiting = queued(store, "b.brand.test")
    late = 24 * 8
    assert store.ledger(CA, NAME, at(late)).spent == (at(late),)
    refusal = claim(store, waiting, late, within(ONE, at(late)))
    assert isinstance(refusal, Decision)
    assert not refusal.granted
    assert len(store.spends(CA, at(late))) == 1
    issue(store, hanging, hours=late)
    assert claim(store, waiting, late + 24 * 7 - 1, within(ONE, at(late + 24 * 7 - 1))).granted is (
        False
    )
    assert isinstance(claim(store, waiting, late + 24 * 7, within(ONE, at(late + 24 * 7))), Renewal)


def test_a_place_left_behind_by_a_removed_domain_leaves_the_window(store: SqlStore):
    renewal = claimed(store)
    claim(store, renewal, 24)  # taken up again a day later: it may issue then
    store.remove(NAME)
    assert store.ledger(CA, NAME, at(24 * 7)).spent == (at(24),)
    assert store.ledger(CA, NAME, at(24 * 8)).spent == ()
    assert store.spends(CA, at(24 * 2)) == ()


def test_a_clock_that_goes_back_does_not_move_a_place_back(store: SqlStore):
    renewal = claimed(store, hours=5)
    issue(store, renewal, hours=2)
    assert store.ledger(CA, NAME, at(6)).spent == (at(5),)


def test_a_refunded_place_is_free_for_others(store: SqlStore):
    renewal = claimed(store, "a.brand.test")
    waiting = queued(store, "b.brand.test")
    assert claim(store, waiting, 0, within(ONE, NOW)).granted is False
    store.fail(renewal, setback(), due_at=at(1), refund=True)
    assert isinstance(claim(store, waiting, 0, within(ONE, NOW)), Renewal)


def test_what_costs_nothing_is_listed_and_not_counted(store: SqlStore):
    issue(store, claimed(store, decision=free))
    assert [(each.is_free, each.committed) for each in store.spends(CA, NOW)] == [(True, True)]
    assert store.ledger(CA, NAME, NOW).spent == ()


def test_places_outside_the_window_are_not_read(store: SqlStore):
    issue(store, claimed(store))
    assert store.ledger(CA, NAME, at(24 * 7 - 1)).spent == (NOW,)
    assert store.ledger(CA, NAME, at(24 * 7)).spent == ()


def test_an_order_draws_on_its_limit_once(store: SqlStore):
    renewal = claimed(store)
    store.charge(renewal, "order", registered_domain="brand.test", now=NOW)
    store.advance(renewal, Step.ORDERED)
    assert store.ledger(CA, "x.other.test", NOW).arrivals == {"new_orders": NOW + ORDERS.refill}
    store.charge(renewal, "order", registered_domain="brand.test", now=NOW)
    assert store.ledger(CA, "x.other.test", NOW).arrivals == {"new_orders": NOW + 2 * ORDERS.refill}


def test_an_issuance_draws_on_the_registered_domain_of_its_name(store: SqlStore):
    issue(store, claimed(store, "a.brand.test"))
    assert store.ledger(CA, "b.brand.test", NOW).arrivals == {
        "registered_domain": NOW + PER_BRAND.refill
    }
    assert store.ledger(CA, "b.other.test", NOW).arrivals == {}


def test_renewals_on_their_way_are_foreseen(store: SqlStore):
    """Claims that are granted together may not draw together more than the CA allows."""
    for name in ("a.brand.test", "b.brand.test"):
        claimed(store, name)
    ahead = store.ledger(CA, "c.brand.test", NOW).arrivals
    assert ahead == {
        "new_orders": NOW + 2 * ORDERS.refill,
        "registered_domain": NOW + 2 * PER_BRAND.refill,
    }
    assert not PER_BRAND.room(ahead["registered_domain"], NOW).granted
    assert store.ledger(CA, "c.other.test", NOW).arrivals == {"new_orders": NOW + 2 * ORDERS.refill}


def test_what_the_ca_does_not_count_draws_only_where_it_does(store: SqlStore):
    renewal = claimed(store, decision=free)
    assert store.ledger(CA, NAME, NOW).arrivals == {"registered_domain": NOW + PER_BRAND.refill}
    store.charge(renewal, "order", registered_domain="brand.test", now=NOW)
    issue(store, renewal)
    assert store.ledger(CA, NAME, NOW).arrivals == {"registered_domain": NOW + PER_BRAND.refill}


def test_a_ca_without_limits_is_drawn_on_by_nothing(store: SqlStore):
    renewal = claim(store, queued(store, directory="https://own.test/dir"))
    store.charge(renewal, "order", registered_domain="brand.test", now=NOW)
    assert store.ledger("https://own.test/dir", NAME, NOW).arrivals == {}
    assert BUCKETS


def test_pruning_keeps_whatever_may_bind(store: SqlStore):
    issue(store, claimed(store, "a.brand.test"))
    claimed(store, "b.brand.test")
    store.prune(at(24 * 300))
    assert len(store.spends(CA, NOW - FAR)) == 2
    store.prune(at(24 * 3000))
    assert [each.domain for each in store.spends(CA, NOW - FAR)] == ["b.brand.test"]
