"""The live plan: what is issued, seen, spent and under way decides what is planned."""

from dataclasses import replace
from datetime import timedelta

import pytest

from certwatch.core.model import Failure, Mode, Path, Revocation, TrackingDomain, TrustVerdict
from certwatch.core.planning import Planned, make_plan
from certwatch.core.renewal import Allowance, Ari, Lifetimes, Lineage, Reason, Renewal
from certwatch.services import plan as service
from certwatch.services.plan import USUAL_LIFE, Outlook, live_outlook
from certwatch.store import SqlStore, open_store
from tests.factories import NOW, certificate, no_tls, tls
from tests.reporting.looks import latest
from tests.store.renewing import CA, claim, setback, wish, yes

NAME = "click.brand.test"
DAY = timedelta(days=1)
WEEKLY = Allowance(certificates=20, window=7 * DAY)


@pytest.fixture
def store():
    with open_store("sqlite://") as opened:
        opened.add(TrackingDomain(name=NAME, mode=Mode.ACME), NOW)
        yield opened


def outlook(store: SqlStore, **changes) -> Outlook:
    values = {"at": NOW, "horizon": 90 * DAY, "allowance": WEEKLY, "directory": CA}
    return live_outlook(store, **{**values, **changes})


def first(store: SqlStore, **changes) -> Planned:
    """The next renewal of the only domain."""
    return next(outlook(store, **changes).plan.renewals)


def see(store: SqlStore, *views, later: timedelta = 0 * DAY) -> None:
    """Store a look whose handshakes were these."""
    judged = latest(name=NAME, seen_ago=-later).judged
    assert judged is not None
    seen = replace(judged, observation=replace(judged.observation, tls=views))
    store.save(store.begin_sweep(NOW, 1), [seen])


def hold(store: SqlStore, name: str = NAME, days_left: float = 45, ari: Ari | None = None) -> None:
    """Issue a certificate of 90 days for a domain, long enough ago that nothing of it is spent."""
    store.enqueue([wish(name, due_at=NOW - 80 * DAY)], NOW - 80 * DAY)
    begun = NOW - (90 - days_left) * DAY
    leaf = certificate(
        name, not_before=begun, not_after=begun + 90 * DAY, fingerprint=name.encode().hex()
    )
    (waiting,) = store.open_renewals([name])
    taken = store.claim(waiting.id, now=begun, lease_until=begun + DAY, decide=yes)
    lineage = Lineage(
        domain=name,
        directory=CA,
        certificate=leaf,
        chain="chain",
        issued_at=begun,
        ari_id="aki.1",
        ari=ari,
    )
    assert isinstance(taken, Renewal)
    issued = store.issued(taken, lineage, registered_domain="brand.test", now=begun)
    store.done(issued, begun)
    if ari:
        store.keep_ari(name, "aki.1", ari)


def test_a_domain_that_was_never_seen_is_new(store):
    planned = first(store)
    assert (planned.domain, planned.at, planned.reason) == (NAME, NOW, Reason.NEW)


def test_what_it_serves_is_renewed_at_its_usual_time(store):
    see(store, tls(certificate(NAME)))
    planned = first(store)
    assert (planned.at, planned.reason) == (NOW + 15 * DAY, Reason.LIFETIME)
    assert planned.not_after == NOW + 45 * DAY


@pytest.mark.parametrize(
    "view",
    [
        tls(certificate("edge.test")),
        tls(certificate(NAME), path=Path(TrustVerdict.UNTRUSTED)),
    ],
    ids=["another name", "nobody vouches"],
)
def test_a_certificate_that_helps_nobody_counts_for_nothing(store, view):
    see(store, view)
    assert first(store).reason is Reason.NEW


def test_an_address_that_is_behind_decides(store):
    older = certificate(NAME, not_after=NOW + 2 * DAY, fingerprint="cd" * 32)
    see(store, tls(certificate(NAME)), tls(older, "198.51.100.8"))
    assert first(store).not_after == NOW + 2 * DAY


