"""Renewals that can never get on, and what one of them does to the others."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from certwatch.core.model import Failure, Mode, TrackingDomain
from certwatch.core.renewal import Blame, Step
from certwatch.services import issue
from certwatch.services.renew import work_queue
from certwatch.services.setback import set_back
from tests.services.shop import (
    CA,
    DAY,
    NAME,
    NOW,
    OTHER,
    Ca,
    Clock,
    Net,
    once,
    renewing,
    trouble,
    wish,
    workshop,
)

pytestmark = pytest.mark.usefixtures("prechecked")


def test_a_renewal_that_one_dead_address_keeps_from_done_does_not_end_renewing(renewals):
    clock, net = Clock(), Net(dead={"2001:db8::1": Failure.REFUSED})
    ca = Ca(clock)
    shop = workshop(renewals, clock=clock, net=net, issuers={CA: ca})
    once(shop)
    assert {one.step for one in renewals.open_renewals()} == {Step.DEPLOYED}
    for day in range(1, 100):
        clock.at = NOW + day * DAY
        once(shop)
    (first,) = renewals.lineages([NAME])
    assert first.certificate.not_after > clock.now(), "it lapsed; nothing was ordered again"


def test_force_gets_a_new_certificate_where_the_last_one_was_never_confirmed(renewals):
    clock, net = Clock(), Net(dead={"2001:db8::1": Failure.REFUSED})
    ca = Ca(clock)
    shop = workshop(renewals, clock=clock, net=net, issuers={CA: ca})
    once(shop, [NAME])
    clock.at = NOW + 95 * DAY
    once(shop, [NAME], [NAME])
    clock.at = NOW + 97 * DAY
    once(shop, [NAME], [NAME])
    assert len(ca.orders) == 2


def test_a_renewal_of_a_ca_that_is_no_longer_set_does_not_stop_the_others(renewals):
    shop = workshop(renewals)
    renewals.enqueue([wish(directory="https://staging.test/directory"), wish(OTHER)], NOW)
    outcomes = asyncio.run(work_queue(shop, [], concurrency=1))
    assert {one.domain for one in outcomes if one.is_done} >= {OTHER}


def test_a_queued_renewal_moves_to_the_ca_that_is_set_now(renewals):
    shop = workshop(renewals)
    renewals.enqueue([wish(directory="https://staging.test/directory")], NOW)
    once(shop, [NAME], [NAME])
    assert renewals.open_renewals([NAME]) == ()


def test_a_certificate_for_another_key_is_ordered_again_in_the_end(renewals):
    clock = Clock()
    ca = Ca(clock)
    ca.faults["certificate"] = trouble("keyMismatch", Blame.OURS)
    shop = workshop(renewals, clock=clock, issuers={CA: ca})
    once(shop, [NAME])
    for day in range(1, 40):
        clock.at = NOW + 2 * day * DAY
        once(shop, [NAME])
    assert len(ca.orders) > 1, "its remedy says: the next attempt makes a new order"


def test_an_order_that_a_dead_ca_answers_with_a_wordless_404_is_given_up_in_the_end(renewals):
    clock = Clock()
    ca = Ca(clock)
    shop = workshop(renewals, clock=clock, issuers={CA: ca})
    ca.faults["finalize"] = trouble("serverInternal", Blame.CA)
    once(shop, [NAME])
    ca.faults = {"look": trouble("orderGone", Blame.CA, is_final=False)}
    for day in range(1, 60):
        clock.at = NOW + 2 * day * DAY
        once(shop, [NAME])
    assert renewals.open_renewals([NAME])[0].step is not Step.FINALIZED


def test_a_domain_that_is_no_longer_ours_is_not_ordered_for(renewals):
    shop = workshop(renewals)
    renewals.enqueue([wish()], NOW)
    renewals.import_all(
        [TrackingDomain(name=NAME, mode=Mode.CDN), TrackingDomain(name=OTHER, mode=Mode.ACME)],
        NOW,
        prune=False,
        dry_run=False,
    )
    once(shop)
    assert NAME not in {one.domain for one in renewals.lineages()}


def test_failures_of_the_ca_do_not_put_a_customer_into_quarantine(renewals):
    clock = Clock()
    shop = workshop(renewals, clock=clock)
    renewals.enqueue([wish()], NOW)
    faults = [trouble("serverInternal", Blame.CA)] * 4 + [trouble("dns_failed", Blame.CUSTOMER)]
    for error in faults:
        clock.at += 2 * DAY
        (waiting,) = renewals.open_renewals([NAME])
        taken = renewals.claim(
            waiting.id,
            now=clock.at,
            lease_until=clock.at + DAY,
            decide=shop.decide(waiting, clock.at),
        )
        asyncio.run(set_back(shop, taken, error))
    assert renewals.open_renewals([NAME])[0].step is Step.QUEUED


def test_a_domain_removed_meanwhile_does_not_stop_the_others(renewals, monkeypatch):
    shop = workshop(renewals)

    async def removing(shop, name):
        if name == NAME:
            renewals.remove(NAME)
        await asyncio.to_thread(shop.store.domain, name)

    monkeypatch.setattr(issue, "precheck", removing)
    renewals.enqueue([wish(), wish(OTHER)], NOW)
    outcomes = asyncio.run(work_queue(shop, [], concurrency=1))
    assert {one.domain for one in outcomes if one.is_done} == {OTHER}


def test_a_domain_removed_after_it_was_done_is_no_error(renewals):
    steps = []

    def on_step(renewal):
        if renewal.step is Step.DONE and renewal.domain == NAME:
            steps.append(1)
            renewals.remove(NAME)

    shop = workshop(renewals, on_step=on_step)
    once(shop)


def test_nothing_seen_is_not_done(renewals):
    net: Any = Net(dead={"192.0.2.9": Failure.LOCAL})
    net.deploy = lambda domain, **_: None  # serves nothing
    shop = workshop(renewals, net=net)
    renewals.enqueue([wish()], NOW)
    (outcome,) = asyncio.run(work_queue(shop, [], concurrency=1, names=[NAME]))
    assert not outcome.is_done, "no address was seen to serve it"


def test_those_that_failed_at_the_first_ca_are_taken_to_the_second(renewals):
    clock = Clock()
    first, second = Ca(clock), Ca(clock, directory="https://second.test/")
    first.faults["order"] = trouble("ca_unreachable", Blame.CA)
    shop = workshop(renewals, clock=clock, issuers={CA: first, second.directory: second})
    once(shop)
    clock.at += timedelta(minutes=3)
    # the breaker has opened meanwhile: `directory()` names the second CA now
    asyncio.run(renewing(shop, second.directory).once([NAME], [NAME]))
    assert second.orders


def test_a_silent_ca_is_not_asked_for_every_certificate_before_work_begins(renewals):
    clock = Clock()
    ca = Ca(clock)
    names = [f"d{n}.brand.test" for n in range(40)]
    renewals.import_all(
        [TrackingDomain(name=name, mode=Mode.ACME) for name in names],
        NOW,
        prune=False,
        dry_run=False,
    )
    shop = workshop(renewals, clock=clock, issuers={CA: ca})
    once(shop)
    ca.calls.clear()
    ca.faults["renewal_info"] = trouble("ca_unreachable", Blame.CA)
    once(shop)
    assert ca.calls.count("renewal_info") <= 10


def test_what_was_given_up_is_neither_done_nor_active(renewals):
    """Its place is spent, and nothing is served: nobody may be told that all is well."""
    ca = Ca(Clock())
    ca.faults["certificate"] = trouble("keyMismatch", Blame.OURS)
    shop = workshop(renewals, clock=ca.clock, issuers={CA: ca})
    outcome = asyncio.run(renewing(shop).follow(NAME, timedelta(minutes=1)))
    assert outcome is not None
    assert outcome.detail == "keyMismatch!"
    assert not outcome.is_done
    assert [spend.committed for spend in renewals.spends(CA, NOW - DAY)] == [True]
