"""Saving looks and reading them back."""

from dataclasses import replace

from certwatch.core.model import Mode, State
from certwatch.ports import Latest
from certwatch.store import SqlStore
from tests.factories import NAME, NOW
from tests.store.values import HOSTILE, at, domain, finding, leaf, look, spoiled


def saved(store: SqlStore, *looks) -> Latest:
    """The latest look after these were saved one by one."""
    names = {each.domain.name for each in looks}
    store.import_all([domain(name) for name in names], NOW, prune=False, dry_run=False)
    for each in looks:
        store.save(1, [each])
    return next(store.latest([looks[0].domain.name]))


def test_a_look_comes_back_whole(store: SqlStore):
    first = look(0, finding(days=3), leaves=(leaf(1), leaf(2)))
    latest = saved(store, first)
    assert latest.judged == first
    assert latest.since == at(0)
    assert [(each.finding, each.opened_at) for each in latest.findings] == [
        (first.findings[0], at(0))
    ]


def test_a_domain_that_was_never_looked_at_has_no_look(store: SqlStore):
    store.add(domain(), NOW)
    assert list(store.latest()) == [Latest(domain=domain(), judged=None, since=None)]
    assert store.memories([NAME]) == {}


def test_the_look_stands_beside_what_is_declared_now(store: SqlStore):
    saved(store, look())
    store.import_all([domain(mode=Mode.PROXY)], NOW, prune=False, dry_run=False)
    latest = next(store.latest())
    assert latest.domain.mode is Mode.PROXY
    assert latest.judged is not None
    assert latest.judged.mode is Mode.CDN


def test_a_newer_look_replaces_an_older_one_and_never_the_other_way(store: SqlStore):
    latest = saved(store, look(6), look(0, finding()))
    assert latest.judged == look(6)
    assert latest.findings == ()
    assert list(store.past_findings(NOW)) == []


def test_of_two_looks_in_one_batch_the_newer_one_counts(store: SqlStore):
    store.add(domain(), NOW)
    store.save(1, [look(6), look(0, finding())])
    assert next(store.latest()).judged == look(6)


def test_saving_a_look_twice_changes_nothing(store: SqlStore):
    once = look(0, finding())
    assert saved(store, once, once) == saved(store, once)


def test_a_domain_removed_meanwhile_is_left_out(store: SqlStore):
    store.add(domain(), NOW)
    store.save(1, [look(), look(name="gone.brand.test")])
    assert [each.domain.name for each in store.latest()] == [NAME]


def test_a_state_keeps_its_beginning_until_it_changes(store: SqlStore):
    latest = saved(store, look(0, finding()), look(6, finding()))
    assert (latest.judged and latest.judged.state, latest.since) == (State.CRITICAL, at(0))
    latest = saved(store, look(12))
    assert (latest.judged and latest.judged.state, latest.since) == (State.OK, at(12))
    assert [(each.at, each.before, each.after) for each in store.state_changes(NOW)] == [
        (at(12), State.CRITICAL, State.OK)
    ]


def test_a_look_that_our_side_spoiled_is_unknown_and_changes_nothing_else(store: SqlStore):
    latest = saved(store, look(0, finding()), spoiled(6), spoiled(12))
    assert latest.judged == spoiled(12)
    assert latest.since == at(6)
    assert [each.opened_at for each in latest.findings] == [at(0)]
    assert store.memories([NAME])[NAME].sightings[0].last_seen_at == at(0)
    assert store.alias_counts() == {"d1.cloudfront.net": 1}

    latest = saved(store, look(18, finding()))
    assert latest.since == at(0)
    assert [each.opened_at for each in latest.findings] == [at(0)]
    assert list(store.state_changes(NOW)) == []


def test_a_first_look_may_be_spoiled(store: SqlStore):
    latest = saved(store, spoiled(0), look(6))
    assert (latest.judged, latest.since) == (look(6), at(6))


def test_a_finding_stays_open_while_its_words_change(store: SqlStore):
    latest = saved(store, look(0, finding(summary="2 days")), look(6, finding(summary="1 day")))
    (opened,) = latest.findings
    assert (opened.finding.summary, opened.opened_at) == ("1 day", at(0))


