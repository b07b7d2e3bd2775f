"""A fleet on paper: what a row means, and how a bad one is named."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.fleet import MAX_PROBLEMS, fleet_needs, parse_instant
from certwatch.core.renewal import Need, Reason
from certwatch.errors import InventoryError
from tests.factories import NOW

HEADER = ("domain", "not_after", "not_before")
DAY = timedelta(days=1)


def needs(*rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> list[Need]:
    """What these rows mean for certificates of 90 days."""
    numbered = enumerate(rows, start=2)
    return fleet_needs(header, numbered, at=NOW, life=90 * DAY)


def told(*rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> str:
    """The complaint about these rows."""
    with pytest.raises(InventoryError) as error:
        needs(*rows, header=header)
    return str(error.value)


def test_a_certificate_is_due_after_two_thirds_of_its_own_life():
    (need,) = needs(("a.test", "2026-06-11T12:00:00Z", "2026-03-13T12:00:00Z"))
    assert (need.domain, need.not_after) == ("a.test", NOW + 10 * DAY)
    assert (need.normal_at, need.reason) == (NOW - 20 * DAY, Reason.LIFETIME)


def test_one_that_does_not_say_when_it_began_has_the_usual_life():
    (need,) = needs(("a.test", "2026-07-11T12:00:00Z", ""))
    assert need.normal_at == NOW + 10 * DAY


def test_short_lives_are_half_over_when_they_are_due():
    (need,) = needs(("a.test", "2026-06-05T12:00:00Z", "2026-05-30T12:00:00Z"))
    assert need.normal_at == NOW + DAY


def test_a_domain_without_a_certificate_is_new_and_one_that_ended_is_expired():
    new, expired = needs(("a.test", "", ""), ("b.test", "2026-06-01T12:00:00Z", ""))
    assert (new.not_after, new.normal_at, new.reason) == (None, NOW, Reason.NEW)
    assert (expired.not_after, expired.normal_at, expired.reason) == (NOW, NOW, Reason.EXPIRED)


def test_columns_come_in_any_order_and_case_and_the_last_may_be_missing():
    header = (" Not_After", "DOMAIN", "not_before")
    (need,) = needs(("2026-07-11", "Click.Brand.TEST."), header=header)
    assert (need.domain, need.not_after) == ("click.brand.test", datetime(2026, 7, 11, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-06-01", NOW - 12 * timedelta(hours=1)),
        ("2026-06-01T12:00:00Z", NOW),
        (" 2026-06-01t12:00:00z ", NOW),
        ("2026-06-01 14:00:00+02:00", NOW),
        ("2026-06-01T12:00:00.000Z", NOW),
    ],
)
def test_times_are_rfc_3339_or_dates(text, at):
    assert parse_instant("not_after", text) == at


@pytest.mark.parametrize(
    "text",
    ["soon", "2026-13-01", "2026-02-30", "20260601", "2026-W23-1", "2026-06-01T12:00Z", "1",
     "2026-06-01T25:00:00Z", "0001-01-01T00:00:00+14:00", "२०२६-06-01"],
)  # fmt: skip
def test_other_times_are_refused(text):
    with pytest.raises(InventoryError, match="is not a time; write 2026-11-21T12:00:00Z"):
        parse_instant("not_after", text)


def test_a_time_without_a_zone_is_asked_for_it():
    with pytest.raises(InventoryError, match="has no zone; write 2026-06-01T12:00:00Z if"):
        parse_instant("not_after", "2026-06-01T12:00:00")


@given(st.text())
def test_no_text_does_worse_than_be_refused(text):
    with suppress(InventoryError):
        assert len(needs((text, text, text))) == 1


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("localhost", "", ""), "line 2: 'localhost': one label only"),
        (("*.a.test", "", ""), "line 2: '*.a.test': a tracking domain is one host"),
        (("", "", ""), "line 2: the domain name is empty"),
        (("a.test", "", "2026-01-01"), "line 2: not_before without not_after"),
        (("a.test", "2026-01-01", "2026-01-01"), "is not earlier than not_after 2026-01-01"),
        (("a.test", "", "", ""), "line 2: 4 cells, but the header names 3 columns"),
        (("a.test",), "line 2: 1 cells, but the header names 3 columns"),
    ],
)
def test_a_bad_row_is_named_with_line_and_reason(row, why):
    assert why in told(row)


def test_a_domain_is_there_once_however_it_is_written():
    assert told(("a.test", ""), ("b.test", ""), ("A.test.", "")) == (
        "line 4: a.test is there already, at line 2"
    )


def test_many_bad_rows_are_not_all_named():
    lines = told(*((f"_{n}", "") for n in range(100))).splitlines()
    assert len(lines) == MAX_PROBLEMS + 1
    assert lines[-1] == "further rows were not checked"


@given(st.from_regex(r"[a-z0-9.-]{1,30}", fullmatch=True))
def test_the_quick_way_to_read_a_name_agrees_with_the_thorough_one(text):
    from certwatch.core.names import normalise
    from certwatch.errors import InvalidName

    try:
        expected = normalise(text)
    except InvalidName:
        assert told((text, "")).startswith("line 2: ")
    else:
        assert [need.domain for need in needs((text, ""))] == [expected]


def test_a_hundred_thousand_rows_are_read():
    rows = ((n, (f"click.d{n}.test", "2026-07-11T12:00:00Z")) for n in range(2, 100_002))
    assert len(fleet_needs(HEADER, rows, at=NOW, life=90 * DAY)) == 100_000
