"""The report: what it counts, how it ages a look, and that it can be read."""

import re
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from jinja2 import UndefinedError

from certwatch.core.model import Severity, State
from certwatch.core.policy import HousePolicy, SeverityRule
from certwatch.ports import PastFinding, PastSweep, StateChange
from certwatch.reporting.build import NO_OWNER, aged, build_report
from certwatch.reporting.render import render, titles_of
from tests.factories import CATALOG, NOW
from tests.reporting.looks import TEMPLATES, blinded, finding, latest, unseen

WEEK = timedelta(days=7)
INTERVAL = timedelta(hours=6)
HOUSE = HousePolicy(catalog=CATALOG)
WARNING = finding("hsts_odd", Severity.WARNING)
NOTE = finding("hsts_missing", Severity.INFO)


def report(*looks, **memory):
    return build_report(looks, now=NOW, since=NOW - WEEK, **memory)


def page(built, kind="html"):
    return "".join(render(f"report.{kind}.j2", TEMPLATES, report=built))


def test_the_worst_comes_first_and_of_equals_the_oldest():
    day, two = timedelta(days=1), timedelta(days=2)
    built = report(
        latest(name="fine.test"),
        latest(WARNING, name="warned.test"),
        latest(finding(), name="new.test", opened_ago=day),
        latest(finding(), name="old.test", opened_ago=two),
        latest(NOTE, name="noted.test"),
        unseen("never.test"),
    )
    assert [row.domain for row in built.broken] == ["old.test", "new.test", "warned.test"]
    assert built.order == (
        "new.test", "old.test", "warned.test", "never.test", "noted.test", "fine.test",
    )  # fmt: skip
    assert built.counts[State.CRITICAL] == 2
    assert [row.domain for row in built.unseen] == ["never.test"]
    assert built.never == 1
    assert built.severities == set(Severity)


def test_certificates_end_in_their_week_and_a_shared_one_counts_once():
    built = report(
        latest(name="a.test", days_left=1),
        latest(name="b.test", days_left=2),
        latest(name="c.test", days_left=8, fingerprint="cd" * 32),
        latest(name="late.test", days_left=400, fingerprint="ef" * 32),
        latest(name="gone.test", days_left=0, fingerprint="00" * 32),
    )
    first, second, *others = built.calendar.weeks
    assert first.monday == date(2026, 6, 1)
    assert (first.certificates, first.domains, first.examples) == (1, 2, ("a.test", "b.test"))
    assert (second.monday, second.domains) == (date(2026, 6, 8), 1)
    assert not any(week.domains for week in others)
    assert (built.calendar.expired, built.calendar.later) == (1, 1)


def test_who_must_act_and_where_the_domains_stand():
    built = report(
        latest(finding(), name="a.test", owner="ops@a.test"),
        latest(name="b.test", owner="ops@a.test"),
        latest(WARNING, name="c.test"),
        latest(name="d.test", owner="calm@d.test"),
    )
    assert [(g.name, g.critical, g.warning, g.domains) for g in built.owners] == [
        ("ops@a.test", 1, 0, 2),
        (NO_OWNER, 0, 1, 1),
    ]
    assert [(g.name, g.domains) for g in built.places] == [("sparkpost / cloudfront", 4)]


def test_the_window_tells_what_began_what_ended_and_who_recovered():
    closed = PastFinding("b.test", finding("name_mismatch"), NOW - 3 * WEEK, NOW)
    still_open = PastFinding("a.test", finding(), NOW, None)
    built = report(
        latest(finding(), name="a.test"),
        latest(name="b.test"),
        latest(WARNING, name="old.test", opened_ago=2 * WEEK),
        past=(closed, still_open),
        changes=(
            StateChange("b.test", NOW, State.CRITICAL, State.OK),
            StateChange("a.test", NOW, State.OK, State.CRITICAL),
            StateChange("old.test", NOW, State.CRITICAL, State.WARNING),
        ),
    )
    assert [(k.check, k.domains, k.opened, k.closed) for k in built.kinds] == [
        ("expired", 1, 1, 0),
        ("name_mismatch", 0, 0, 1),
        ("hsts_odd", 1, 0, 0),
    ]
    assert built.recovered == ("b.test",)


def test_what_the_last_sweep_says_about_us_is_told():
    skew = finding("clock_skew", Severity.WARNING)
    sweep = PastSweep(started_at=NOW, finished_at=NOW, domains=1, states={}, findings=(skew,))
    built = report(latest(), sweep=sweep)
    assert built.severities == {Severity.WARNING}
    assert "clock_skew it is" in page(built)


def test_an_old_look_is_stale_and_its_domain_no_longer_in_order():
    old = latest(seen_ago=timedelta(days=2))
    (look,) = aged([old], now=NOW, interval=INTERVAL, house=HOUSE)
    assert look.judged is not None
    assert look.judged.state is State.WARNING
    assert [each.check for each in look.judged.findings] == ["stale"]
    assert look.since == NOW - timedelta(days=2) + 3 * INTERVAL
    assert report(look).stale == 1


