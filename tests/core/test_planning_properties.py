"""What holds for every plan, and for every small one by comparison with all schedules."""

from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from certwatch.core.lifetime import usual_left
from certwatch.core.planning import make_plan
from certwatch.core.renewal import Allowance, Lifetimes, Reason
from tests.core.brute_force import earliness, optimum, outage
from tests.core.fleets import AT, DAY, YEAR, crowd, days, domain, new, planned, renewal

SECOND = timedelta(seconds=1)
FAR = 10_000 * DAY  # a life that brings no follow-ups


@st.composite
def small_cases(draw):
    """One to five renewals in days, a budget, a window, and what was spent before."""
    count = draw(st.integers(1, 4))
    deadlines = draw(st.lists(st.integers(-2, 9), min_size=count, max_size=count))
    wanted = [max(0, deadline - draw(st.integers(0, 4))) for deadline in deadlines]
    budget, window = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    past = draw(st.lists(st.integers(-window, -1), max_size=budget))
    return deadlines, wanted, budget, window, sorted(past)


def solved(case):
    deadlines, wanted, budget, window, past = case
    needs = [
        renewal(i, deadline, wish, reason=Reason.ARI if deadline > 0 else Reason.EXPIRED)
        for i, (deadline, wish) in enumerate(zip(deadlines, wanted, strict=True))
    ]
    return planned(
        needs,
        budget=budget,
        window=window * DAY,
        life=FAR,
        spent=[AT + day * DAY for day in past],
    )


@given(case=small_cases())
def test_the_outage_is_the_least_of_all_schedules(case):
    deadlines, wanted, *rest = case
    plan = solved(case)
    chosen = days(plan)
    at = [chosen[domain(i)] for i in range(len(deadlines))]
    least, _ = optimum(deadlines, wanted, *rest)
    assert outage(at, deadlines) == least
    assert plan.feasible == (least == 0)
    forecast = sum((lapse.until_at - lapse.from_at for lapse in plan.lapses), timedelta(0))
    assert forecast == least * DAY


@given(case=small_cases())
def test_renewals_are_hardly_earlier_than_they_must_be(case):
    deadlines, wanted, *rest = case
    chosen = days(solved(case))
    at = [chosen[domain(i)] for i in range(len(deadlines))]
    least, early = optimum(deadlines, wanted, *rest)
    assert earliness(at, wanted) <= early + 4 * len(deadlines)
    if least == 0 and early == 0:
        assert earliness(at, wanted) == 0


@st.composite
def fleets(draw):
    expiries = draw(st.lists(st.integers(-3, 120), max_size=60))
    needs = [renewal(i, day) for i, day in enumerate(expiries)]
    needs += [new(len(needs) + i) for i in range(draw(st.integers(0, 8)))]
    for i in draw(st.lists(st.integers(0, 59), max_size=3)):
        if i < len(expiries):
            needs[i] = renewal(i, expiries[i], earliest_at=AT + DAY / 3)
    return draw(st.permutations(needs))


@st.composite
def terms(draw):
    budget = draw(st.integers(1, 12))
    past = draw(st.lists(st.integers(-20, 0), max_size=15))
    lives = [(AT, draw(st.sampled_from([90, 45, 6])) * DAY)]
    if draw(st.booleans()):
        lives.append((AT + 40 * DAY, draw(st.sampled_from([64, 30])) * DAY))
    return {
        "budget": budget,
        "reserve": draw(st.integers(0, budget - 1)),
        "window": draw(st.integers(1, 9)) * DAY,
        "spent": sorted(AT + day * DAY for day in past),
        "life": Lifetimes(tuple(lives)),
        "margin": draw(st.sampled_from([0, 1, 3])) * DAY,
        "horizon": 150 * DAY,
    }


@given(needs=fleets(), how=terms())
@settings(max_examples=200)
def test_no_span_of_the_window_ever_holds_more_than_the_budget(needs, how):
    plan = planned(needs, **how, search=False)
    taken = sum(AT - how["window"] < at <= AT for at in how["spent"])
    assert crowd(plan) <= max(how["budget"], taken)
    starts = sorted([*plan.spent, *(one.at for one in plan.renewals)])
    for first, after in zip(starts, starts[how["budget"] :], strict=False):
        assert after < AT or after >= first + how["window"] or after in plan.spent