def test_our_own_certificate_counts_before_what_is_served(store):
    see(store, tls(certificate(NAME, not_after=NOW + DAY)))
    hold(store, days_left=60)
    assert first(store).not_after == NOW + 60 * DAY


def test_the_cas_suggestion_counts_for_its_certificate(store):
    at = NOW + 3 * DAY
    ari = Ari(start_at=at, end_at=at + DAY, selected_at=at, next_poll_at=at)
    hold(store, ari=ari)
    assert (first(store).at, first(store).reason) == (at, Reason.ARI)


def test_a_revoked_certificate_is_replaced_now(store):
    see(store, tls(certificate(NAME), revocation=Revocation.REVOKED))
    assert (first(store).at, first(store).reason) == (NOW, Reason.REVOKED)


def test_only_domains_of_ours_are_planned(store):
    store.add(TrackingDomain(name="cdn.brand.test", mode=Mode.CDN), NOW)
    store.add(TrackingDomain(name="any.brand.test"), NOW)
    made = outlook(store)
    assert made.domains == 1
    assert {one.domain for one in made.plan.renewals} == {NAME}


def test_a_failed_attempt_is_waited_out(store):
    store.enqueue([wish(NAME)], NOW)
    taken = claim(store, store.open_renewals()[0])
    store.fail(taken, setback(), due_at=NOW + DAY, refund=True)
    assert first(store).at == NOW + DAY


def test_a_renewal_under_way_keeps_its_place_and_is_not_planned_twice(store):
    store.enqueue([wish(NAME)], NOW)
    claim(store, store.open_renewals()[0])
    made = outlook(store)
    assert made.plan.spent == (NOW,)
    planned = next(made.plan.renewals)
    assert (planned.at, planned.reason) == (NOW + 60 * DAY, Reason.LIFETIME)


def test_a_quarantined_domain_waits_for_a_person(store):
    store.enqueue([wish(NAME)], NOW)
    taken = claim(store, store.open_renewals()[0])
    store.fail(taken, setback(), due_at=NOW, refund=True, quarantine=True)
    made = outlook(store)
    assert (made.quarantined, made.domains, made.plan.count) == ((NAME,), 1, 0)


def test_what_was_spent_binds_and_what_is_older_does_not(store):
    tight = Allowance(certificates=1, window=7 * DAY)
    for name, left in (("old.brand.test", 82), ("fresh.brand.test", 87)):
        store.add(TrackingDomain(name=name, mode=Mode.ACME), NOW)
        hold(store, name, days_left=left)
    made = outlook(store, allowance=tight)
    assert made.plan.spent == (NOW - 3 * DAY,)
    new = next(one for one in made.plan.renewals if one.domain == NAME)
    assert new.at == NOW + 4 * DAY
    assert outlook(store, directory="https://other.test/").plan.spent == ()


def test_lives_are_the_cas_or_else_the_newest_certificates(store):
    assert outlook(store).lifetimes.at(NOW) == USUAL_LIFE
    told = Lifetimes.constant(45 * DAY)
    assert outlook(store, lifetimes=told).lifetimes is told
    hold(store)
    assert outlook(store).lifetimes.at(NOW) == 90 * DAY


@pytest.mark.parametrize(("life", "margin"), [(90, 1.0), (6, 0.3)])
def test_retries_have_a_day_before_the_expiry_or_less_of_a_short_life(
    store, monkeypatch, life, margin
):
    given = []

    def spy(needs, **options):
        given.append(options["margin"])
        return make_plan(needs, **options)

    monkeypatch.setattr(service, "make_plan", spy)
    outlook(store, lifetimes=Lifetimes.constant(life * DAY))
    assert given == [margin * DAY]


def test_while_nothing_is_seen_the_certificate_seen_last_counts(store):
    see(store, tls(certificate(NAME)))
    see(store, no_tls(Failure.TIMEOUT), later=DAY)
    assert first(store, at=NOW + DAY).not_after == NOW + 45 * DAY
