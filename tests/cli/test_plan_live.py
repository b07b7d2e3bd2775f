"""``certwatch plan``, ``budget`` and ``report`` on an inventory of one's own."""

import json
import re
import sys

import pytest

from certwatch import cli
from certwatch.cli import output
from certwatch.core.model import Mode, TrackingDomain
from certwatch.resources import resource
from certwatch.store import open_store, upgrade_database
from tests.factories import NOW
from tests.store.renewing import claim, wish

CA = "https://ca.test/directory"
LETSENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An initialised folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CERTWATCH_ACME__DIRECTORY", CA)
    upgrade_database("sqlite:///certwatch.db", resource("alembic"))
    return tmp_path


@pytest.fixture
def store(folder):
    with open_store("sqlite:///certwatch.db") as opened:
        yield opened


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run a command; its exit code, stdout and stderr."""

    def command(*arguments):
        output._console.cache_clear()
        monkeypatch.setattr(sys, "argv", ["certwatch", *arguments])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        captured = capsys.readouterr()
        return exit_.value.code, captured.out, captured.err

    return command


def add(store, *names, mode=Mode.ACME):
    for name in names:
        store.add(TrackingDomain(name=name, mode=mode), NOW)


def test_an_inventory_without_domains_of_ours_says_what_to_do(run, store):
    add(store, "cdn.brand.test", mode=Mode.CDN)
    code, out, err = run("plan")
    assert (code, out) == (0, "")
    assert "no domain is in mode acme; `certwatch enable NAME` makes it so" in err
    assert json.loads(run("plan", "--json")[1])["renewals"] == []


def test_new_domains_are_planned_inside_the_budget_of_the_settings(run, store):
    add(store, *(f"d{n}.brand.test" for n in range(25)))
    code, out, _ = run("plan", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["budget"] == {"certificates": 20, "window": "7d", "reserve": 2}
    at = document["at"]
    assert sum(one["at"] == at for one in document["renewals"]) == 18
    assert {one["reason"] for one in document["renewals"][:25]} == {"new"}
    sentence = run("plan")[1].splitlines()[0]
    assert sentence.startswith("20 a week (2 in reserve) carries 154 domains at 90 days, 77 at 45")


def test_what_if_the_budget_or_the_life_were_another(run, store):
    add(store, *(f"d{n}.brand.test" for n in range(25)))
    _, out, _ = run("plan", "--json", "--budget", "30", "--reserve", "0", "--lifetime", "45d")
    document = json.loads(out)
    assert document["budget"] == {"certificates": 30, "window": "7d", "reserve": 0}
    assert document["max_fleet"] == 128
    assert sum(one["at"] == document["at"] for one in document["renewals"]) == 25


def test_a_known_ca_announces_its_lives(run, store, monkeypatch):
    monkeypatch.setenv("CERTWATCH_ACME__DIRECTORY", LETSENCRYPT)
    monkeypatch.setenv("CERTWATCH_ACME__PROFILE", "shortlived")
    add(store, "d1.brand.test")
    assert run("plan")[1].startswith("20 a week (2 in reserve) carries 8 domains at 160 hours; you")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--at", "2026-01-01"), "--at goes with --fleet"),
        (("--budget", "2"), "a reserve of 2 leaves nothing of a budget of 2"),
    ],
)
def test_what_is_wrong_with_an_option_is_named(run, options, told):
    code, _, err = run("plan", *options)
    assert code == 2
    assert told in err


def test_the_budget_says_what_is_taken_and_when_it_frees(run, store, monkeypatch):
    code, out, _ = run("budget")
    assert code == 0
    assert out.startswith(f"{CA}: 20 certificates in any 7d\n0 spent, 0 reserved, 20 left (18 for")
    assert "frees" not in out
    add(store, "d1.brand.test")
    store.enqueue([wish("d1.brand.test", directory=CA)], NOW)
    claim(store, store.open_renewals()[0])
    _, out, _ = run("budget")
    assert "0 spent, 1 reserved, 19 left" in out
    assert re.search(r"^domain .*\nd1\.brand\.test ", out, re.MULTILINE)
    document = json.loads(run("budget", "--json")[1])
    assert (document["version"], document["reserved"], document["left"]) == (1, 1, 19)
    assert document["spends"] == [
        {"domain": "d1.brand.test", "at": "2026-06-01T12:00:00Z", "committed": False}
    ]
    assert document["fallback"] is None


def test_a_second_ca_has_a_budget_of_its_own(run, store, monkeypatch):
    monkeypatch.setenv("CERTWATCH_ACME__FALLBACK", LETSENCRYPT)
    document = json.loads(run("budget", "--json")[1])
    assert (document["directory"], document["fallback"]["directory"]) == (CA, LETSENCRYPT)
    out = run("budget")[1]
    assert out.index(CA) < out.index(LETSENCRYPT)


def test_a_report_tells_the_renewals_to_come(run, store, folder):
    add(store, "cdn.brand.test", mode=Mode.CDN)
    assert json.loads(run("report", "--json")[1])["plan"] is None
    add(store, "d1.brand.test")
    plan = json.loads(run("report", "--json")[1])["plan"]
    assert (plan["domains"], plan["next"][0]["reason"]) == (1, "new")
    for kind in ("html", "md"):
        run("report", "--format", kind, "--out", f"report.{kind}")
        assert "Renewals to come" in (folder / f"report.{kind}").read_text(encoding="utf-8")


def test_what_to_do_after_adding_a_domain_depends_on_its_mode(run):
    _, ours, _ = run("domains", "add", "a.brand.test", "--mode", "acme")
    _, theirs, _ = run("domains", "add", "b.brand.test", "--mode", "cdn")
    assert "next: certwatch enable a.brand.test" in ours
    assert "next: certwatch scan b.brand.test" in theirs


def test_a_domain_shows_the_renewal_that_is_not_done(run, store):
    add(store, "d1.brand.test", "d2.brand.test")
    store.enqueue([wish("d1.brand.test", directory=CA)], NOW)
    assert re.search(
        r"\nrenewal\n  stands +waits\n  next try ", run("domains", "show", "d1.brand.test")[1]
    )
    assert (
        json.loads(run("domains", "show", "d1.brand.test", "--json")[1])["renewal"]["step"]
        == "queued"
    )
    assert "renewal" not in run("domains", "show", "d2.brand.test")[1]
    assert json.loads(run("domains", "show", "d2.brand.test", "--json")[1])["renewal"] is None
