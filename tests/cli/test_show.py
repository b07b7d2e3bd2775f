"""``domains show`` and the table of looks keep what is known of a domain that cannot be seen."""

from datetime import timedelta

import pytest

from certwatch.cli import output
from certwatch.cli.looks import print_looks
from certwatch.cli.show import Past, show_domain, shown_document
from certwatch.ports import PastSweep
from tests.factories import NOW
from tests.reporting.looks import blinded, finding, latest

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
