"""Lives of every length: when they are renewed, when that gets late, how long they may be."""

from datetime import datetime, timedelta

import pytest

from certwatch.core.lifetime import alarm_spans, longest_allowed, usual_left
from certwatch.core.policy import Thresholds


@pytest.mark.parametrize(
    ("days", "renewed", "warning", "critical"),
    [
        (6, 3, 1.5, 0.9),
        (45, 15, 11.25, 6.75),
        (64, 64 / 3, 16, 9.6),
        (90, 30, 22.5, 13.5),
        (200, 200 / 3, 30, 15),
        (398, 398 / 3, 30, 15),
    ],
)
def test_spans_by_lifetime(days, renewed, warning, critical):
    life = timedelta(days=days)
    assert usual_left(life) / timedelta(days=1) == pytest.approx(renewed)
    spans = [span / timedelta(days=1) for span in alarm_spans(life, Thresholds())]
    assert spans == pytest.approx([warning, critical])


@pytest.mark.parametrize(
    ("made", "days"),
    [
        ("2018-02-28", None),
        ("2018-03-01", 825),
        ("2020-09-01", 398),
        ("2026-03-14", 398),
        ("2026-03-15", 200),
        ("2027-03-15", 100),
        ("2029-03-15", 47),
        ("9999-01-01", 47),
    ],
)
def test_the_longest_allowed_life(made, days):
    limit = longest_allowed(datetime.fromisoformat(f"{made}T00:00:00+00:00"))
    assert limit == (timedelta(days=days) if days else None)
