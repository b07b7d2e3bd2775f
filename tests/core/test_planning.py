"""Plans as stories: what an operator asks, and what the plan answers."""

from collections import Counter
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

import pytest

from certwatch.core.planning import max_fleet
from certwatch.core.renewal import Allowance, Lifetimes, Reason
from tests.core.fleets import AT, DAY, WEEK, YEAR, crowd, days, domain, new, planned, renewal


def even_fleet(count, life=90):
    """Certificates that were made evenly over one life."""
    return [
        renewal(i, (i + 1) * life / count, (i + 1) * life / count - life / 3) for i in range(count)
    ]


@pytest.mark.parametrize(("life", "fleet"), [(90, 171), (64, 121), (45, 85), (6, 8)])
def test_twenty_a_week_carry_so_many_domains_for_ever(life, fleet):
    assert max_fleet(life * DAY, Allowance(certificates=20, window=WEEK)) == fleet


def test_a_reserve_carries_nobody():
    assert max_fleet(90 * DAY, Allowance(certificates=20, window=WEEK, reserve=2)) == 154


def test_an_empty_fleet_needs_one_certificate_a_week_at_most():
    plan = planned([])
    assert plan.feasible
    assert (plan.budget_needed, plan.count, list(plan.renewals)) == (1, 0, [])


def test_with_room_each_is_renewed_at_its_normal_time_and_again_after_sixty_days():
    plan = planned([renewal(0, 40)], horizon=100 * DAY)
    assert [(one.at - AT) / DAY for one in plan.renewals] == [10, 70]
    assert [one.reason for one in plan.renewals] == [Reason.LIFETIME, Reason.LIFETIME]


def test_a_mass_import_that_expires_on_one_day_is_spread():
    plan = planned([renewal(i, 80) for i in range(140)])
    assert plan.feasible
    assert crowd(plan) <= 20
    followed = [one for one in plan.renewals if one.not_after != AT + 80 * DAY]
    assert max(Counter(one.at.date() for one in followed).values()) <= 3
    assert all(one.reason is Reason.LIFETIME for one in followed)


def test_a_hundred_and_sixty_that_expire_together_are_pulled_forward_exactly_as_far_as_needed():
    plan = planned([renewal(i, 60) for i in range(160)], life=10_000 * DAY)
    assert plan.feasible
    early = Counter(day for day in days(plan).values() if day < 30)
    assert early == {60 - 7 * 7: 20, 60 - 6 * 7: 20, 60 - 5 * 7: 20}


def test_at_twenty_a_week_171_domains_go_round_for_ever():
    plan = planned(even_fleet(171), horizon=3 * YEAR)
    assert plan.feasible
    assert all(one.reason is not Reason.PULLED_FORWARD for one in plan.renewals)


def test_fourteen_a_week_carry_171_domains_when_they_are_spread_evenly():
    plan = planned(even_fleet(171), horizon=2 * YEAR)
    assert plan.budget_needed == 14
    assert planned(even_fleet(171), budget=14, horizon=2 * YEAR).feasible


def test_two_hundred_domains_of_45_days_are_too_many():
    plan = planned(even_fleet(200, 45), life=45 * DAY)
    assert not plan.feasible
    assert plan.max_fleet == 85
    assert plan.budget_needed == 32
    first = plan.lapses[0]
    assert first.from_at > AT
    assert first.until_at is not None
    assert first.until_at > first.from_at
    assert "20 a week" in first.reason


def test_a_lapse_says_what_stands_in_its_way():
    (crowded,) = {one.reason for one in planned([renewal(i, 2) for i in range(100)]).lapses}
    assert crowded == (
        "99 others are due within the same 7 days, and only 20 a week can be renewed"
    )
    late = planned([renewal(i, i / 8) for i in range(1, 200)]).lapses[-1]
    assert "20 a week" in late.reason
    spent = [AT - DAY] * 20
    (full,) = planned([renewal(0, 2)], spent=spent).lapses
    assert full.reason == "no place is free until then: the 20 a week are spent"
    (down,) = planned([renewal(0, -1)], spent=spent).lapses
    assert down.reason.startswith("expired or revoked already")
    few = planned(
        [renewal(i, 8) for i in range(15)] + [renewal(15, 9)], spent=spent[:19], budget=20
    )
    assert few.feasible


