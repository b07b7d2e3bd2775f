"""The options that decide exit codes."""

import pytest
import typer

from certwatch.cli.options import FailOn, choice, duration
from certwatch.core.model import Severity

LADDER = (FailOn.INFO, FailOn.WARNING, FailOn.CRITICAL, FailOn.NEVER)


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("limit", LADDER)
def test_a_limit_is_reached_by_itself_and_by_what_is_graver(limit, severity):
    assert limit.reached([severity]) is (severity.rank >= LADDER.index(limit))


@pytest.mark.parametrize("limit", LADDER)
def test_nothing_found_is_always_fine(limit):
    limit.exit_on([])


def test_reaching_the_limit_exits_with_1():
    with pytest.raises(typer.Exit) as exit_:
        FailOn.WARNING.exit_on([Severity.INFO, Severity.CRITICAL])
    assert exit_.value.exit_code == 1


def test_a_bad_span_says_what_is_allowed():
    with pytest.raises(typer.BadParameter, match="90s, 10m, 6h, 7d"):
        duration("soon")


def test_a_word_that_is_no_choice_is_answered_with_the_choices():
    assert choice(FailOn)("info") is FailOn.INFO
    with pytest.raises(typer.BadParameter, match=r"^'bad' is not one of critical, warning, info"):
        choice(FailOn)("bad")
