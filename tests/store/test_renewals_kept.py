"""What outlives a renewal: certificates, ARI, challenges, accounts, pauses."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from certwatch.core.breaker import MANY
from certwatch.core.renewal import Step
from certwatch.store import Rules, SqlStore, check_database, open_store
from tests.factories import NAME, NOW
from tests.store.renewing import CA, ari, claim, claimed, finish, issue, limits, lineage, queued
from tests.store.values import HOSTILE, at, domain, look

MANY_NAMES = [f"d{number:04}.brand.test" for number in range(700)]


def renew(store: SqlStore, number: int, hours: float) -> None:
    """A domain's next certificate, from wish to done."""
    finish(store, claim(store, queued(store), hours), number, hours)


def test_a_certificate_is_stored_with_its_place_and_step(store: SqlStore):
    renewal = issue(store, claimed(store))
    assert (renewal.step, renewal.chain, renewal.key) == (Step.ISSUED, "chain 1", b"sealed")
    assert list(store.lineages()) == [lineage()]


def test_the_same_certificate_again_changes_nothing(store: SqlStore):
    store._rules = Rules(limits=limits)
    renewal = store.advance(issue(store, claimed(store)), Step.DEPLOYED)
    before = (store.open_renewals(), store.spends(CA, NOW), store.ledger(CA, NAME, at(1)))
    assert before[2].arrivals
    news = lineage(hours=1)
    assert store.issued(renewal, news, registered_domain="brand.test", now=at(1)) == renewal
    assert (store.open_renewals(), store.spends(CA, NOW), store.ledger(CA, NAME, at(1))) == before
    assert list(store.lineages()) == [lineage()]


def test_the_newest_certificate_stands_for_the_domain(store: SqlStore):
    renew(store, 1, 0)
    renew(store, 2, 24)
    assert list(store.lineages()) == [replace(lineage(number=2, hours=24), confirmed_at=at(24))]


def test_certificates_come_in_name_order_page_by_page(store: SqlStore):
    store.import_all(map(domain, MANY_NAMES), NOW, prune=False, dry_run=False)
    for name in (MANY_NAMES[5], MANY_NAMES[699], MANY_NAMES[2]):
        issue(store, claimed(store, name))  # all three bear the same certificate
    assert [each.domain for each in store.lineages()] == [MANY_NAMES[n] for n in (2, 5, 699)]
    chosen = [*MANY_NAMES[600:], MANY_NAMES[2]]
    assert [each.domain for each in store.lineages(chosen)] == [MANY_NAMES[n] for n in (2, 699)]


def test_ari_is_kept_for_the_certificate_that_it_is_about(store: SqlStore):
    renew(store, 1, 0)
    store.keep_ari(NAME, "aki.1", ari(5))
    assert [each.ari for each in store.lineages()] == [ari(5)]
    renew(store, 2, 24)
    assert [each.ari for each in store.lineages()] == [None]
    store.keep_ari(NAME, "aki.1", ari(9))
    assert [each.ari for each in store.lineages()] == [None]
    store.keep_ari(NAME, "aki.2", ari(9, explanation_url=HOSTILE))
    (kept,) = (each.ari for each in store.lineages())
    assert kept is not None
    assert kept.selected_at == at(16)


def test_pruning_keeps_the_newest_certificate_and_what_is_open(url: str):
    with open_store(url) as store:
        renew(store, 1, 0)
        renew(store, 2, 24)
        store.plant("t", "t.key", NAME, at(30))
        assert store.prune(at(1)) == 1  # the renewal that is done
        # the other renewal, the replaced certificate and its leaf, the challenge
        assert store.prune(at(48)) == 4
        assert [each.chain for each in store.lineages()] == ["chain 2"]
        queued(store)
        assert store.prune(at(5000)) == 0
        assert len(store.open_renewals()) == 1
    assert "sound" in check_database(url)


def test_a_removed_domain_takes_its_certificates_along(url: str):
    with open_store(url) as store:
        renew(store, 1, 0)
        store.save(1, [look(0)])  # which serves the same certificate
        store.remove(NAME)
        assert list(store.lineages()) == []
    assert "sound" in check_database(url)


def test_a_challenge_is_answered_for_its_host_until_it_expires(store: SqlStore):
    store.plant("token", "token.thumb", "Click.Brand.test", at(1))
    assert store.challenge("click.brand.TEST", "token", NOW) == "token.thumb"
    assert store.challenge("other.brand.test", "token", NOW) is None
    assert store.challenge(NAME, "TOKEN", NOW) is None
    assert store.challenge(NAME, "token", at(1)) is None
    store.plant("token", "token.second", NAME, at(2))
    assert store.challenge(NAME, "token", at(1)) == "token.second"
    store.uproot("token")
    assert store.challenge(NAME, "token", NOW) is None
    assert store.challenge(HOSTILE, HOSTILE, NOW) is None


def test_an_account_is_kept_with_its_key_before_it_has_a_url(store: SqlStore):
    claimed(store)  # which makes the CA's row
    assert store.account(CA) is None
    assert store.keep_account(CA, None, b"first") == (None, b"first")
    assert store.account(CA) == (None, b"first")
    assert store.keep_account(CA, "https://ca.test/acct/2", b"second") == (None, b"first")
    registered = ("https://ca.test/acct/1", b"first")
    assert store.keep_account(CA, *registered) == registered
    assert store.keep_account(CA, None, b"first") == registered
    assert store.account(CA) == registered
    assert store.account("https://other.test/") is None


def test_those_who_register_at_once_go_on_with_one_key(url: str):
    with open_store(url) as one, open_store(url) as other, ThreadPoolExecutor(8) as pool:
        keys = [b"key %d" % number for number in range(16)]
        stores = [one, other] * 8
        runs = [pool.submit(s.keep_account, CA, None, k) for s, k in zip(stores, keys, strict=True)]
        assert {run.result() for run in runs} == {one.account(CA)}


def test_a_cause_that_many_share_pauses_until_a_success(store: SqlStore):
    for number in range(MANY):
        assert store.pauses() == {}
        for _ in range(2):  # the same domain counts once
            store.note_cause("ca:x", f"d{number}", failed=True, detail=f"down\0 {number}", now=NOW)
    until, why = store.pauses()["ca:x"]
    assert until > NOW
    assert why == f"down? {MANY - 1}"
    store.note_cause("ca:x", "trial", failed=True, detail="still down", now=until)
    longer, why = store.pauses()["ca:x"]
    assert longer - until > until - NOW
    assert why == "still down"
    store.note_cause("deploy", "d1", failed=False, detail="", now=until)
    assert "ca:x" in store.pauses()
    store.note_cause("ca:x", "d1", failed=False, detail="", now=until)
    assert store.pauses() == {}
    store.note_cause("ca:x", "d1", failed=True, detail="", now=longer)
    assert store.pauses() == {}


def test_many_fail_and_succeed_at_once(url: str):
    with open_store(url) as one, open_store(url) as other, ThreadPoolExecutor(8) as pool:
        stores = [one, other] * 20
        runs = [
            pool.submit(
                store.note_cause, "ca:x", f"d{number}", failed=number % 4 > 0, detail="", now=NOW
            )
            for number, store in enumerate(stores)
        ]
        for run in runs:
            run.result()
        one.note_cause("ca:x", "d1", failed=False, detail="", now=NOW)
        assert other.pauses() == {}
