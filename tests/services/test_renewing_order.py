"""A clock that was wrong for a while, a queue whose head stands still, an order that is lost."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from certwatch.clock import SystemClock
from certwatch.core.model import Failure, Mode, TrackingDomain
from certwatch.core.renewal import Blame, Reason, Step
from certwatch.services.renew import work_queue
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
    trouble,
    wish,
    workshop,
)

pytestmark = pytest.mark.usefixtures("prechecked")

THIRD = "x.third.test"


def test_a_clock_that_was_ahead_does_not_pause_ordering_for_years(renewals):
    """A machine that boots with a wrong clock finds the CA's TLS out of date; then NTP comes."""
    renewals.add(TrackingDomain(name=THIRD, mode=Mode.ACME), NOW)
    clock = Clock(NOW + 3650 * DAY)
    ca = Ca(clock)
    ca.faults["order"] = trouble("ca_unreachable", Blame.CA)
    shop = workshop(renewals, clock=clock, issuers={CA: ca})
    once(shop)
    ca.faults.clear()
    clock.at = NOW + DAY
    outcomes = once(shop, None, (NAME,))
    assert [one.detail for one in outcomes if one.domain == NAME] == [""]


def test_a_clock_that_was_ahead_does_not_put_off_renewals_for_years(renewals):
    clock = Clock(NOW + 3650 * DAY)
    ca = Ca(clock)
    ca.faults["order"] = trouble("ca_unreachable", Blame.CA)
    shop = workshop(renewals, clock=clock, issuers={CA: ca})
    once(shop)
    ca.faults.clear()
    clock.at = NOW + DAY
    assert {one.domain for one in once(shop) if one.is_done} == {NAME, OTHER}


def test_an_emergency_does_not_wait_for_those_that_only_wait_to_be_served(renewals):
    """`deploy.grace` is ten minutes for each domain with a dead address, day after day."""
    clock = SystemClock()
    net: Any = Net()
    order: list[str] = []

    def on_step(renewal):
        if renewal.step is Step.DONE:
            order.append(f"{renewal.domain} done")

    shop = workshop(renewals, clock=clock, net=net, issuers={CA: Ca(clock)}, on_step=on_step)
    renewals.enqueue([wish()], NOW)
    net.dead["2001:db8::1"] = Failure.REFUSED
    asyncio.run(work_queue(shop, [], concurrency=1, names=[NAME]))
    (stuck,) = renewals.open_renewals([NAME])
    renewals.reschedule(stuck.id, clock.now())
    assert stuck.step is Step.DEPLOYED
    honest = net.look

    async def look(domain, now):
        seen = await honest(domain, now)
        healthy = tuple(view for view in seen.tls if view.trouble is None)
        return seen if domain.name == NAME else replace(seen, tls=healthy)

    net.look = look
    renewals.enqueue([wish(OTHER, reason=Reason.EXPIRED, deadline_at=NOW)], NOW)
    patient = replace(shop, grace=timedelta(seconds=4))
    began = clock.now()
    times: dict[str, float] = {}
    patient = replace(
        patient,
        on_step=lambda r: times.update(
            {f"{r.domain} {r.step}": (clock.now() - began).total_seconds()}
        ),
    )
    asyncio.run(work_queue(patient, [], concurrency=1))
    assert times[f"{OTHER} done"] < 3


def test_a_place_stays_taken_when_the_ca_forgets_an_order_whose_csr_was_sent(renewals):
    """A CA that fails over to a replica, or purges old orders, may have issued all the same."""
    clock = Clock()
    ca = Ca(clock)
    shop = workshop(renewals, clock=clock, issuers={CA: ca})
    ca.faults["certificate"] = trouble("serverInternal", Blame.CA)
    once(shop, [NAME])
    assert ca.made, "the CA has issued"
    ca.faults = {"look": trouble("orderGone", Blame.CA, is_final=True)}
    clock.at += 2 * DAY
    once(shop, [NAME])
    assert [spend.domain for spend in renewals.spends(CA, NOW - DAY)] == [NAME]


def test_the_window_of_a_certificate_whose_successor_may_be_issued_is_not_asked_for(renewals):
    """The CA has replaced it in its books already (RFC 9773 section 4.3)."""
    clock = Clock()
    ca = Ca(clock)
    shop = workshop(renewals, clock=clock, issuers={CA: ca})
    once(shop, [NAME])
    clock.at += 70 * DAY
    ca.faults["certificate"] = trouble("serverInternal", Blame.CA)
    once(shop, [NAME])
    ca.calls.clear()
    clock.at += DAY
    once(shop, [NAME])
    assert "certificate" in ca.calls
    assert "renewal_info" not in ca.calls


def test_one_question_in_vain_does_not_hide_the_other_windows(renewals):
    """After an incident each suggested window counts; some questions always fail."""
    ca: Any = Ca(Clock())
    names = [f"d{number}.brand.test" for number in range(30)]
    domains = [TrackingDomain(name=name, mode=Mode.ACME) for name in names]
    renewals.import_all(domains, NOW, prune=True, dry_run=False)
    shop = workshop(renewals, clock=ca.clock, issuers={CA: ca})
    for _ in range(2):  # the budget of one plan is twenty
        once(shop, names, names)
    asked: list[str] = []

    def shaky(ari_id: str) -> None:
        asked.append(ari_id)
        if len(asked) == 1:
            raise trouble("serverInternal", Blame.CA)

    ca.renewal_info = shaky
    once(shop)
    assert len(set(asked)) == len(list(renewals.lineages())) >= 20
