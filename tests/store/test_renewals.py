"""The queue: wishes, claims, fences, and letting go."""

from dataclasses import replace
from datetime import timedelta
from traceback import format_exception

import pytest
from sqlalchemy import event, text

from certwatch.core.budget import Decision, Ledger
from certwatch.core.renewal import Reason, Renewal, Step
from certwatch.errors import LostClaim, StoreError
from certwatch.store import SqlStore, open_store, queue
from certwatch.store.engine import writing
from tests.factories import NAME, NOW
from tests.store.renewing import (
    CA,
    claim,
    claimed,
    finish,
    issue,
    lineage,
    queued,
    setback,
    wish,
    yes,
)
from tests.store.values import at, domain

KEY = bytes.fromhex("5345414c4544")  # not as text, which a traceback would show


def never(_: Ledger) -> Decision:
    pytest.fail("a renewal with a place is not judged again")


def test_a_wish_is_queued_whole(store: SqlStore):
    renewal = queued(store, reason=Reason.ARI, deadline_at=at(99), replaces="aki.1")
    assert renewal == Renewal(
        id=renewal.id,
        domain=NAME,
        reason=Reason.ARI,
        step=Step.QUEUED,
        directory=CA,
        created_at=NOW,
        due_at=NOW,
        deadline_at=at(99),
        replaces="aki.1",
    )


def test_a_domain_has_one_open_renewal(store: SqlStore):
    for name in ("a.brand.test", "b.brand.test"):
        store.add(domain(name), NOW)
    first = [wish("b.brand.test"), wish("a.brand.test"), wish("b.brand.test"), wish("gone.test")]
    assert store.enqueue(first, NOW) == ("b.brand.test", "a.brand.test")
    again = [wish("a.brand.test", reason=Reason.REVOKED)]
    assert store.enqueue(again, NOW) == ()
    assert {each.reason for each in store.open_renewals()} == {Reason.LIFETIME}
    finish(store, claim(store, store.open_renewals(["a.brand.test"])[0]))
    assert store.enqueue(again, NOW) == ("a.brand.test",)


def test_many_wishes_at_once(store: SqlStore):
    names = [f"d{number:04}.brand.test" for number in range(1200)]
    store.import_all(map(domain, names), NOW, prune=False, dry_run=False)
    assert store.enqueue([wish(name) for name in names], NOW) == tuple(names)
    assert len(store.open_renewals(names[:700])) == 700
    assert len(store.open_renewals()) == 1200


def test_a_claim_is_for_one(store: SqlStore):
    waiting = queued(store)
    mine = claim(store, waiting)
    assert (mine.step, mine.fence, mine.lease_until) == (Step.RESERVED, 1, at(1))
    assert claim(store, waiting) is None
    store.extend(mine, at(3))
    assert claim(store, waiting, 2) is None
    yours = claim(store, waiting, 3, never)
    assert (yours.step, yours.fence) == (Step.RESERVED, 2)


def test_what_is_not_due_or_not_there_is_not_claimed(store: SqlStore):
    waiting = queued(store, due_at=at(2))
    assert claim(store, waiting, 1, never) is None
    assert claim(store, waiting, 2) is not None
    assert store.claim(99, now=at(2), lease_until=at(3), decide=never) is None


def test_a_refusal_changes_nothing(store: SqlStore):
    waiting = queued(store)
    refusal = Decision(False, "no place", at(9))
    assert claim(store, waiting, 0, lambda ledger: refusal) == refusal
    assert store.open_renewals() == (waiting,)
    assert store.spends(CA, NOW - timedelta(days=9)) == ()


def test_a_writer_that_lost_its_claim_writes_nothing(store: SqlStore):
    stale = claimed(store)
    fresh = claim(store, stale, 2)
    writes = (
        lambda: store.extend(stale, at(9)),
        lambda: store.advance(stale, Step.ORDERED, order_url="https://ca.test/other"),
        lambda: store.charge(stale, "order", registered_domain="brand.test", now=at(2)),
        lambda: store.issued(stale, lineage(), registered_domain="brand.test", now=at(2)),
        lambda: store.fail(stale, setback(), due_at=at(9), refund=True),
        lambda: store.release(stale, due_at=at(9)),
        lambda: store.done(stale, at(2)),
    )
    for write in writes:
        with pytest.raises(LostClaim, match=NAME):
            write()
    assert store.open_renewals() == (fresh,)
    assert list(store.lineages()) == []
    assert [spend.committed for spend in store.spends(CA, NOW)] == [False]


def test_a_claim_of_a_removed_domain_is_lost(store: SqlStore):
    renewal = claimed(store)
    store.remove(NAME)
    with pytest.raises(LostClaim):
        store.issued(renewal, lineage(), registered_domain="brand.test", now=NOW)
    with pytest.raises(LostClaim):
        store.extend(renewal, at(9))


def test_each_step_is_found_again_by_whoever_comes_next(url: str):
    with open_store(url) as one:
        renewal = claimed(one)
        ordered = one.advance(renewal, Step.ORDERED, order_url="https://ca.test/o", key=b"sealed")
        assert ordered == replace(
            renewal, step=Step.ORDERED, order_url="https://ca.test/o", key=b"sealed"
        )
        finalized = one.advance(ordered, Step.FINALIZED)
        assert finalized == replace(ordered, step=Step.FINALIZED)
    with open_store(url) as other:
        found = claim(other, renewal, 5, never)
        assert found == replace(finalized, fence=2, lease_until=at(6))


