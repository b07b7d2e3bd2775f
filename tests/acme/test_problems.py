"""What the CA says, and whose it is to mend."""

from datetime import UTC, datetime, timedelta

import pytest

from certwatch.acme.problems import PREFIX, PROBLEMS, VALIDATION, Problem, failure, retry_in
from certwatch.core.renewal import Blame

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def problem(kind: str, detail: str = "") -> Problem:
    return Problem.read({"type": PREFIX + kind, "detail": detail})


@pytest.mark.parametrize("kind", sorted(PROBLEMS))
def test_every_problem_has_somebody_to_mend_it_and_a_way(kind: str) -> None:
    told = failure(problem(kind, "because"), now=NOW)
    assert told.kind == kind
    assert told.blame in set(Blame)
    assert len(told.remedy) > 20
    assert "because" in str(told)


def test_unauthorized_is_ours_of_a_request_and_the_customers_of_a_validation() -> None:
    assert failure(problem("unauthorized"), now=NOW).blame == "ours"
    assert failure(problem("unauthorized"), now=NOW, table=VALIDATION).blame == "customer"


@pytest.mark.parametrize(
    "document", [None, [], "x", {}, {"type": 5}, {"type": "about:blank"}, {"type": PREFIX}]
)
def test_a_problem_without_a_type_is_the_cas(document: object) -> None:
    told = failure(Problem.read(document), now=NOW)
    assert (told.kind, told.blame) == ("ca_error", "ca")


def test_a_problem_that_nobody_knows_is_the_cas_and_keeps_its_name() -> None:
    told = failure(problem("quantumFlux\x1b[2J"), now=NOW)
    assert (told.kind, told.blame) == ("quantumFlux2J", "ca")


def test_a_compound_problem_is_its_first_part_that_is_known() -> None:
    parts = [{"type": PREFIX + "odd"}, {"type": PREFIX + "caa", "detail": "forbidden"}, 7]
    read = Problem.read({"type": PREFIX + "compound", "detail": "two", "subproblems": parts})
    assert read == Problem("caa", "forbidden")


def test_a_text_of_the_ca_is_clipped_to_one_line_that_can_be_seen() -> None:
    hostile = "a\x1b[31m\r\nb\u202e\x00" + "c" * 100_000
    detail = problem("caa", hostile).detail
    assert detail.startswith("a[31m bcc")
    assert len(detail) == 500
    assert detail.isprintable()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("99999999999999999999", 8 * 86400),
        ("Sun, 01 Mar 2026 12:05:00 GMT", 300),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Sun, 01 Mar 9999 12:00:00 GMT", 8 * 86400),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(header: str, seconds: int) -> None:
    assert retry_in({"Retry-After": header}, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("header", ["", "soon", "-5", "1e3", "\u0663", "Sun, 99 Mar 2026"])
def test_a_retry_after_that_says_nothing_is_none(header: str) -> None:
    assert retry_in({"Retry-After": header}, NOW) is None


@pytest.mark.parametrize(
    "text",
    [
        "too many certificates (5) already issued for this exact set of domains in the last"
        " 168h0m0s, retry after 2026-03-02 13:14:15 UTC: see https://letsencrypt.org/docs/",
        "Retry after 2026-03-02T13:14:15Z",
    ],
)
def test_a_rate_limit_without_a_header_is_waited_out_by_its_text(text: str) -> None:
    told = failure(problem("rateLimited", text), now=NOW)
    assert told.retry_at == datetime(2026, 3, 2, 13, 14, 15, tzinfo=UTC)


def test_the_header_wins_over_the_text_and_neither_can_stop_us_for_ever() -> None:
    text = "retry after 9999-12-31 23:59:59 UTC"
    wait = timedelta(minutes=5)
    assert failure(problem("rateLimited", text), now=NOW, wait=wait).retry_at == NOW + wait
    far = failure(problem("rateLimited", text), now=NOW).retry_at
    assert far == NOW + timedelta(days=8)
    past = failure(problem("rateLimited", "retry after 2020-01-01 00:00:00 UTC"), now=NOW)
    assert past.retry_at == NOW
    odd = failure(problem("rateLimited", "retry after 2026-99-99 00:00:00 UTC"), now=NOW)
    assert odd.retry_at is None
