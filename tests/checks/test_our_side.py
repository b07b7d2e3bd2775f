from datetime import timedelta

import pytest

from certwatch.checks import ours
from certwatch.checks.ours import clock_offset, clock_skew, is_dark, sick, stale
from certwatch.checks.registry import Problem, check, checks_of, codes_of, crashed, judge
from certwatch.core.model import DnsStatus, Failure, ResolverState, Severity
from tests.factories import (
    HOST,
    NOW,
    answer,
    dns,
    no_tls,
    observation,
    policy,
    silence,
    tls,
    upgrade,
)

HOURS = timedelta(hours=6)
LIMIT = timedelta(minutes=5)


def test_the_codes_of_this_family():
    severities = {code.code: code.severity for code in codes_of(ours)}
    assert severities == {
        "check_crashed": Severity.WARNING,
        "stale": Severity.WARNING,
        "monitor_sick": Severity.CRITICAL,
        "clock_skew": Severity.WARNING,
    }
    assert checks_of(ours) == ()
    assert crashed("x", ValueError("secret")).check == "check_crashed"


def test_a_check_that_fails_costs_one_finding():
    @check("sure", Severity.WARNING, "always")
    def sure(observation, policy, now):
        yield Problem("s", "r")

    @check("broken", Severity.WARNING, "never")
    def broken(observation, policy, now):
        raise ValueError("secret")
        yield

    look = observation()
    found = judge((broken, sure), look, policy(look), NOW)
    assert [finding.check for finding in found] == ["check_crashed", "sure"]
    assert "secret" not in str(found)


def test_stale_after_three_intervals():
    assert stale(None, HOURS, NOW) is None
    assert stale(NOW - 3 * HOURS + timedelta(seconds=1), HOURS, NOW) is None
    finding = stale(NOW - timedelta(days=2, hours=3), HOURS, NOW)
    assert finding is not None
    assert finding.check == "stale"
    assert "2 days and 3 hours" in finding.summary


DOWN = {"https": (), "http": (silence(Failure.REFUSED),)}


@pytest.mark.parametrize(
    "changes",
    [
        {"dns": dns(status=DnsStatus.TIMEOUT, addresses=())},
        {"dns": dns(status=DnsStatus.UNREACHABLE, addresses=())},
        {**DOWN, "tls": (no_tls(Failure.TIMEOUT), no_tls(Failure.UNREACHABLE))},
        {**DOWN, "tls": (no_tls(Failure.REFUSED), no_tls(Failure.LOCAL))},
        {"tls": (), "https": (), "http": ()},
    ],
)
def test_dark_looks(changes):
    assert is_dark(observation(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"dns": dns(status=DnsStatus.NXDOMAIN, addresses=()), "tls": (), "http": (), "https": ()},
        {"dns": dns(status=DnsStatus.SERVFAIL, addresses=()), "tls": (), "http": (), "https": ()},
        {**DOWN, "tls": (no_tls(Failure.TIMEOUT), tls())},
        {**DOWN, "tls": (no_tls(Failure.ALERT),)},
        {**DOWN, "tls": (no_tls(Failure.FORBIDDEN),)},
        {"tls": (no_tls(Failure.REFUSED),), "https": (), "http": (upgrade(),)},
    ],
)
def test_looks_that_saw_something(changes):
    assert not is_dark(observation(**changes))


WELL, LOST, SILENT = ResolverState


@pytest.mark.parametrize(
    ("total", "dark", "lost", "resolver", "expected"),
    [
        (10, 6, 0, WELL, True),
        (10, 5, 0, WELL, False),
        (5, 3, 0, WELL, True),
        (4, 4, 0, WELL, False),
        (1, 1, 0, WELL, False),
        (1, 1, 0, SILENT, True),
        (100, 1, 0, SILENT, True),
        (100, 0, 0, SILENT, False),
        (0, 0, 0, SILENT, False),
        (10, 0, 6, LOST, True),
        (10, 0, 5, LOST, False),
        (10, 0, 10, WELL, False),
        (4, 0, 4, LOST, False),
    ],
)
def test_a_sick_monitor(total, dark, lost, resolver, expected):
    finding = sick(total, dark, lost, resolver)
    assert (finding is not None) is expected
    if finding:
        assert (finding.check, finding.severity) == ("monitor_sick", Severity.CRITICAL)


def test_the_offset_of_a_clock():
    early = answer(200, ("date", "Mon, 01 Jun 2026 11:59:00 GMT"))
    assert clock_offset(observation(https=(early,))) == {HOST: timedelta(minutes=1)}
    cached = answer(200, ("date", "Mon, 01 Jun 2026 11:00:00 GMT"), ("age", "3600"))
    assert clock_offset(observation(https=(cached,))) == {HOST: timedelta(0)}


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("date", "yesterday"),),
        (("date", "Mon, 01 Jun 2026 11:59:00"),),
        (("date", "Mon, 01 Jun 2026 11:59:00 GMT"), ("age", "x")),
        (("date", "Fri, 31 Dec 9999 23:59:59 GMT"), ("age", "999999999")),
    ],
)
def test_a_date_that_tells_nothing(headers):
    assert clock_offset(observation(https=(answer(200, *headers),))) == {}


def minutes(*values):
    return [timedelta(minutes=value) for value in values]


def test_clock_skew_is_the_median_of_three_clocks_at_least():
    assert clock_skew(minutes(60, 60), LIMIT) is None
    assert clock_skew(minutes(0, 0, 600), LIMIT) is None
    assert clock_skew(minutes(5, 5, 5), LIMIT) is None
    ahead = clock_skew(minutes(6, 7, 600), LIMIT)
    assert ahead is not None
    assert ahead.check == "clock_skew"
    assert ahead.facts == {"offset_seconds": 420, "clocks": 3}
    behind = clock_skew(minutes(-9, -9, -9), LIMIT)
    assert behind is not None
    assert "behind" in behind.summary