def test_the_sealed_key_is_never_shown(store: SqlStore):
    renewal = store.advance(claimed(store), Step.ORDERED, key=KEY)
    assert "SEALED" not in repr(renewal)
    with writing(store._engine) as connection:
        connection.execute(text("DROP TABLE renewal"))
    with pytest.raises(StoreError) as caught:
        store.advance(renewal, Step.ORDERED, key=KEY)
    assert "SEALED" not in "".join(format_exception(caught.value))


def test_a_failure_gives_back_the_place_and_forgets_the_order(store: SqlStore):
    renewal = store.advance(claimed(store), Step.ORDERED, order_url="https://x", key=b"sealed")
    kept = store.fail(renewal, setback(), due_at=at(4), refund=True)
    assert kept == replace(
        renewal,
        step=Step.QUEUED,
        order_url=None,
        key=None,
        lease_until=None,
        due_at=at(4),
        attempts=1,
        setback=setback(),
    )
    assert store.open_renewals() == (kept,)
    assert store.spends(CA, NOW) == ()
    again = claim(store, kept, 4)
    assert (again.step, again.attempts, again.setback) == (Step.RESERVED, 1, setback())
    assert len(store.spends(CA, NOW)) == 1


def test_a_failure_that_refunds_nothing_goes_on_where_it_was(store: SqlStore):
    renewal = store.advance(claimed(store), Step.FINALIZED)
    kept = store.fail(renewal, setback(), due_at=at(4), refund=False, attempts=0)
    assert (kept.step, kept.attempts, kept.lease_until) == (Step.FINALIZED, 0, None)
    assert len(store.spends(CA, NOW)) == 1
    assert claim(store, kept, 4, never).step is Step.FINALIZED


def test_what_is_issued_is_never_refunded(store: SqlStore):
    renewal = issue(store, claimed(store))
    kept = store.fail(renewal, setback(), due_at=at(4), refund=True)
    assert kept.step is Step.ISSUED
    assert [spend.committed for spend in store.spends(CA, NOW)] == [True]


def test_quarantine_holds_until_it_is_withdrawn(store: SqlStore):
    kept = store.fail(claimed(store), setback(), due_at=at(0), refund=True, quarantine=True)
    assert kept.step is Step.QUARANTINED
    assert claim(store, kept, 99, never) is None
    store.reschedule(kept.id, at(50))
    assert store.open_renewals() == (kept,)
    store.withdraw(NAME)
    assert store.open_renewals() == ()


def test_a_claim_that_is_let_go_waits_for_its_time(store: SqlStore):
    renewal = claimed(store)
    store.release(renewal, due_at=at(3))
    assert claim(store, renewal, 2, never) is None
    assert claim(store, renewal, 3, never).fence == 2


def test_the_next_attempt_can_be_asked_for_at_once(store: SqlStore):
    issued = issue(store, claimed(store))
    kept = store.fail(issued, setback(), due_at=at(99), refund=False)
    store.reschedule(kept.id, at(1))
    assert store.open_renewals() == (replace(kept, due_at=at(1)),)


def test_what_is_worked_on_is_neither_moved_nor_withdrawn(store: SqlStore):
    waiting = queued(store)
    store.reschedule(waiting.id, at(5), Reason.EXPIRED)
    assert store.open_renewals() == (replace(waiting, due_at=at(5), reason=Reason.EXPIRED),)
    working = claim(store, waiting, 5)
    store.reschedule(waiting.id, at(50))
    store.withdraw(NAME)
    assert store.open_renewals() == (working,)


def test_what_is_done_is_out_of_the_queue(store: SqlStore):
    finish(store, claimed(store), hours=0.5)
    assert store.open_renewals() == ()
    assert [each.confirmed_at for each in store.lineages()] == [at(0.5)]


def test_the_key_of_what_is_done_is_forgotten(store: SqlStore):
    finish(store, claimed(store))
    with writing(store._engine) as connection:
        rows = connection.execute(text("SELECT step, key FROM renewal")).all()
    assert [tuple(row) for row in rows] == [("done", None)]


def test_the_queue_is_found_without_reading_all_that_was_done(file_url: str):
    with open_store(file_url) as store, writing(store._engine) as connection:
        asked: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda *seen: asked.append(seen[2]))
        queue.not_done(connection, None)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0]}").all()
        assert "USING INDEX renewal_open" in plan[0][3]


def test_a_removed_domain_leaves_the_queue_but_not_the_ledger(store: SqlStore):
    issue(store, claimed(store, "a.brand.test"))
    claimed(store, "b.brand.test")
    queued(store, "c.brand.test")
    for name in ("a.brand.test", "b.brand.test", "c.brand.test"):
        store.remove(name)
    assert store.open_renewals() == ()
    assert [each.domain for each in store.spends(CA, NOW)] == ["a.brand.test", "b.brand.test"]
    assert len(store.ledger(CA, NAME, NOW).spent) == 2


def test_a_renewal_never_takes_over_the_place_of_one_that_is_gone(url: str):
    with open_store(url) as store:
        issue(store, claimed(store))
        store.remove(NAME)
        claimed(store)
        assert [each.committed for each in store.spends(CA, NOW)] == [True, False]
        assert claim(store, queued(store, "b.brand.test"), 0, yes) is not None