def test_a_fresh_look_a_new_domain_and_a_muted_check_stay_as_they_are():
    muted = replace(HOUSE, rules=(SeverityRule("stale", None),))
    old = latest(seen_ago=timedelta(days=2))
    fresh = latest(seen_ago=2 * INTERVAL)
    assert list(aged([fresh, unseen()], now=NOW, interval=INTERVAL, house=HOUSE)) == [
        fresh,
        unseen(),
    ]
    assert list(aged([old], now=NOW, interval=INTERVAL, house=muted)) == [old]


def test_staleness_does_not_hide_that_a_domain_is_broken_or_unknown():
    looks = (
        latest(finding(), seen_ago=WEEK),
        latest(state=State.UNKNOWN, seen_ago=WEEK),
    )
    states = [
        look.judged.state
        for look in aged(looks, now=NOW, interval=INTERVAL, house=HOUSE)
        if look.judged
    ]
    assert states == [State.CRITICAL, State.UNKNOWN]


def test_html_is_one_file_that_asks_for_nothing():
    text = page(report(latest(finding(), owner="ops@brand.test"), latest(name="b.test"), unseen()))
    assert "<script" not in text
    assert not re.search(r"""(src|href)\s*=|url\(|@import|\sstyle=""", text)
    assert "default-src 'none'; style-src 'sha256-" in text
    assert text.count("<table") == text.count("<caption>")
    assert "1 domain of 3</span> needs repair now" in text


@pytest.mark.parametrize(
    ("looks", "headline"),
    [
        ((), "no tracking domain in the inventory yet"),
        ((latest(),), "The one domain is in order</span>"),
        ((latest(), latest(name="b.test")), "All 2 domains are in order</span>"),
        ((latest(WARNING),), "needs attention soon"),
        ((unseen(), unseen("b.test")), "2 domains of 2</span> could not be seen"),
    ],
)
def test_the_first_line_says_how_it_stands(looks, headline):
    assert headline in page(report(*looks))


def test_markdown_says_the_same():
    text = page(report(latest(finding(), owner="ops"), latest(name="b.test"), unseen()), "md")
    assert "**3 domains:** 1 critical, 0 warning, 1 unknown" in text
    assert "- **critical** (`expired`): expired it is. To do: mend expired." in text
    assert "| ops | 1 | 0 | 1 |" in text
    for head, rule in re.findall(r"^(\| [a-z].*\|)\n(\|[-:|]+\|)$", text, re.MULTILINE):
        assert head.count("|") == rule.count("|")


def test_times_are_shown_in_the_zone_that_is_asked_for():
    text = "".join(
        render("report.md.j2", TEMPLATES, report=report(), zone=ZoneInfo("Europe/Berlin"))
    )
    assert "2026-06-01 14:00 CEST" in text


def test_a_template_that_lacks_a_value_fails_instead_of_showing_a_blank():
    with pytest.raises(UndefinedError):
        "".join(render("report.md.j2", TEMPLATES))


@pytest.mark.parametrize("kind", ["html", "md"])
def test_ten_thousand_domains_are_streamed(kind):
    looks = (
        latest(*(finding(),) * (n % 3 == 0), name=f"d{n}.test", days_left=n % 90, owner=f"o{n % 9}")
        for n in range(10_000)
    )
    built = build_report(looks, now=NOW, since=NOW - WEEK)
    parts = render(f"report.{kind}.j2", TEMPLATES, report=built)
    largest = max(len(part) for part in parts)
    assert largest < 100_000  # never whole in memory


def dark_report():
    """Two domains that nobody can see now; one was broken before."""
    blind_at = NOW - timedelta(hours=2)
    known = latest(finding(), name="bad.test", owner="ops@a.test")
    good = latest(name="good.test")
    sick = replace(finding("monitor_sick"), summary="no nameserver answers")
    sweep = PastSweep(started_at=NOW, finished_at=NOW, domains=2, states={}, findings=(sick,))
    return report(*(blinded(look, blind_at) for look in (known, good)), sweep=sweep)


def test_a_blind_sweep_does_not_make_a_report_look_healthier():
    built = dark_report()
    assert built.blind is not None
    assert built.blind.since == NOW - timedelta(hours=2)
    (row,) = built.broken
    assert (row.domain, row.state, row.known) == ("bad.test", State.UNKNOWN, State.CRITICAL)
    assert row.since == NOW - timedelta(days=3)
    assert [(g.name, g.critical) for g in built.owners] == [("ops@a.test", 1)]
    assert built.counts[State.UNKNOWN] == 2


@pytest.mark.parametrize(
    ("kind", "marked", "worded"),
    [
        ("html", "last known</span>", "not seen since 2026-06-01 10:00 UTC"),
        ("md", "### bad.test: last known critical", "Not seen since 2026-06-01 10:00 UTC"),
    ],
)
def test_a_blind_report_says_so_first_and_then_what_was_known(kind, marked, worded):
    text = page(dark_report(), kind)
    first = text.index("certwatch is blind since")
    assert first < text.index("mend monitor_sick") < text.index("Last known faults")
    assert text.index("Last known faults") < text.index(marked) < text.index("mend expired")
    assert worded in text
    assert "Of the unknown ones, 1 were critical" in text


def test_providers_and_edges_are_called_by_their_titles():
    for kind in ("html", "md"):
        values = {"report": report(latest(finding())), "titles": titles_of(CATALOG)}
        text = "".join(render(f"report.{kind}.j2", TEMPLATES, **values))
        assert "SparkPost / CloudFront" in text
        assert "sparkpost" not in text
