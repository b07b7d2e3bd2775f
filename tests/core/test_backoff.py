"""Failed renewals wait longer and longer, but never past their certificate."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.backoff import delay, is_exhausted
from certwatch.core.renewal import Blame

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 1), (1, 1), (2, 10), (3, 100), (4, 1440), (5, 1440), (99, 1440)]
)
def test_the_ladder_of_waits(attempts, minutes):
    assert delay(attempts, None, 0.5) == timedelta(minutes=minutes)


def test_jitter_is_a_tenth_either_way():
    assert delay(4, None, 0.0) == DAY * 0.9
    assert delay(4, None, 0.999_999) == pytest.approx(DAY * 1.1, abs=MINUTE)


def test_a_certificate_with_six_hours_left_is_tried_again_in_two():
    assert delay(4, timedelta(hours=6), 0.5) == timedelta(hours=2)


def test_an_expired_one_goes_up_the_ladder_too():
    assert delay(4, timedelta(hours=-1), 0.5) == DAY


@given(
    attempts=st.integers(0, 50),
    left=st.timedeltas(timedelta(seconds=1), timedelta(days=400)),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_a_wait_never_takes_more_than_a_third_of_the_time_left_but_at_least_a_minute(
    attempts, left, draw
):
    waited = delay(attempts, left, draw)
    assert waited >= MINUTE
    assert waited <= max(left / 3, MINUTE)


def test_only_failures_that_the_customer_can_mend_are_ever_left_to_a_person():
    assert not is_exhausted(4, Blame.CUSTOMER)
    assert is_exhausted(5, Blame.CUSTOMER)
    assert not is_exhausted(500, Blame.OURS)
    assert not is_exhausted(500, Blame.CA)
