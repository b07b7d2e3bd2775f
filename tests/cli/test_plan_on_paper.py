"""``certwatch plan --fleet``: a file in, a calendar or a document out, and what is wrong named."""

import gc
import json
import re
import sys
from datetime import datetime, timedelta

import pytest

from certwatch import cli
from certwatch.cli import output

AT = datetime.fromisoformat("2026-11-21T00:00:00+00:00")
DAY = timedelta(days=1)
KEYS = {
    "version", "at", "horizon_until", "budget", "feasible", "first_lapse", "lapses",
    "budget_needed", "max_fleet", "renewals",
}  # fmt: skip


@pytest.fixture
def plan(monkeypatch, capsys, tmp_path):
    """Run ``plan --fleet`` on a file in an empty folder; its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(text, *options):
        output._console.cache_clear()
        (tmp_path / "fleet.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        arguments = ("plan", "--fleet", "fleet.csv", "--at", "2026-11-21", *options)
        monkeypatch.setattr(sys, "argv", ["certwatch", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        captured = capsys.readouterr()
        return exit_.value.code, captured.out, captured.err

    return run


def fleet(domains, *, first=31, days=60):
    """So many domains whose certificates of 90 days end evenly from the ``first`` day on."""
    rows = (
        f"d{n}.test,{AT + first * DAY + n * days * DAY / domains:%Y-%m-%d}" for n in range(domains)
    )
    return "domain,not_after\n" + "\n".join(rows) + "\n"


def test_a_fleet_that_fits_is_told_in_a_sentence_and_a_calendar(plan):
    code, out, err = plan(fleet(140))
    assert (code, err) == (0, "")
    sentence, _, head, *rows = out.splitlines()
    assert sentence.startswith(
        "20 a week carries 171 domains at 90 days, 85 at 45 days; you have 140: nothing lapses"
        " until 21 November 2027"
    )
    assert head.startswith("from (14 days a row)  places: ")
    assert re.fullmatch(r"2026-11-21  [█·]{30}  +\d+ of 40", rows[0])
    assert sum(line.startswith("d") for line in rows) == 20
    assert rows[-1].startswith("... and ")


def test_the_document_is_the_published_one(plan):
    code, out, _ = plan(fleet(30), "--json", "--reserve", "1")
    document = json.loads(out)
    assert code == 0
    assert set(document) >= KEYS
    assert document["budget"] == {"certificates": 20, "window": "7d", "reserve": 1}
    assert (document["at"], document["horizon_until"]) == (
        "2026-11-21T00:00:00Z", "2027-11-21T00:00:00Z",
    )  # fmt: skip
    assert (document["feasible"], document["first_lapse"], document["lapses"]) == (True, None, [])
    times = [one["at"] for one in document["renewals"]]
    assert times == sorted(times)
    assert {one["domain"] for one in document["renewals"]} == {f"d{n}.test" for n in range(30)}
    assert set(document["renewals"][0]) == {"domain", "at", "not_after", "reason"}


def test_a_lapse_is_an_exit_code_a_sentence_and_a_row(plan):
    rows = "".join(f"d{n}.test,2026-11-23\n" for n in range(30))
    code, out, _ = plan("domain,not_after\n" + rows)
    assert code == 1
    assert "first lapse 23 November 2026 (d" in out.splitlines()[0]
    assert "10 of 30 domains lapse; 30 a week would do" in out.splitlines()[0]
    assert "29 others are due within the same 7 days, and only 20 a week can be renewed" in out
    assert re.search(r"^2026-11-21  █+·+  +\d+ of 40  10 lapse$", out, re.MULTILINE)
    code, out, _ = plan("domain,not_after\n" + rows, "--json")
    document = json.loads(out)
    assert (code, document["feasible"], document["budget_needed"]) == (1, False, 30)
    assert document["first_lapse"] == "2026-11-23T00:00:00Z" == document["lapses"][0]["from"]
    assert len(document["lapses"]) == 10


def test_shorter_lives_are_tried_on_paper(plan):
    even = fleet(140, first=1, days=89)
    assert plan(even, "--lifetime", "90d")[0] == 0
    code, out, _ = plan(even, "--lifetime", "45d")
    assert code == 1
    assert out.startswith("20 a week carries 85 domains at 45 days; you have 140: first lapse")


def test_the_first_row_of_lapses_is_the_one_of_the_sentence(plan):
    _, out, _ = plan(fleet(200, first=1, days=44), "--lifetime", "45d")
    found = re.search(r"first lapse (\d+) \w+ \d+ \((\S+)\)", out)
    assert found is not None
    day, name = found.groups()
    _, _, table = out.partition("\nfirst lapses:\n")
    assert re.match(rf"domain .*\n{name} +20..-..-{day:0>2} ", table)


def test_what_is_expired_already_is_told_with_its_reason(plan):
    rows = "".join(f"d{n}.test,2026-11-20\n" for n in range(21))
    _, out, _ = plan("domain,not_after\n" + rows)
    assert "; 21 are expired already" in out.splitlines()[0]
    assert "expired or revoked already: it is renewed as soon as a place is free" in out


def test_the_help_names_the_defaults(plan):
    _, out, _ = plan(fleet(1), "--help")
    text = " ".join(re.sub("[│|]", " ", out).split())
    for default in ("(fleet: 20)", "(fleet: 7d)", "(fleet: 0)", "(fleet: 90d)", "(fleet: 365d)"):
        assert default in text


def test_a_long_calendar_is_short_and_narrow(plan):
    _, out, _ = plan(fleet(150), "--horizon", "3660d")
    rows = [line for line in out.splitlines() if re.match(r"20\d\d-", line)]
    assert 20 <= len(rows) <= 30
    assert all(len(row) <= 80 for row in rows)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "fleet.csv: line 1: the header is missing"),
        ("domain,not_after\n", "fleet.csv: there is no domain in it"),
        ("domain\na.test\n", "line 1: the header must name each column once"),
        ("domain,not_after,owner\n", "line 1: unknown column 'owner'; known: domain, not_after"),
        ("domain,not_after\na.test\n", "line 2: 1 cells, but the header names 2 columns"),
        ("domain,not_after\na.test,soon\n", "line 2: not_after 'soon' is not a time; write 2026"),
        ("domain,not_after\na_b.test,\n", "line 2: 'a_b.test': 'a_b' has an underscore"),
        ("domain,not_after\na.test,\n\nA.test.,\n", "line 4: a.test is there already, at line 2"),
        (b"domain,not_after\n\xe4.test,\n", "fleet.csv, line 2: not UTF-8 text"),
        ('domain,not_after\n"a.test,\n', "not valid CSV"),
        ("d" * 200_000 + ",not_after\na.test,\n", "line 1: not valid CSV (field larger than"),
        ("domain,not_after\n" + "d" * 200_000 + ",\n", "line 2: not valid CSV (field larger than"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(plan, text, told):
    code, out, err = plan(text)
    assert (code, out) == (2, "")
    assert told in err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--reserve", "20"), "a reserve of 20 leaves nothing of a budget of 20"),
        (("--lifetime", "0d"), "--lifetime 0s is out of range; allowed: 1h to 3660d"),
        (("--window", "1s"), "--window 1s is out of range"),
        (("--at", "noon"), "--at 'noon' is not a time"),
        (("--at", "9999-01-01"), "--at 9999-01-01 is out of range"),
        (("--budget", "0"), "--budget"),
    ],
)
def test_what_is_wrong_with_an_option_is_named(plan, options, told):
    code, _, err = plan(fleet(1), *options)
    assert code == 2
    assert told in err


def test_neither_settings_nor_database_are_read(plan, tmp_path, monkeypatch):
    (tmp_path / "certwatch.toml").write_text("this is no TOML")
    monkeypatch.setenv("CERTWATCH_STORE__URL", "nonsense://")
    assert plan(fleet(3))[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["certwatch.toml", "fleet.csv"]


def test_the_garbage_collector_is_back_after_a_plan_that_fails_too(plan):
    assert plan("domain\n")[0] == 2
    assert gc.isenabled()
