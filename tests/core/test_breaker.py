"""One cause failing many domains pauses ordering; one domain failing often does not."""

from datetime import UTC, datetime, timedelta

from certwatch.core.breaker import CLOSED, Breaker, after_failure

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MANY = [(name, NOW) for name in ("a.example", "b.example", "c.example")]


def test_three_domains_failing_within_the_hour_pause_ordering_for_five_minutes():
    tripped = after_failure(CLOSED, MANY, NOW)
    assert tripped == Breaker(paused_until=NOW + 5 * MINUTE, trips=1)
    assert tripped.is_open(NOW)
    assert not tripped.is_open(NOW + 5 * MINUTE)


def test_one_domain_failing_again_and_again_pauses_nobody():
    assert after_failure(CLOSED, [("a.example", NOW)] * 9, NOW) == CLOSED


def test_failures_of_an_hour_ago_are_forgotten():
    old = [("a.example", NOW - 60 * MINUTE), *MANY[1:]]
    assert after_failure(CLOSED, old, NOW) == CLOSED


def test_each_trial_that_fails_doubles_the_pause_up_to_an_hour():
    breaker, now, pauses = after_failure(CLOSED, MANY, NOW), NOW, []
    for _ in range(6):
        assert breaker.paused_until is not None
        pauses.append((breaker.paused_until - now) // MINUTE)
        now = breaker.paused_until
        breaker = after_failure(breaker, [("d.example", now)], now)
    assert pauses == [5, 10, 20, 40, 60, 60]


def test_what_fails_while_ordering_pauses_does_not_lengthen_the_pause():
    tripped = after_failure(CLOSED, MANY, NOW)
    assert after_failure(tripped, MANY, NOW + MINUTE) == tripped


def test_a_pause_long_over_counts_no_more():
    tripped = after_failure(CLOSED, MANY, NOW)
    later = NOW + 66 * MINUTE
    assert after_failure(tripped, [("d.example", later)], later) == CLOSED
