"""A forecast: the sentence an operator needs, the calendar, and who comes first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.renewal import Allowance, Lifetimes, Need, Reason
from certwatch.reporting.plan import MAX_ROWS, SHOWN
from tests.factories import NOW
from tests.reporting.plans import DAY, WEEKLY, forecast, lapse, planned


def test_the_sentence_of_a_fleet_that_fits():
    told = forecast(horizon=365 * DAY, budget_needed=16).sentence
    assert told == (
        "20 a week carries 171 domains at 90 days, 85 at 45 days; you have 140:"
        " nothing lapses until 1 June 2027; 17 a week would do"
    )


def test_the_sentence_of_a_fleet_that_lapses():
    lapses = (lapse("click.brand.test", 20, 30), lapse("b.test", 40))
    told = forecast(domains=250, lapses=lapses, budget_needed=33).sentence
    assert told.endswith(
        "you have 250: first lapse 21 June 2026 (click.brand.test), 2 of 250 domains lapse;"
        " 33 a week would do"
    )


def test_the_budget_that_is_advised_carries_everyone_at_normal_times():
    """140 domains of 45 days at the horizon's end: 140 * 7 / 30, rounded up."""
    told = forecast(life=45, lapses=(lapse("a.test", 1),), budget_needed=22).sentence
    assert told.endswith("; 33 a week would do (22 at the very least)")
    held = replace(WEEKLY, reserve=2)
    assert (
        "35 a week would do (22 at" in forecast(life=45, budget_needed=22, allowance=held).sentence
    )
    many = forecast(domains=10**6, allowance=replace(WEEKLY, window=3660 * DAY), budget_needed=1)
    assert many.budget_advised == 61_000_000


def test_domains_are_counted_not_lapses():
    twice = (lapse("a.test", 1, 2), lapse("a.test", 70, 72))
    assert "(a.test), 1 of 140 domains lapses" in forecast(lapses=twice).sentence
    assert "(a.test), 1 of 1 domain lapses" in forecast(domains=1, lapses=twice).sentence


def test_what_is_expired_already_is_said():
    ends = (NOW - DAY, NOW, NOW + DAY, None)
    needs = tuple(
        Need(domain=f"{n}.test", not_after=end, normal_at=NOW, reason=Reason.LIFETIME)
        for n, end in enumerate(ends)
    )
    assert "; 2 are expired already" in forecast(needs=needs).sentence
    assert "; 1 is expired already" in forecast(needs=needs[:1]).sentence
    assert "expired" not in forecast(needs=needs[2:]).sentence


def test_one_domain_and_one_day_are_singular():
    told = forecast(life=1, allowance=replace(WEEKLY, certificates=14)).sentence
    assert told.startswith("14 a week carries 1 domain at 1 day; you have")


def test_a_budget_that_is_just_enough_needs_no_other():
    assert "would do" not in forecast(budget_needed=20).sentence
    assert "would do" not in forecast(budget_needed=None).sentence


def test_a_fleet_that_has_outgrown_its_budget_is_told_before_it_lapses():
    assert "slip towards the expiry" in forecast(domains=172).sentence
    assert "slip towards the expiry" not in forecast(domains=171).sentence
    assert (
        "slip towards the expiry"
        not in forecast(domains=172, lapses=(lapse("a.test", 1),)).sentence
    )


def test_announced_lifetimes_are_told_and_judged_at_the_horizons_end():
    steps = ((datetime.min.replace(tzinfo=UTC), 90 * DAY), (NOW + 30 * DAY, 64 * DAY))
    built = forecast(domains=140, lifetimes=Lifetimes((*steps, (NOW + 400 * DAY, 45 * DAY))))
    assert built.sentence.startswith("20 a week carries 171 domains at 90 days, 121 at 64 days, 85")
    assert built.is_outgrown


@pytest.mark.parametrize(
    ("allowance", "words"),
    [
        (Allowance(certificates=3, window=DAY), "3 a day carries"),
        (Allowance(certificates=50, window=timedelta(hours=36)), "50 per 36h carries"),
        (Allowance(certificates=20, window=7 * DAY, reserve=2), "20 a week (2 in reserve) carries"),
    ],
)
def test_a_budget_is_named_as_people_say_it(allowance, words):
    assert forecast(allowance=allowance).sentence.startswith(words)


def test_quarantined_domains_are_counted_not_planned():
    assert forecast(quarantined=("a.test",)).sentence.endswith("1 quarantined, not planned")


def test_the_calendar_has_a_row_a_week_and_the_past_in_front():
    built = forecast(
        planned("a.test", 0),
        planned("b.test", 6.9),
        planned("c.test", 7),
        spent=(NOW - 3 * DAY, NOW - DAY),
        lapses=(lapse("d.test", 8, 9),),
    )
    past, first, second, *others = built.calendar
    assert (past.from_at, past.until_at, past.spent, past.free) == (NOW - 7 * DAY, NOW, 2, 18)
    assert (past.title, first.title, built.row_span) == ("last 7d", "", "7 days")
    assert (first.from_at, first.planned, first.lapses, first.free) == (NOW, 2, 0, 18)
    assert (second.from_at, second.planned, second.lapses) == (NOW + 7 * DAY, 1, 1)
    assert len(others) == 11
    assert others[-1].until_at == NOW + 90 * DAY


def test_a_long_horizon_folds_into_few_rows():
    built = forecast(planned("a.test", 13), horizon=365 * DAY)
    rows = built.calendar
    assert built.row_span == "14 days"
    assert len(rows) == 27
    assert (rows[0].until_at, rows[0].places, rows[0].planned) == (NOW + 14 * DAY, 40, 1)


@given(
    horizon=st.timedeltas(timedelta(hours=1), 3660 * DAY),
    window=st.timedeltas(timedelta(minutes=1), 400 * DAY),
    fractions=st.lists(st.floats(0, 1), max_size=20),
)
def test_every_renewal_is_in_the_calendar_whatever_the_spans(horizon, window, fractions):
    schedule = [planned("a.test", horizon * each / DAY) for each in sorted(fractions)]
    allowance = replace(WEEKLY, window=window)
    rows = forecast(*schedule, horizon=horizon, allowance=allowance).calendar
    assert 1 <= len(rows) <= MAX_ROWS
    assert sum(row.planned for row in rows) == len(schedule)
    assert (rows[0].from_at, rows[-1].until_at) == (NOW, NOW + horizon)
    assert all(a.until_at == b.from_at for a, b in pairwise(rows))


def test_the_first_renewals_and_the_first_and_longest_lapses_are_named():
    schedule = [planned(f"d{n}.test", n / 10) for n in range(50)]
    lapses = [lapse(f"l{n}.test", 1 + n / 10, 10) for n in range(50)] + [lapse("open.test", 80)]
    built = forecast(*schedule, lapses=tuple(lapses))
    assert [one.domain for one in built.next_up] == [f"d{n}.test" for n in range(SHOWN)]
    assert [one.domain for one in built.worst[:3]] == ["open.test", "l0.test", "l1.test"]
    assert (len(built.worst), built.renewals, built.lapses) == (SHOWN, 50, 51)
    assert built.first_lapse == lapses[0]
    assert built.first_lapses == tuple(lapses[:SHOWN])
