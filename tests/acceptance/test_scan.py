"""Looking, and what comes of it: JSON, exit codes, table, advice, report."""

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from certwatch.lab.truth import compare

ORDER = ["critical", "warning", "unknown", "info", "ok"]
DOMAIN_KEYS = {
    "domain",
    "state",
    "observed_at",
    "provider",
    "mode",
    "edge",
    "cname_chain",
    "certificate",
    "addresses",
    "findings",
}
CERTIFICATE_KEYS = {
    "subject",
    "issuer",
    "serial",
    "sans",
    "not_before",
    "not_after",
    "fingerprint_sha256",
    "key",
    "signature",
}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="session")
def document(scanned):
    """What the first ``scan --json`` of the world printed."""
    return scanned.run.json


def test_the_document_has_the_promised_shape(document):
    assert document["version"] == 1
    assert INSTANT.fullmatch(document["started_at"])
    assert INSTANT.fullmatch(document["finished_at"])
    for domain in document["domains"]:
        assert domain.keys() >= DOMAIN_KEYS
        assert INSTANT.fullmatch(domain["observed_at"])
        for address in domain["addresses"]:
            assert address.keys() >= {"address", "port", "fingerprint_sha256", "tls", "error"}
        for finding in domain["findings"]:
            assert finding.keys() >= {"check", "severity", "summary", "remedy", "facts"}
        if certificate := domain["certificate"]:
            assert certificate.keys() >= CERTIFICATE_KEYS
            assert re.fullmatch("[0-9a-f]{64}", certificate["fingerprint_sha256"])
            assert re.fullmatch("[0-9a-f]+", certificate["serial"])
            assert datetime.fromisoformat(certificate["not_after"]).tzinfo


def test_states_add_up_and_the_worst_come_first(document):
    states = [domain["state"] for domain in document["domains"]]
    assert states == sorted(states, key=ORDER.index)
    assert document["summary"] == {"domains": len(states)} | {s: states.count(s) for s in ORDER}
    for domain in document["domains"]:
        worst = [finding["severity"] for finding in domain["findings"]][:1] or ["ok"]
        assert domain["state"] == worst[0]


def test_one_look_finds_what_needs_no_second_one(document, stage):
    settled = [
        plant
        for plant in stage.world.plants
        if plant.later is None and "alias_limit" not in plant.codes  # needs targets seen before
    ]
    found = {d["domain"]: [f["check"] for f in d["findings"]] for d in document["domains"]}
    comparison = compare(settled, {plant.name: found[plant.name] for plant in settled})
    assert comparison.missing == ()
    assert comparison.invented == ()


@pytest.mark.parametrize(
    ("name", "limit", "code"),
    [
        ("click.aurora.test", "info", 0),
        ("click.nohsts.test", "critical", 0),
        ("click.nohsts.test", "warning", 0),
        ("click.nohsts.test", "info", 1),
        ("click.soon.test", "critical", 0),
        ("click.soon.test", "warning", 1),
        ("click.expired.test", "critical", 1),
        ("click.expired.test", "never", 0),
    ],
)
def test_the_exit_code_follows_the_worst_finding(scanned, name, limit, code):
    run = scanned.house("scan", name, "--fail-on", limit, "--json", code=code)
    assert [domain["domain"] for domain in run.json["domains"]] == [name]


def test_a_name_that_is_not_in_the_inventory(scanned):
    err = scanned.house("scan", "click.nobody-knows.test", code=2).err
    assert "certwatch domains add click.nobody-knows.test" in err


def test_an_empty_inventory_is_no_failure(lab):
    assert "certwatch domains add" in lab("scan").err
    document = lab("scan", "--json").json
    assert document["domains"] == []
    assert document["summary"]["domains"] == 0


def test_the_table_is_plain_text_in_a_pipe(scanned):
    run = scanned.house("scan", "click.expired.test", "click.aurora.test", code=1)
    header, worst, fine, _, counts, following = run.out.splitlines()
    assert header.split() == ["state", "domain", "left", "behind", "finding"]
    assert worst.startswith("critical  click.expired.test")
    assert fine.startswith("ok        click.aurora.test")
    assert counts.startswith("2 domains: 1 critical, 1 ok")
    assert "certwatch advise click.expired.test" in following
    assert "\x1b" not in run.out


def test_one_domain_is_shown_whole(scanned):
    shown = scanned.house("domains", "show", "click.expired.test", "--json").json
    assert shown["state"] == "critical"
    assert shown["certificates"][0]["certificate"]["serial"] == shown["certificate"]["serial"]
    assert "[expired" in scanned.house("domains", "show", "click.expired.test").out
    listed = scanned.house("domains", "list", "--state", "ok", "--json").json["domains"]
    assert "click.aurora.test" in [each["domain"] for each in listed]


def test_advice_names_the_record_to_set(scanned, stage):
    advice = scanned.house("advise", "click.missing.test", "--json").json
    assert "click.missing.test" in advice["subject"]
    assert "CNAME" in advice["body"]
    assert advice["body"] in scanned.house("advise", "click.missing.test").out
    scanned.house("advise", "click.nobody-knows.test", code=2)


def test_reports_are_written_and_named(scanned, tmp_path):
    for format_, begins in (("html", "<!doctype html>"), ("md", "# "), ("json", "{")):
        path = tmp_path / f"report.{format_}"
        run = scanned.house("report", "--format", format_, "--out", str(path), code=1)
        assert run.out.strip() == str(path)
        text = path.read_text(encoding="utf-8")
        assert text.startswith(begins)
        assert "click.expired.test" in text
    assert json.loads(path.read_text())["version"] == 1
    assert scanned.house("report", "--json", "--fail-on", "never").json["version"] == 1
    assert "# " in scanned.house("report", "--format", "md", "--out", "-", code=1).out


def test_a_report_goes_to_the_folder_of_the_settings(scanned, tmp_path):
    directory = tmp_path / "deep" / "reports"
    house = scanned.house.but(CERTWATCH_REPORT__DIRECTORY=str(directory))
    path = Path(house("report", "--fail-on", "never").out.strip())
    assert path.parent == directory
    assert path.name.startswith("certwatch-")
    assert "<!doctype html>" in path.read_text(encoding="utf-8")


def test_a_report_cannot_be_sent_yet_nor_written_anywhere(scanned):
    assert "later version" in scanned.house("report", "--send", code=2).err
    scanned.house("report", "--since", "soon", code=2)
    assert "cannot be written" in scanned.house("report", "--out", "/dev/null/x", code=3).err
    scanned.house("report", "--out", "/dev/null", code=1)
    assert Path("/dev/null").is_char_device()


def test_the_doctor_examines_everything(lab):
    well = lab.but(CERTWATCH_ACME__DIRECTORY="https://127.0.0.1:1/directory")
    diagnoses = {each["name"]: each for each in well("doctor", "--json").json["diagnoses"]}
    assert {"settings", "database", "DNS", "CA", "mail", "chat", "clock"} <= diagnoses.keys()
    assert all(diagnoses[name]["ok"] for name in ("settings", "database", "DNS"))
    ill = well.but(CERTWATCH_DNS__NAMESERVERS="127.0.0.1:1")("doctor", code=3)
    assert "FAILS  DNS" in ill.out
