"""Plans for certificates that live for days: nobody comes twice at once, no place is wasted."""

from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest

from certwatch.core.planning import max_fleet
from certwatch.core.renewal import Allowance
from tests.core.fleets import AT, DAY, WEEK, crowd, days, planned, renewal


def gaps(plan):
    """The times between two renewals of one domain."""
    made: dict[str, list[datetime]] = {}
    for one in plan.renewals:
        made.setdefault(one.domain, []).append(one.at)
    return [after - before for row in made.values() for before, after in pairwise(row)]


def due_in(deadlines, life):
    """Certificates that expire on those days and are wanted half a life before."""
    return [renewal(i, day, day - life / 2) for i, day in enumerate(deadlines)]


def witness(deadlines, life, window, horizon, budget):
    """Days of renewals that leave no lapse inside the budget and half an interval between two of
    one domain, found by trying; None without one.

    It is enough to renew those first that expire first: renewed on the same day they are alike.
    """
    rest = -(-life // 4)

    @cache
    def go(day, ends, recent):
        if day >= horizon:
            return ()
        if ends[0] < day:
            return None
        able = [end for end in ends if end < life or day - (end - life) >= rest]
        for count in range(min(budget - sum(recent), len(able)), -1, -1):
            left = list(ends)
            for end in able[:count]:
                left.remove(end)
            after = tuple(sorted(left + [day + life] * count))
            later = go(day + 1, after, (*recent, count)[1:])
            if later is not None:
                return (day,) * count + later
        return None

    return go(0, tuple(sorted(deadlines)), (0,) * (window - 1))


@pytest.mark.parametrize("life", [1, 2, 3, 4, 6, 10])
def test_an_overloaded_budget_is_not_spent_on_one_domain_again_and_again(life):
    needs = [
        renewal(i, 1.8 + 0.636 * i, 1.8 + 0.636 * i - life * (1 / 3 if life >= 10 else 1 / 2))
        for i in range(140)
    ]
    plan = planned(needs, life=life * DAY, search=False)
    assert not plan.feasible
    assert crowd(plan) <= 20
    interval = life * DAY * (2 / 3 if life >= 10 else 1 / 2)
    assert min(gaps(plan)) >= interval / 2 - timedelta(seconds=1)
    soon = {one.domain for one in needs if one.not_after and one.not_after < AT + 30 * DAY}
    assert soon <= days(plan).keys()


@pytest.mark.parametrize(
    ("deadlines", "life", "window", "horizon", "budget"),
    [
        ((2, 2, 2), 6, 7, 42, 4),
        ((1, 2, 3, 3), 6, 7, 42, 5),
        ((1, 2, 2, 2), 6, 7, 30, 6),
        ((1, 2, 2), 4, 5, 14, 4),
        ((1, 1, 1, 4), 4, 7, 30, 8),
        ((1, 1), 4, 7, 20, 4),
    ],
)
def test_the_budget_needed_is_the_smallest_where_a_window_outlasts_a_life(
    deadlines, life, window, horizon, budget
):
    how = {"life": life * DAY, "window": window * DAY, "horizon": horizon * DAY}
    needs = due_in(deadlines, life)
    assert planned(needs, **how).budget_needed == budget
    assert planned(needs, **how, budget=budget).feasible
    assert witness(deadlines, life, window, horizon, budget) is not None
    assert witness(deadlines, life, window, horizon, budget - 1) is None


@pytest.mark.parametrize("budget", [10_000_000, 10**20])
@pytest.mark.parametrize("reserve", [0, 5, 9_999_990])
def test_a_budget_of_any_size_is_planned_with(budget, reserve):
    needs = due_in((1, 2, 2, 40), 6)
    spent = [AT - DAY] * 7
    how = {"life": 6 * DAY, "horizon": 60 * DAY, "spent": spent}
    huge = planned(needs, **how, budget=budget, reserve=reserve)
    ample = planned(needs, **how, budget=100)
    assert huge.feasible
    if budget - reserve > 100:
        assert huge.count == ample.count
        assert huge.budget_needed == ample.budget_needed + reserve


def test_the_largest_fleet_of_any_budget_is_a_number():
    assert max_fleet(90 * DAY, Allowance(certificates=7 * 10**20, window=WEEK)) == 60 * 10**20