def test_what_the_announced_shorter_lives_will_do():
    announced = Lifetimes(((AT, 90 * DAY), (AT + 81 * DAY, 64 * DAY), (AT + 452 * DAY, 45 * DAY)))
    plan = planned(even_fleet(140), life=announced, horizon=3 * YEAR)
    assert not plan.feasible
    assert plan.lapses[0].from_at > AT + 452 * DAY
    assert plan.budget_needed is not None
    assert plan.budget_needed > Fraction(140 * 7, 45)
    enough = planned(even_fleet(140), life=announced, horizon=3 * YEAR, budget=plan.budget_needed)
    assert enough.feasible


def test_new_domains_go_at_once_where_renewals_can_wait():
    needs = [*(renewal(i, 25, -5) for i in range(20)), *(new(100 + i) for i in range(20))]
    first = days(planned(needs))
    assert {first[domain(100 + i)] for i in range(20)} == {0}
    assert all(first[domain(i)] == 7 for i in range(20))


def test_new_domains_wait_behind_renewals_that_would_lapse_and_are_told_when():
    needs = [*(renewal(i, 3) for i in range(20)), new(100)]
    plan = planned(needs)
    assert plan.feasible
    assert days(plan)[domain(100)] == 7


def test_what_was_spent_before_binds():
    spent = [AT - 6 * DAY] * 20
    plan = planned([renewal(0, 0.5)], spent=spent)
    assert days(plan)[domain(0)] == 1
    assert [lapse.until_at for lapse in plan.lapses] == [AT + DAY]
    assert plan.budget_needed == 21


def test_one_that_is_down_uses_the_reserve_and_one_that_is_not_does_not():
    spent = [AT - DAY] * 18
    needs = [renewal(0, -1), renewal(1, 20), renewal(2, 50, reason=Reason.REVOKED)]
    plan = planned(needs, reserve=2, spent=spent)
    first = days(plan)
    assert (first[domain(0)], first[domain(2)]) == (0, 0)
    assert first[domain(1)] >= 6
    assert plan.feasible


def test_an_expired_domain_that_is_renewed_at_once_has_no_lapse_ahead():
    plan = planned([renewal(0, -10)])
    assert plan.feasible
    assert next(one.reason for one in plan.renewals) is Reason.EXPIRED
    assert plan.budget_needed == 1


def test_a_margin_keeps_clear_of_the_expiry_but_a_lapse_counts_from_it():
    needs = [renewal(i, 60, 59) for i in range(40)]
    close = days(planned(needs, life=10_000 * DAY))
    clear = days(planned(needs, life=10_000 * DAY, margin=DAY))
    assert max(close.values()) == 60
    assert max(clear.values()) == 59
    late = planned([renewal(0, 0.5, -1)], margin=DAY)
    assert late.feasible


def test_a_failed_attempt_that_is_waited_out_holds_up_nobody_else():
    blocked = renewal(0, 0.5, earliest_at=AT + DAY)
    plan = planned([blocked, *(renewal(1 + i, 0.6) for i in range(20))], budget=20)
    first = days(plan)
    assert {first[domain(1 + i)] for i in range(20)} == {0}
    assert [lapse.domain for lapse in plan.lapses] == [domain(0)]


def test_no_budget_is_asked_for_what_none_can_save():
    plan = planned([renewal(0, 0.5, earliest_at=AT + DAY)])
    assert not plan.feasible
    assert plan.budget_needed == 1
    assert "outlasts" in plan.lapses[0].reason


def test_a_crowd_beyond_the_horizon_is_prepared_for():
    crowded = [renewal(i, 100, 70) for i in range(280)]
    plan = planned(crowded, horizon=30 * DAY)
    assert plan.feasible
    assert plan.count > 0
    assert all(one.reason is Reason.PULLED_FORWARD for one in plan.renewals)


def test_overdue_renewals_go_at_once_and_future_ones_are_paced():
    needs = [renewal(i, 20, -10) for i in range(10)] + [renewal(10 + i, 50) for i in range(10)]
    first = days(planned(needs))
    assert {first[domain(i)] for i in range(10)} == {0}
    paced = [first[domain(10 + i)] for i in range(10)]
    gaps = [after - before for before, after in pairwise(paced)]
    assert min(gaps) == pytest.approx(7 / 20, abs=0.001)


def test_the_ca_s_own_times_are_kept_to_the_second():
    wanted = AT + timedelta(days=20, hours=3, seconds=7)
    needs = [renewal(i, 50, reason=Reason.ARI, normal_at=wanted) for i in range(15)]
    plan = planned(needs, horizon=40 * DAY)
    assert {one.at for one in plan.renewals} == {wanted}
    assert {one.reason for one in plan.renewals} == {Reason.ARI}
