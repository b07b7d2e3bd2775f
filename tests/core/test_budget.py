"""The operator's budget and the CA's limits: never too many, and every "no" keeps its word."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.budget import (
    GRANTED,
    Decision,
    Ledger,
    TokenBucket,
    decide,
    exemptions,
    place,
    strictest,
)
from certwatch.core.renewal import Allowance, Ari, Lineage, Reason, Renewal, Step
from tests.factories import NAME, NOW, certificate

DAY, INSTANT = timedelta(days=1), timedelta(microseconds=1)
WEEK = 7 * DAY
CA = "https://ca.test/directory"
HOURS = st.integers(-200, 200).map(lambda hours: NOW + timedelta(hours=hours))
ALLOWANCES = st.builds(
    Allowance,
    certificates=st.integers(1, 5),
    window=st.integers(1, 60).map(lambda hours: timedelta(hours=hours)),
    reserve=st.integers(0, 4),
)


def bucket(burst: int = 3, minutes: float = 60, **changes: Any) -> TokenBucket:
    made = TokenBucket(
        name="orders",
        title="orders in 3 hours",
        per="account",
        event="order",
        burst=burst,
        refill=timedelta(minutes=minutes),
    )
    return replace(made, **changes)


def fullest(spent: Sequence[datetime], window: timedelta) -> int:
    """The most spends that any half-open span of the window holds."""
    return max((sum(at <= other < at + window for other in spent) for at in spent), default=0)


@given(ALLOWANCES, st.lists(st.tuples(HOURS, st.booleans()), max_size=40), st.data())
def test_no_span_ever_holds_more_than_the_budget(
    allowance: Allowance, asked: list[tuple[datetime, bool]], data: st.DataObject
):
    """Whatever was spent before, and in whatever order decisions are asked."""
    spent: list[datetime] = []
    for at in data.draw(st.lists(HOURS, max_size=8)):
        if fullest([*spent, at], allowance.window) <= allowance.certificates:
            spent.append(at)
    for now, emergency in asked:
        if place(sorted(spent), allowance, now, emergency=emergency).granted:
            spent.append(now)
    assert fullest(spent, allowance.window) <= allowance.certificates


@given(ALLOWANCES, st.lists(HOURS, max_size=40))
def test_ordinary_renewals_leave_the_reserve_to_emergencies(
    allowance: Allowance, asked: list[datetime]
):
    spent: list[datetime] = []
    for now in asked:
        if place(sorted(spent), allowance, now, emergency=False).granted:
            spent.append(now)
    left = max(0, allowance.certificates - allowance.reserve)
    assert fullest(spent, allowance.window) <= left
    if asked and left < allowance.certificates:
        assert place(sorted(spent), allowance, max(asked), emergency=True).granted


@given(ALLOWANCES, st.lists(HOURS, max_size=20).map(sorted), HOURS, st.booleans())
def test_a_refusal_of_the_budget_names_the_first_instant_that_has_a_place(
    allowance: Allowance, spent: list[datetime], now: datetime, emergency: bool
):
    refusal = place(spent, allowance, now, emergency=emergency)
    if refusal.granted:
        assert refusal == GRANTED
    elif refusal.retry_at is None:
        assert not emergency
        assert allowance.reserve >= allowance.certificates
    else:
        assert refusal.retry_at > now
        assert place(spent, allowance, refusal.retry_at, emergency=emergency).granted
        before = refusal.retry_at - INSTANT
        assert not place(spent, allowance, before, emergency=emergency).granted


def test_a_week_admits_twenty_and_not_the_thirty_nine_of_a_token_bucket():
    spent: list[datetime] = []
    tokens, arrival, admitted = bucket(20, 7 * 24 * 60 / 20), None, 0
    twenty = Allowance(certificates=20, window=WEEK)
    for hour in range(7 * 24):
        now = NOW + timedelta(hours=hour)
        for _ in range(20):
            if place(spent, twenty, now, emergency=False).granted:
                spent.append(now)
            if tokens.room(arrival, now).granted:
                arrival, admitted = tokens.spend(arrival, now), admitted + 1
    assert (len(spent), admitted) == (20, 39)


def test_a_refusal_says_how_many_are_spent_and_when_the_next_is_free():
    spent = [NOW - timedelta(days=6) + n * timedelta(hours=1) for n in range(20)]
    twenty = Allowance(certificates=20, window=WEEK, reserve=2)
    assert place(spent, twenty, NOW, emergency=True) == Decision(
        False, "20 of 20 certificates were spent in the last 7 days", NOW + DAY
    )
    assert place(spent[:18], twenty, NOW, emergency=False) == Decision(
        False,
        "18 of 20 certificates were spent in the last 7 days, and 2 are kept for emergencies",
        NOW + DAY,
    )
    assert place(spent[:18], twenty, NOW, emergency=True).granted


def test_what_a_clock_ahead_of_ours_spent_counts():
    one = Allowance(certificates=1, window=WEEK)
    assert place([NOW + DAY], one, NOW, emergency=False).retry_at == NOW + DAY + WEEK


class Tokens:
    """A bucket as people think of it: full at first, one token back every refill, in minutes."""

    def __init__(self, burst: int, refill: int) -> None:
        self.burst, self.refill = burst, refill
        self.level, self.at = burst * refill, 0  # in refill-minutes, to stay exact

    def take(self, minute: int) -> bool:
        self.level = min(self.burst * self.refill, self.level + minute - self.at)
        self.at = minute
        if self.level < self.refill:
            return False
        self.level -= self.refill
        return True


@given(st.integers(1, 5), st.integers(1, 50), st.lists(st.integers(0, 30), max_size=60))
def test_a_bucket_grants_what_counted_tokens_would(burst: int, refill: int, pauses: list[int]):
    tested, model = bucket(burst, refill), Tokens(burst, refill)
    arrival, minute = None, 0
    for pause in pauses:
        minute += pause
        now = NOW + timedelta(minutes=minute)
        granted = tested.room(arrival, now).granted
        assert granted == model.take(minute)
        if granted:
            arrival = tested.spend(arrival, now)


@given(st.integers(1, 5), st.integers(1, 600), st.none() | HOURS, HOURS)
def test_a_refusal_of_a_bucket_names_the_first_instant_that_has_a_token(
    burst: int, refill: int, arrival: datetime | None, now: datetime
):
    tested = bucket(burst, refill)
    refusal = tested.room(arrival, now)
    if not refusal.granted:
        assert refusal.retry_at is not None
        assert refusal.retry_at > now
        assert tested.room(arrival, refusal.retry_at).granted
        assert not tested.room(arrival, refusal.retry_at - INSTANT).granted


@pytest.mark.parametrize(("hours", "kept"), [(-5, 0), (0, 0), (2, 2)])
def test_a_token_is_taken_from_now_or_from_what_is_owed(hours: int, kept: int):
    taken = bucket().spend(NOW + timedelta(hours=hours), NOW)
    assert taken == NOW + timedelta(hours=kept + 1)


def test_the_strictest_refusal_wins():
    soon, late = Decision(False, "soon", NOW + DAY), Decision(False, "late", NOW + WEEK)
    never = Decision(False, "never")
    assert strictest([]) == GRANTED
    assert strictest([GRANTED, soon, late, GRANTED]) == late
    assert strictest([soon, never, late]) == never


def test_a_decision_weighs_the_budget_and_every_limit_of_the_ca():
    limits = (bucket(1), bucket(1, 120, name="brand", exempt=("ari", "renewal")))
    owed = {"orders": NOW + timedelta(hours=1), "brand": NOW + timedelta(hours=2)}
    one = Allowance(certificates=1, window=WEEK)
    idle, busy = Ledger(spent=(), arrivals=owed), Ledger(spent=(NOW,), arrivals=owed)

    assert decide(idle, one, limits, NOW).retry_at == NOW + timedelta(hours=2)
    assert decide(idle, one, limits, NOW, exempt=("renewal",)).retry_at == NOW + timedelta(hours=1)
    assert decide(busy, one, limits, NOW).retry_at == NOW + WEEK
    assert decide(busy, one, limits, NOW, is_free=True).retry_at == NOW + timedelta(hours=2)
    assert decide(Ledger(spent=()), one, limits, NOW) == GRANTED


def test_a_grant_says_what_kept_it_from_limits():
    limits = (bucket(1, exempt=("ari",)),)
    full = Ledger(spent=(NOW,), arrivals={"orders": NOW + DAY})
    one = Allowance(certificates=1, window=WEEK)
    assert decide(full, one, limits, NOW, exempt=("ari",), is_free=True) == Decision(
        True, is_free=True, exempt=("ari",)
    )


def renewal(**changes: Any) -> Renewal:
    made = Renewal(
        id=1,
        domain=NAME,
        reason=Reason.ARI,
        step=Step.QUEUED,
        directory=CA,
        created_at=NOW,
        due_at=NOW,
        replaces="aki.1",
    )
    return replace(made, **changes)


def lineage(**changes: Any) -> Lineage:
    window = Ari(start_at=NOW - DAY, end_at=NOW + DAY, selected_at=NOW, next_poll_at=NOW)
    made = Lineage(
        domain=NAME,
        directory=CA,
        certificate=certificate(),
        chain="",
        issued_at=NOW - 60 * DAY,
        ari_id="aki.1",
        ari=window,
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("mine", "predecessor", "kinds"),
    [
        (renewal(), lineage(), ("ari", "renewal")),
        (renewal(replaces=None), lineage(), ("renewal",)),
        (renewal(replaces="aki.0"), lineage(), ("renewal",)),
        (renewal(), lineage(issued_at=NOW - 120 * DAY), ("ari",)),
        (renewal(), lineage(ari=None), ("renewal",)),
        (renewal(directory="https://other.test/"), lineage(), ()),
        (renewal(), None, ()),
    ],
)
def test_what_a_renewal_is_to_the_ca(
    mine: Renewal, predecessor: Lineage | None, kinds: tuple[str, ...]
):
    assert exemptions(mine, predecessor, NOW) == kinds


def test_a_suggested_window_exempts_only_while_it_lasts():
    made = {shift: exemptions(renewal(), lineage(), NOW + shift) for shift in (-2 * DAY, DAY)}
    assert made == {-2 * DAY: ("renewal",), DAY: ("renewal",)}
    assert exemptions(renewal(), lineage(), NOW - DAY) == ("ari", "renewal")


def test_spends_in_a_row_are_one_refill_apart_once_the_burst_is_used():
    tested, now, arrival = bucket(2), NOW, None
    granted = []
    for _ in range(6):
        decision = tested.room(arrival, now)
        now = decision.retry_at or now
        arrival = tested.spend(arrival, now)
        granted.append(now)
    gaps = [later - earlier for earlier, later in pairwise(granted)]
    assert gaps == [timedelta(0), *[timedelta(hours=1)] * 4]