def test_a_finding_that_is_gone_is_closed_and_may_come_again(store: SqlStore):
    latest = saved(store, look(0, finding()), look(6), look(12, finding()))
    assert [each.opened_at for each in latest.findings] == [at(12)]
    past = [(each.opened_at, each.closed_at) for each in store.past_findings(NOW, NAME)]
    assert past == [(at(0), at(6)), (at(12), None)]


def test_two_findings_of_one_check_are_kept_apart(store: SqlStore):
    two = (finding(address="192.0.2.1"), finding(address="192.0.2.2"))
    latest = saved(store, look(0, *two), look(6, *two))
    assert [each.finding for each in latest.findings] == list(two)
    latest = saved(store, look(12, two[1]))
    assert [each.finding for each in latest.findings] == [two[1]]


def test_hostile_text_comes_back_as_it_was(store: SqlStore):
    served = leaf(1, subject=HOSTILE, sans=(HOSTILE,))
    nasty = look(0, finding(summary=HOSTILE, text=HOSTILE), leaves=(served,), target=HOSTILE)
    latest = saved(store, nasty)
    assert latest.judged == nasty
    assert latest.findings[0].finding == nasty.findings[0]
    assert list(store.alias_counts().values()) == [1]


def test_memory_tells_between_which_looks_a_certificate_was_served(store: SqlStore):
    old, new = leaf(1), leaf(2)
    looks = (look(0, leaves=(old,)), look(6, leaves=(old, new)), look(12, leaves=(new,)))
    saved(store, *looks, look(18, leaves=(new,)))
    memory = store.memories([NAME])[NAME]
    assert memory.observed_at == at(18)
    assert [(s.certificate, s.first_seen_at, s.last_seen_at) for s in memory.sightings] == [
        (new, at(6), at(18)),
        (old, at(0), at(6)),
    ]


def test_a_certificate_that_comes_back_keeps_its_first_sighting(store: SqlStore):
    saved(store, look(0), look(6, leaves=()), look(12))
    (sighting,) = store.memories([NAME])[NAME].sightings
    assert (sighting.first_seen_at, sighting.last_seen_at) == (at(0), at(12))


def test_memory_holds_the_newest_certificates_only(store: SqlStore):
    saved(store, *(look(number, leaves=(leaf(number),)) for number in range(1, 12)))
    memory = store.memories([NAME])[NAME]
    assert [each.certificate for each in memory.sightings] == [leaf(n) for n in range(11, 3, -1)]


def test_domains_share_a_target_as_last_seen_or_declared(store: SqlStore):
    declared = [domain("a.brand.test", cname="d1.cloudfront.net"), domain("b.brand.test")]
    store.import_all(declared, NOW, prune=False, dry_run=False)
    saved(store, look(0), look(0, name="c.brand.test", target="other.test"))
    assert store.alias_counts() == {"d1.cloudfront.net": 2, "other.test": 1}


def test_a_batch_may_be_larger_than_a_statement(store: SqlStore):
    names = [f"d{number:04}.brand.test" for number in range(620)]
    store.import_all(map(domain, names), NOW, prune=False, dry_run=False)
    store.save(1, [look(0, finding(), name=name) for name in names])
    assert [each.domain.name for each in store.latest()] == names
    assert [each.domain.name for each in store.latest(names[::-1])] == names
    assert len(store.memories(names)) == 620
    assert sum(1 for _ in store.past_findings(NOW)) == 620


def test_a_removed_domain_takes_its_history_along(store: SqlStore):
    saved(store, look(0, finding()), look(6))
    store.remove(NAME)
    assert list(store.past_findings(NOW)) == []
    assert list(store.state_changes(NOW)) == []
    assert store.memories([NAME]) == {}


def test_shared_certificates_are_stored_for_every_domain_that_needs_them(store: SqlStore):
    looks = [look(0, name=name) for name in ("a.brand.test", "b.brand.test")]
    saved(store, *looks)
    store.remove("a.brand.test")
    store.prune(NOW)
    assert next(store.latest()).judged == replace(looks[1], domain=domain("b.brand.test"))
