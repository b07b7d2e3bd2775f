"""The JSON documents keep to the published shapes."""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.model import Failure, Finding, Judged, Mode, State, Trouble, worst
from certwatch.ports import Latest, OpenFinding, PastSweep
from certwatch.reporting.build import build_report
from certwatch.reporting.documents import (
    domain_document,
    instant,
    inventory_entry,
    report_head,
    scan_head,
    trouble_text,
)
from tests.factories import NAME, NOW, no_tls
from tests.reporting.looks import blinded, finding, latest, unseen
from tests.strategies import domains, instants, observations

SCAN_KEYS = {"version", "started_at", "finished_at", "summary", "findings"}
DOMAIN_KEYS = {
    "domain", "state", "observed_at", "provider", "mode", "edge",
    "cname_chain", "certificate", "addresses", "findings",
}  # fmt: skip
CERTIFICATE_KEYS = {
    "subject", "issuer", "serial", "sans", "not_before", "not_after",
    "fingerprint_sha256", "key", "signature",
}  # fmt: skip
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass
class Sweep:
    started_at: datetime = NOW
    finished_at: datetime = NOW + timedelta(seconds=1.5)
    counts: dict[State, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def test_an_instant_is_utc_with_a_z_to_the_second():
    there = datetime(2026, 6, 1, 14, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))
    assert instant(there) == "2026-06-01T12:00:00Z"
    assert instant(datetime.min.replace(tzinfo=UTC)) == "0001-01-01T00:00:00Z"


def test_the_head_of_a_scan_counts_every_state():
    head = scan_head(Sweep(counts={State.OK: 2, State.CRITICAL: 1}))
    assert set(head) == SCAN_KEYS
    assert (head["version"], head["started_at"]) == (1, "2026-06-01T12:00:00Z")
    assert head["summary"] == {
        "domains": 3, "ok": 2, "critical": 1, "warning": 0, "info": 0, "unknown": 0,
    }  # fmt: skip


def test_a_domain_shows_its_look():
    document = domain_document(latest(finding(hours=3)))
    assert set(document) >= DOMAIN_KEYS
    assert (document["domain"], document["state"]) == (NAME, "critical")
    assert (document["provider"], document["mode"], document["edge"]) == (
        "sparkpost", "cdn", "cloudfront",
    )  # fmt: skip
    assert document["cname_chain"] == ["d1.cloudfront.net"]
    assert set(document["certificate"]) == CERTIFICATE_KEYS
    assert document["addresses"] == [
        {
            "address": "198.51.100.7",
            "port": 443,
            "fingerprint_sha256": "ab" * 32,
            "tls": "TLSv1.3",
            "error": None,
        }
    ]
    assert document["findings"] == [
        {
            "check": "expired",
            "severity": "critical",
            "summary": "expired it is",
            "remedy": "mend expired",
            "facts": {"hours": 3},
            "opened_at": "2026-05-29T12:00:00Z",
        }
    ]


def test_a_failed_address_says_why():
    look = latest()
    assert look.judged is not None
    dead = replace(look.judged.observation, tls=(no_tls(Failure.REFUSED),))
    document = domain_document(replace(look, judged=replace(look.judged, observation=dead)))
    assert document["certificate"] is None
    assert document["addresses"][0]["error"] == "refused"
    assert trouble_text(Trouble(Failure.ALERT, "unrecognized_name")) == "alert: unrecognized_name"


def test_a_domain_never_looked_at_is_unknown_and_has_every_key():
    document = domain_document(unseen())
    assert set(document) == set(domain_document(latest()))
    assert (document["state"], document["observed_at"], document["certificate"]) == (
        "unknown", None, None,
    )  # fmt: skip


def test_an_inventory_entry_can_be_imported_again():
    entry = inventory_entry(latest(owner="ops@brand.test").domain)
    assert entry["domain"] == NAME
    assert entry["owner"] == "ops@brand.test"
    assert entry["tags"] == []


def test_the_head_of_a_report_is_json_and_says_what_is_open():
    looks = [latest(finding()), unseen()]
    head = report_head(build_report(looks, now=NOW, since=NOW - timedelta(days=7)))
    document = json.loads(json.dumps(head))
    assert document["version"] == 1
    assert document["summary"]["critical"] == document["summary"]["unknown"] == 1
    assert document["kinds"][0]["check"] == "expired"
    assert document["calendar"]["weeks"][0]["monday"] == "2026-06-01"


@given(domains, observations, instants)
def test_any_look_becomes_json_with_proper_times(domain, observation, since):
    found = (finding(),)
    judged = Judged(
        domain=domain,
        observation=observation,
        provider=domain.provider,
        edge=domain.edge,
        mode=Mode.CDN,
        state=worst(found),
        findings=found,
    )
    opened = (OpenFinding(finding=found[0], opened_at=since),)
    look = Latest(domain=domain, judged=judged, since=since, findings=opened)
    document = json.loads(json.dumps(domain_document(look)))
    shown = [document["observed_at"], document["since"], document["findings"][0]["opened_at"]]
    shown += [document["certificate"]["not_after"]] if document["certificate"] else []
    assert all(RFC3339.fullmatch(at) for at in shown)


@given(st.integers(0, 2**31))
def test_instants_sort_as_text(seconds):
    before, after = (datetime.fromtimestamp(s, UTC) for s in (seconds, seconds + 1))
    assert instant(before) < instant(after)


def test_a_blind_report_and_its_domains_keep_what_was_known():
    look = blinded(latest(finding()), NOW - timedelta(hours=2))
    sick = (finding("monitor_sick"),)
    sweep = PastSweep(started_at=NOW, finished_at=NOW, domains=1, states={}, findings=sick)
    head = report_head(build_report([look], now=NOW, since=NOW, sweep=sweep))
    assert head["blind"]["since"] == "2026-06-01T10:00:00Z"
    assert head["blind"]["finding"]["remedy"] == "mend monitor_sick"
    assert head["last_known"] == {"critical": 1, "warning": 0}
    known = domain_document(look)["last_known"]
    assert (known["state"], known["until"]) == ("critical", "2026-06-01T10:00:00Z")
    assert [each["check"] for each in known["findings"]] == ["expired"]
    assert domain_document(latest(finding()))["last_known"] is None
