"""The addresses family: who answers, under TLS, and alike."""

from dataclasses import replace
from datetime import timedelta

import pytest

from certwatch.checks import addresses as family
from certwatch.checks.registry import checks_of, judge
from certwatch.core.model import AddressView, Failure, Memory, Mode, Severity, Sighting, Trouble
from tests.factories import HOST, NAME, NOW, certificate, no_tls, observation, policy, tls

CHECKS = checks_of(family)
SECOND, SIX, SEVEN = "198.51.100.8", "2001:db8::6", "2001:db8::7"
HOUR = timedelta(hours=1)
CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO
OLD = certificate(fingerprint="old", not_before=NOW - 1000 * HOUR)
NEW = certificate(fingerprint="new", not_before=NOW - 10 * HOUR)


def findings(*views, addresses=(), memory=None):
    look = observation(tls=views, addresses=addresses)
    return judge(CHECKS, look, replace(policy(look), memory=memory or Memory()), NOW)


def codes(*views, **options):
    return [finding.check for finding in findings(*views, **options)]


def only(*views, **options):
    (finding,) = findings(*views, **options)
    return finding


def broken(kind, detail="", address=HOST):
    return replace(no_tls(kind, address), trouble=Trouble(kind, detail))


def test_healthy_addresses_are_silent():
    plain = AddressView(address=HOST, default_leaf=certificate("other.test"))
    assert codes(tls(), tls(address=SECOND), tls(address=SIX), addresses=(plain,)) == []
    assert codes() == []


@pytest.mark.parametrize(
    "kind", [Failure.ALERT, Failure.EOF, Failure.RESET, Failure.NOT_TLS, Failure.MALFORMED]
)
def test_tcp_without_tls_is_a_failed_handshake(kind):
    finding = only(broken(kind))
    assert (finding.check, finding.severity) == ("handshake_failed", CRITICAL)
    assert (finding.facts["kind"], finding.facts["failures"]) == (kind, {HOST: kind})
    assert codes(tls(), broken(kind, address=SECOND)) == ["handshake_failed"]


def test_an_alert_is_told_by_its_name():
    finding = only(broken(Failure.ALERT, "unrecognized_name"))
    assert finding.facts["alert"] == "unrecognized_name"
    assert "a TLS alert (unrecognized_name)" in finding.summary


def test_a_stalled_handshake_is_no_address_that_is_down():
    assert codes(broken(Failure.TIMEOUT, "the TLS handshake did not finish")) == [
        "handshake_failed"
    ]


@pytest.mark.parametrize("kind", [Failure.REFUSED, Failure.TIMEOUT, Failure.UNREACHABLE])
def test_an_address_that_takes_no_connection_is_down(kind):
    finding = only(tls(), broken(kind, address=SECOND))
    assert (finding.check, finding.severity) == ("address_down", WARNING)
    assert finding.facts == {"kind": kind, "failures": {SECOND: kind}}
    assert f"1 of 2 addresses of {NAME} ({SECOND}) takes no connection" in finding.summary


def test_when_all_are_down_there_is_no_https_at_all():
    handshake, down = findings(broken(Failure.REFUSED), broken(Failure.TIMEOUT, address=SECOND))
    assert (handshake.check, down.check) == ("handshake_failed", "address_down")
    assert (handshake.severity, down.severity) == (CRITICAL, CRITICAL)
    assert handshake.facts["failures"] == {HOST: "refused", SECOND: "timeout"}


def test_our_own_troubles_say_nothing():
    ours = broken(Failure.LOCAL, "no IPv6 here", SIX)
    assert codes(ours) == []
    assert codes(tls(), ours) == []
    assert findings(broken(Failure.REFUSED), ours)[1].severity is CRITICAL


def test_a_private_address_is_a_fault_of_dns():
    finding = only(broken(Failure.FORBIDDEN, "10.0.0.1 is private", "10.0.0.1"))
    assert (finding.check, finding.severity) == ("address_down", CRITICAL)
    assert "probe.allow_private_addresses" in finding.remedy
    assert finding.facts["kind"] == "forbidden"


def both(leaf, other, address=SECOND):
    return tls(leaf), tls(other, address)


def test_addresses_that_differ_for_long_are_a_mismatch():
    finding = only(*both(OLD, NEW))
    assert (finding.check, finding.severity) == ("edge_mismatch", WARNING)
    served = {one["fingerprint_sha256"]: one["addresses"] for one in finding.facts["certificates"]}
    assert served == {"old": [HOST], "new": [SECOND]}


@pytest.mark.parametrize(
    ("memory", "found"),
    [
        (Memory(), ["edge_mismatch"]),
        (Memory(observed_at=NOW - HOUR), []),
        (Memory(observed_at=NOW, sightings=(Sighting(NEW, NOW - 5 * HOUR, NOW),)), []),
        (
            Memory(observed_at=NOW, sightings=(Sighting(NEW, NOW - 7 * HOUR, NOW),)),
            ["edge_mismatch"],
        ),
    ],
    ids=["never seen", "new at this look", "five hours", "seven hours"],
)
def test_a_rollout_has_its_grace(memory, found):
    assert codes(*both(OLD, NEW), memory=memory) == found


def test_a_fresh_certificate_of_an_unknown_domain_has_its_grace():
    fresh = certificate(fingerprint="fresh", not_before=NOW - HOUR)
    assert codes(*both(OLD, fresh)) == []


def test_families_that_serve_different_certificates():
    finding = only(*both(OLD, NEW, SIX))
    assert (finding.check, finding.severity) == ("family_mismatch", WARNING)
    assert codes(*both(OLD, NEW, SIX), memory=Memory(observed_at=NOW - HOUR)) == []


def test_families_with_a_certificate_in_common_are_an_edge_mismatch():
    assert codes(*both(OLD, NEW), tls(NEW, SIX)) == ["edge_mismatch"]


def test_a_family_that_fails_wholly():
    six, seven = (broken(Failure.REFUSED, address=address) for address in (SIX, SEVEN))
    found = {finding.check: finding for finding in findings(tls(), six, seven)}
    assert set(found) == {"address_down", "family_mismatch"}
    assert found["family_mismatch"].facts["family"] == "IPv6"
    assert codes(tls(), six, tls(address=SEVEN)) == ["address_down"]


def test_legacy_protocols_are_recorded():
    finding = only(tls(), addresses=(AddressView(address=HOST, legacy_version="TLSv1"),))
    assert (finding.check, finding.severity) == ("protocol_legacy", INFO)
    assert finding.facts == {"versions": {HOST: "TLSv1"}}


@pytest.mark.parametrize(
    ("kind", "found"),
    [(Failure.ALERT, ["sni_required"]), (Failure.EOF, ["sni_required"]), (Failure.LOCAL, [])],
)
def test_sni_is_required_where_a_nameless_handshake_fails(kind, found):
    nameless = AddressView(address=HOST, default_trouble=Trouble(kind))
    assert codes(tls(), addresses=(nameless,)) == found
    assert codes(broken(Failure.EOF), addresses=(nameless,)) == ["handshake_failed"]


def test_our_own_edge_wants_a_name_by_design():
    nameless = AddressView(address=HOST, default_trouble=Trouble(Failure.ALERT))
    look = observation(tls=(tls(),), addresses=(nameless,))
    assert judge(CHECKS, look, policy(look, mode=Mode.CDN), NOW)
    assert not judge(CHECKS, look, policy(look, mode=Mode.ACME), NOW)


def test_findings_name_the_domain():
    assert NAME in only(broken(Failure.EOF)).summary
