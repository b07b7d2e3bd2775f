"""What is known of CAs: their limits and the lifetimes that they announced."""

from datetime import UTC, datetime, timedelta

import pytest

from certwatch.core.limits import KnownCas, parse_limits
from certwatch.resources import resource

PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
PERS = {"account", "registered_domain", "name_set", "name"}
EVENTS = {"order", "issue", "failed_validation"}


@pytest.fixture(scope="module")
def known() -> KnownCas:
    return parse_limits((resource("config") / "ca_limits.toml").read_text("utf-8"))


def test_the_limits_of_lets_encrypt_are_those_it_publishes(known: KnownCas):
    """https://letsencrypt.org/docs/rate-limits/ tells burst and refill of each."""
    assert {each.name: (each.burst, each.refill) for each in known.buckets(PRODUCTION)} == {
        "new_orders": (300, timedelta(seconds=36)),
        "registered_domain": (50, timedelta(minutes=201.6)),
        "name_set": (5, timedelta(hours=33.6)),
        "failed_validations": (5, timedelta(minutes=12)),
    }
    assert {each.name: each.burst for each in known.buckets(STAGING)} == {
        "new_orders": 1500,
        "name_set": 30_000,
        "failed_validations": 200,
    }


def test_ari_renewals_are_held_up_by_none_of_its_limits(known: KnownCas):
    assert all("ari" in each.exempt for each in known.buckets(PRODUCTION))


def test_a_limit_speaks_words_that_the_store_understands(known: KnownCas):
    limits = [each for ca in known.cas for each in ca.buckets]
    assert {each.per for each in limits} <= PERS
    assert {each.event for each in limits} <= EVENTS
    assert {kind for each in limits for kind in (*each.exempt, *each.uncounted)} <= {
        "ari",
        "renewal",
    }
    assert all(set(each.uncounted) <= set(each.exempt) for each in limits)
    for ca in known.cas:
        assert len({each.name for each in ca.buckets}) == len(ca.buckets)


@pytest.mark.parametrize("directory", ["https://ca.test/", f"http://evil.test/?{PRODUCTION}", ""])
def test_an_unknown_ca_has_no_limits_and_announces_nothing(known: KnownCas, directory: str):
    assert known.buckets(directory) == ()
    assert known.lifetimes(directory) is None


@pytest.mark.parametrize(
    ("profile", "at", "days"),
    [
        ("", (2026, 6, 1), 90),
        ("", (2027, 2, 9), 90),
        ("", (2027, 2, 10), 64),
        ("classic", (2028, 2, 15), 64),
        ("classic", (2028, 2, 16), 45),
        ("tlsserver", (2026, 5, 12), 90),
        ("tlsserver", (2026, 5, 13), 45),
        ("shortlived", (2030, 1, 1), 160 / 24),
    ],
)
def test_certificates_live_as_long_as_was_announced(
    known: KnownCas, profile: str, at: tuple[int, int, int], days: float
):
    for directory in (PRODUCTION, STAGING):
        lifetimes = known.lifetimes(directory, profile)
        assert lifetimes is not None
        assert lifetimes.at(datetime(*at, tzinfo=UTC)) == timedelta(days=days)


def test_a_profile_that_was_not_announced_has_no_lifetime(known: KnownCas):
    assert known.lifetimes(PRODUCTION, "own") is None


@pytest.mark.parametrize("text", ["[[ca]]\ntitle='x'", "nonsense", "[[ca]]\nlimits=[{tokens=0}]"])
def test_a_text_that_is_no_such_file(text: str):
    with pytest.raises((ValueError, KeyError)):
        parse_limits(text)