@given(needs=fleets(), how=terms())
def test_every_renewal_follows_from_the_one_before_and_nobody_is_forgotten(needs, how):
    plan = planned(needs, **how, search=False)
    made = {need.domain: None for need in needs}
    expiry = {need.domain: need.not_after for need in needs}
    for one in plan.renewals:
        assert one.not_after == expiry[one.domain]
        assert AT <= one.at < plan.horizon_until
        made[one.domain] = one.at
        expiry[one.domain] = one.at + how["life"].at(one.at)
    unserved = {name for name, at in expiry.items() if at is not None and at < plan.horizon_until}
    assert unserved <= {lapse.domain for lapse in plan.lapses if lapse.until_at is None}


@given(needs=fleets(), how=terms(), life=st.sampled_from([1, 2, 6, 10, 45]))
def test_two_renewals_of_one_domain_are_at_least_half_an_interval_apart(needs, how, life):
    lives = Lifetimes(((AT, life * DAY), *how["life"].steps[1:]))
    plan = planned(needs, **{**how, "life": lives}, search=False)
    made: dict[str, datetime] = {}
    for one in plan.renewals:
        if one.domain in made:
            lived = lives.at(made[one.domain])
            interval = (lived - usual_left(lived)) // SECOND * SECOND
            assert one.at >= made[one.domain] + interval // 2 // SECOND * SECOND
        made[one.domain] = one.at


@given(needs=fleets(), how=terms())
def test_nobody_goes_before_a_failed_attempt_is_waited_out(needs, how):
    chosen = days(planned(needs, **how, search=False))
    for need in needs:
        if need.earliest_at and need.domain in chosen:
            assert AT + chosen[need.domain] * DAY >= need.earliest_at


@given(needs=fleets(), how=terms())
def test_early_ones_are_marked_and_nobody_is_early_in_a_plan_with_room(needs, how):
    plan = planned(needs, **{**how, "budget": 500, "margin": timedelta(0)}, search=False)
    assert all(one.reason is not Reason.PULLED_FORWARD for one in plan.renewals)
    tight = planned(needs, **how, search=False)
    normal = {need.domain: need.normal_at for need in needs}
    seen = set()
    for one in tight.renewals:
        if one.domain not in seen and one.reason is not Reason.PULLED_FORWARD:
            assert one.at >= normal[one.domain]
        seen.add(one.domain)


@given(needs=fleets(), how=terms(), seed=st.randoms())
def test_the_same_input_in_any_order_gives_the_same_plan(needs, how, seed):
    shuffled = list(needs)
    seed.shuffle(shuffled)
    one, other = planned(needs, **how), planned(shuffled, **how)
    assert list(one.renewals) == list(other.renewals)
    assert (one.lapses, one.budget_needed) == (other.lapses, other.budget_needed)


@given(needs=fleets(), how=terms())
def test_the_budget_needed_is_enough_and_one_less_is_not(needs, how):
    assume(not any(need.earliest_at for need in needs))
    needed = planned(needs, **how).budget_needed
    assert planned(needs, **{**how, "budget": needed}, search=False).feasible
    if needed > how["reserve"] + 1:
        assert not planned(needs, **{**how, "budget": needed - 1}, search=False).feasible


@given(expiries=st.lists(st.integers(0, 40), max_size=30), count=st.integers(0, 10))
def test_new_domains_never_cost_a_renewal_its_place(expiries, count):
    needs = [renewal(i, day) for i, day in enumerate(expiries)]
    guests = [new(100 + i) for i in range(count)]
    how = {"budget": 4, "life": FAR, "search": False}
    without, beside = planned(needs, **how), planned(needs + guests, **how)
    total = [
        sum((x.until_at - x.from_at for x in p.lapses), timedelta(0)) for p in (without, beside)
    ]
    assert total[0] == total[1]
    assert {guest.domain for guest in guests} <= days(beside).keys()


@given(expiries=st.lists(st.integers(1, 60), max_size=40), reserve=st.integers(1, 3))
def test_the_reserve_stays_free_while_nobody_is_down(expiries, reserve):
    needs = [renewal(i, day) for i, day in enumerate(expiries)]
    plan = planned(needs, budget=6, reserve=reserve, horizon=60 * DAY, search=False)
    if plan.feasible:
        assert crowd(plan) <= 6 - reserve


def test_a_budget_that_the_reserve_eats_up_is_refused():
    allowance = Allowance(certificates=2, window=DAY, reserve=2)
    lifetimes = Lifetimes.constant(YEAR)
    with pytest.raises(ValueError, match="reserve"):
        make_plan([], at=AT, horizon=YEAR, allowance=allowance, lifetimes=lifetimes)
