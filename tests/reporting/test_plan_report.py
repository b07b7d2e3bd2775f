"""The renewals to come, as a part of the report."""

import re
from dataclasses import replace

import pytest

from certwatch.core.escape import visible
from certwatch.core.renewal import Reason
from certwatch.reporting.build import build_report
from certwatch.reporting.render import render
from tests.factories import NOW
from tests.reporting.looks import TEMPLATES, latest
from tests.reporting.plans import DAY, forecast, lapse, planned
from tests.reporting.test_hostile_report import tags

FULL = forecast(
    planned("a.test", 1),
    planned("b.test", 8, Reason.PULLED_FORWARD),
    spent=(NOW - DAY,),
    lapses=(lapse("c.test", 9, 12, "24 others are due"), lapse("open.test", 30)),
    budget_needed=33,
)


def page(plan, kind="html"):
    report = build_report([latest()], now=NOW, since=NOW, plan=plan)
    return "".join(render(f"report.{kind}.j2", TEMPLATES, report=report))


@pytest.mark.parametrize("kind", ["html", "md"])
def test_it_is_there_when_something_is_ours_to_renew(kind):
    assert "Renewals to come" not in page(None, kind)
    text = page(FULL, kind)
    assert "Renewals to come" in text
    for told in (
        "first lapse 10 June 2026",
        "33 a week would do",
        "a.test",
        "early, before a crow",
    ):
        assert told in text
    assert re.search("c.test.*2026-06-10 12:00 UTC.*2026-06-13 12:00 UTC.*24 others", text)
    assert "beyond 2026-08-30" in text
    assert text.index(">c.test<" if kind == "html" else "| c.test |") < text.index("open.test")
    assert "last 7d" in text
    assert "7 days a row" in text
    assert "2026-05-25" not in text


def test_the_picture_has_a_bar_a_row_and_says_the_same_in_words():
    text = page(FULL)
    svg = text[text.index("<svg") : text.index("</svg>")]
    assert f'role="img" aria-label="{FULL.sentence}' in svg
    assert svg.count('class="free"') == len(FULL.calendar) == 14
    assert (svg.count('class="spent"'), svg.count('class="planned"')) == (1, 2)
    assert "2026-06-08: 0 spent, 1 planned, 19 free, 1 lapse</title>" in svg
    assert svg.count('width="12.0"') == 3  # one place of twenty
    rows = re.findall(r'<tr><th scope="row" class="date">(\S+)</th>(.*)</tr>', text)
    numbers = [re.findall(r">(\d+)<", cells) for _, cells in rows]
    assert ["0", "1", "19", "1"] in numbers


def test_the_page_still_asks_for_nothing_and_is_whole():
    text = page(FULL)
    assert "<script" not in text
    assert not re.search(r"""(src|href)\s*=|url\(|@import|\sstyle=""", text)
    assert text.count("<table") == text.count("<caption>")
    for tag in ("svg", "g", "section", "details", "tr", "text"):
        assert len(re.findall(rf"<{tag}[ >]", text)) == text.count(f"</{tag}>")


def test_a_row_that_holds_more_than_its_places_stays_in_the_picture():
    (row, *_) = FULL.calendar
    text = page(replace(FULL, calendar=(replace(row, spent=30, planned=10, title=""),)))
    widths = [float(each) for each in re.findall(r' width="([\d.]+)" height', text)]
    assert widths == [240, 180, 60]


@pytest.mark.parametrize("kind", ["html", "md"])
def test_hostile_names_are_shown_as_text(kind):
    name = '"><script>alert(1)</script>|`\x1b[31m'
    text = page(
        forecast(planned(name, 1), lapses=(lapse(name, 2, reason=name),), quarantined=(name,)),
        kind,
    )
    assert "<script" not in text
    assert visible(text.replace("\n", "")) == text.replace("\n", "")
    if kind == "html":
        assert tags(text) <= tags(page(FULL))
    else:
        assert "<" not in text


def test_markdown_tables_have_even_rows():
    text = page(FULL, "md")
    for head, rule in re.findall(r"^(\| [a-z].*\|)\n(\|[-:|]+\|)$", text, re.MULTILINE):
        assert head.count("|") == rule.count("|")
    assert "\n\n\n\n" not in text[text.index("Renewals to come") : text.index("When certificates")]
