"""When a domain wants a certificate: the CA's window, else its life, and what overrides both."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.due import need, next_poll, normal_time, select_time
from certwatch.core.model import Certificate
from certwatch.core.renewal import Ari, Lineage, Reason

MADE = datetime(2026, 9, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NORMAL = MADE + 60 * DAY
NOW = MADE + 30 * DAY


def certificate(made=MADE, days=90):
    return Certificate(
        fingerprint="00",
        subject="CN=click.brand.example",
        issuer="CN=R11",
        issuer_organization="Let's Encrypt",
        serial="01",
        sans=("click.brand.example",),
        not_before=made,
        not_after=made + timedelta(days=days),
        key="ECDSA P-256",
        key_bits=256,
        signature="ecdsa-with-SHA256",
        is_ca=False,
        self_signed=False,
        der=b"",
    )


def lineage(ari=None):
    return Lineage(
        domain="click.brand.example",
        directory="https://ca.example/directory",
        certificate=certificate(),
        chain="",
        issued_at=MADE,
        ari_id="aki.serial",
        ari=ari,
    )


def window(start_at, end_at, selected_at):
    return Ari(start_at=start_at, end_at=end_at, selected_at=selected_at, next_poll_at=NOW)


def asked(**known):
    return need("click.brand.example", **{"now": NOW, **known})


@pytest.mark.parametrize(("days", "after"), [(90, 60), (45, 30), (10, 20 / 3), (9, 4.5), (6, 3)])
def test_the_normal_time_is_two_thirds_of_a_life_and_half_of_a_short_one(days, after):
    assert (normal_time(MADE, MADE + days * DAY) - MADE) / DAY == pytest.approx(after)


def test_a_domain_without_a_certificate_wants_one_now():
    wanted = asked()
    assert (wanted.reason, wanted.normal_at, wanted.not_after) == (Reason.NEW, NOW, None)


def test_a_certificate_of_unknown_making_is_renewed_by_its_life():
    wanted = asked(served=certificate())
    assert (wanted.reason, wanted.normal_at) == (Reason.LIFETIME, NORMAL)


def test_our_own_newest_certificate_counts_whatever_is_still_served():
    wanted = asked(lineage=lineage(), served=certificate(MADE - 60 * DAY))
    assert (wanted.normal_at, wanted.not_after) == (NORMAL, MADE + 90 * DAY)


def test_the_instant_drawn_from_the_ca_s_window_decides():
    ari = window(NORMAL - DAY, NORMAL + DAY, NORMAL - HOUR)
    wanted = asked(lineage=lineage(ari))
    assert (wanted.reason, wanted.normal_at) == (Reason.ARI, NORMAL - HOUR)


def test_a_window_moved_to_an_hour_ago_means_that_the_ca_revokes():
    ari = window(NOW - HOUR, NOW - HOUR / 2, NOW - HOUR)
    wanted = asked(lineage=lineage(ari))
    assert (wanted.reason, wanted.normal_at) == (Reason.REVOKED, NOW)


def test_a_window_that_passed_in_its_own_time_was_only_missed():
    now = NORMAL + 5 * DAY
    ari = window(NORMAL - DAY, NORMAL + DAY, NORMAL)
    wanted = asked(now=now, lineage=lineage(ari))
    assert (wanted.reason, wanted.normal_at) == (Reason.ARI, now)


def test_a_suggestion_in_the_last_twentieth_of_the_life_is_not_waited_for():
    end = MADE + 90 * DAY
    ari = window(end - 2 * HOUR, end - HOUR, end - HOUR)
    assert asked(lineage=lineage(ari)).normal_at == end - 4.5 * DAY


def test_revoked_and_expired_ones_want_one_now():
    assert asked(lineage=lineage(), is_revoked=True).reason is Reason.REVOKED
    late = asked(now=MADE + 90 * DAY, lineage=lineage())
    assert (late.reason, late.normal_at) == (Reason.EXPIRED, MADE + 90 * DAY)


@given(draw=st.floats(0, 1, exclude_max=True))
def test_the_selected_time_lies_in_the_window(draw):
    assert NOW <= select_time(NOW, NOW + DAY, draw) <= NOW + DAY
    assert select_time(NOW, NOW + DAY, 0.5) == NOW + DAY / 2


@pytest.mark.parametrize("length", [timedelta(0), -HOUR])
def test_a_window_that_ends_before_it_starts_is_refused(length):
    with pytest.raises(ValueError, match="ends before it starts"):
        select_time(NOW, NOW + length, 0.5)


@pytest.mark.parametrize(
    ("sent", "waited"),
    [(None, 6 * HOUR), (timedelta(0), HOUR / 60), (6 * HOUR, 6 * HOUR), (9 * DAY, DAY)],
)
def test_the_next_poll_is_held_between_a_minute_and_a_day(sent, waited):
    assert next_poll(sent, NOW) == NOW + waited
