"""``domains show`` and the table of looks keep what is known of a domain that cannot be seen."""

from dataclasses import replace
from datetime import timedelta

import pytest

from certwatch.cli import output
from certwatch.cli.looks import print_looks
from certwatch.cli.show import Past, show_domain, shown_document
from certwatch.core.renewal import Blame, Setback, Step
from certwatch.ports import PastSweep
from tests.factories import NOW
from tests.reporting.looks import blinded, finding, latest
from tests.reporting.renewals import renewal

LOOK = blinded(latest(finding()), NOW - timedelta(hours=2))
SICK = PastSweep(
    started_at=NOW, finished_at=NOW, domains=1, states={}, findings=(finding("monitor_sick"),)
)
PAST = Past(sightings=(), changes=(), sweep=SICK)


@pytest.fixture(autouse=True)
def _fresh_consoles():
    output._console.cache_clear()  # they hold the streams of the test before


def test_blindness_comes_first_and_what_was_known_stays(capsys):
    show_domain(LOOK, PAST, {"sparkpost": "SparkPost"})
    text = capsys.readouterr().out
    assert text.startswith("certwatch is blind since 2026-06-01 10:00")
    places = [text.index(part) for part in ("mend monitor_sick", "last known", "mend expired")]
    assert places == sorted(places)
    assert "SparkPost" in text


def test_the_document_of_a_domain_says_the_same():
    document = shown_document(LOOK, PAST)
    assert document["blind"]["finding"]["check"] == "monitor_sick"
    assert document["last_known"]["state"] == "critical"


def test_the_table_keeps_the_last_known_fault(capsys):
    print_looks([LOOK], NOW)
    assert "last known: expired it is" in capsys.readouterr().out


def test_what_blocks_a_renewal_is_shown_with_the_next_try(capsys):
    setback = Setback(
        at=NOW, kind="caa", blame=Blame.CUSTOMER, detail="no\x1b[31m CAA", remedy="permit us"
    )
    show_domain(LOOK, replace(PAST, renewal=renewal(setback=setback, attempts=1)))
    text = capsys.readouterr().out
    assert "stands               waits" in text
    assert "\x1b" not in text
    assert "CAA (2026-06-01 12:00 UTC)\n  what to do           permit us" in text
    assert "next try             2026-06-02 12:00 UTC" in text


def test_a_quarantined_renewal_says_how_it_goes_on(capsys):
    stuck = renewal(step=Step.QUARANTINED)
    show_domain(LOOK, replace(PAST, renewal=stuck))
    text = capsys.readouterr().out
    assert f"`certwatch enable {stuck.domain}` tries again when it is mended" in text
    assert "2026-06-02" not in text
