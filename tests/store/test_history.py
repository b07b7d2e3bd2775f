"""Sweeps, and forgetting."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from certwatch.core.model import Finding, Severity, State
from certwatch.errors import StoreError
from certwatch.ports import PastSweep
from certwatch.store import SqlStore
from certwatch.store.engine import writing
from certwatch.store.tables import certificates, sightings
from tests.factories import NAME, NOW, tls
from tests.store.values import at, domain, finding, leaf, look

SICK = Finding("monitor_sick", Severity.CRITICAL, "most of it is dark", "look at our network", {})


def test_the_last_sweep_is_the_one_that_ended_last(store: SqlStore):
    assert store.last_sweep() is None
    first, killed = store.begin_sweep(at(0), 3), store.begin_sweep(at(6), 3)
    assert first != killed
    store.end_sweep(first, at(1), {State.OK: 2, State.UNKNOWN: 1}, [SICK])
    assert store.last_sweep() == PastSweep(
        started_at=at(0),
        finished_at=at(1),
        domains=3,
        states={State.OK: 2, State.UNKNOWN: 1},
        findings=(SICK,),
    )


def test_history_is_told_from_an_instant_on(store: SqlStore):
    store.add(domain(), NOW)
    for each in (look(0, finding()), look(6), look(12, finding("untrusted")), look(18)):
        store.save(1, [each])
    assert [each.finding.check for each in store.past_findings(at(6))] == ["expired", "untrusted"]
    assert [each.finding.check for each in store.past_findings(at(7))] == ["untrusted"]
    assert [each.at for each in store.state_changes(at(7))] == [at(12), at(18)]
    assert list(store.state_changes(at(0), "other.brand.test")) == []


def test_pruning_forgets_what_ended_and_keeps_what_holds(store: SqlStore):
    store.add(domain(), NOW)
    served = ((leaf(1),), (leaf(2),), (leaf(2),))
    found = ((finding(),), (finding("untrusted"),), (finding("untrusted"),))
    for hours, leaves, open_ones in zip((0, 6, 12), served, found, strict=True):
        store.end_sweep(store.begin_sweep(at(hours), 1), at(hours), {}, [])
        store.save(1, [look(hours, *open_ones, leaves=leaves)])

    assert store.prune(NOW) == 0
    assert store.prune(at(9)) == 5  # a finding, a sighting, its certificate, two sweeps
    assert [each.finding.check for each in store.past_findings(NOW)] == ["untrusted"]
    assert [each.certificate for each in store.memories([NAME])[NAME].sightings] == [leaf(2)]
    latest = next(store.latest())
    assert latest.judged == look(12, finding("untrusted"), leaves=(leaf(2),))


def test_pruning_keeps_certificates_that_only_the_latest_look_refers_to(store: SqlStore):
    store.add(domain(), NOW)
    views = (tls(leaf(1), chain=(leaf(1), leaf(2))),)
    seen = look(0)
    seen = replace(seen, observation=replace(seen.observation, tls=views))
    store.save(1, [seen])
    assert store.prune(NOW + timedelta(days=4000)) == 0
    assert next(store.latest()).judged == seen


def test_a_look_whose_certificate_is_lost_says_how_to_mend_it(store: SqlStore):
    store.add(domain(), NOW)
    store.save(1, [look(0)])
    with writing(store._engine) as connection:
        connection.execute(delete(sightings))
        connection.execute(delete(certificates))
    with pytest.raises(StoreError, match=f"certwatch scan {NAME}"):
        list(store.latest())
