"""The certificate family: each code fires on its fault and is silent beside it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certwatch.checks import certificate as family
from certwatch.checks.registry import checks_of, judge
from certwatch.core.model import (
    AddressView,
    Memory,
    Mode,
    Path,
    Revocation,
    Severity,
    Sighting,
    TrustVerdict,
)
from tests.factories import NAME, NOW, certificate, observation, policy, provider, tls

CHECKS = checks_of(family)
DAY = timedelta(days=1)
SECOND, THIRD = "198.51.100.8", "2001:db8::8"
CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


def life(days, left, **changes):
    """A leaf that lives so many days, with so many left."""
    end = NOW + left * DAY
    values = {"not_before": end - days * DAY, "not_after": end, "fingerprint": f"{days}/{left}"}
    return certificate(**{**values, **changes})


def findings(*views, memory=None, accept_ca=(), addresses=(), **declared):
    look = observation(tls=views or (tls(),), addresses=addresses)
    rules = replace(policy(look, **declared), memory=memory or Memory(), accept_ca=accept_ca)
    return judge(CHECKS, look, rules, NOW)


def codes(*views, **options):
    return [finding.check for finding in findings(*views, **options)]


def only(*views, **options):
    (finding,) = findings(*views, **options)
    return finding


def seen(leaf, first=-30, last=-1):
    return Sighting(leaf, NOW + first * DAY, NOW + last * DAY)


@pytest.mark.parametrize("mode", [None, *Mode])
@pytest.mark.parametrize(("days", "left"), [(6, 4), (45, 30), (64, 40), (90, 45), (199, 150)])
def test_a_healthy_certificate_is_silent(days, left, mode):
    assert codes(tls(life(days, left)), mode=mode) == []


@pytest.mark.parametrize(
    ("days", "left", "severity"),
    [
        (6, 1.6, None),
        (6, 1.4, WARNING),
        (6, 0.8, CRITICAL),
        (45, 11.3, None),
        (45, 11.2, WARNING),
        (45, 6.7, CRITICAL),
        (64, 16.1, None),
        (64, 15.9, WARNING),
        (64, 9.5, CRITICAL),
        (90, 22.6, None),
        (90, 22.4, WARNING),
        (90, 13.4, CRITICAL),
        (398, 30.1, None),
        (398, 29.9, WARNING),
        (398, 15.1, WARNING),
        (398, 14.9, CRITICAL),
    ],
)
def test_expiring_by_lifetime(days, left, severity):
    found = [f for f in findings(tls(life(days, left))) if f.check == "expiring"]
    assert [f.severity for f in found] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("left", "severity"), [(14, None), (12.1, "overdue"), (11, WARNING), (4, CRITICAL)]
)
def test_a_late_provider_sets_its_own_spans(left, severity):
    found = findings(tls(life(90, left)), mode=Mode.PROVIDER)
    if severity == "overdue":
        assert [f.check for f in found] == ["renewal_overdue"]
    else:
        assert [(f.check, f.severity) for f in found] == (
            [("expiring", severity)] if severity else []
        )


def test_a_provider_without_a_habit_is_judged_by_fractions():
    assert provider("sendgrid").warning_in is None
    late = only(tls(life(90, 20)), mode=Mode.PROVIDER, provider="sendgrid")
    assert (late.check, late.severity) == ("expiring", WARNING)


def test_expiring_is_one_finding_about_the_worst_address():
    views = tls(life(90, 20)), tls(life(90, 5), SECOND), tls(life(90, 60), THIRD)
    finding = only(*views)
    assert finding.severity is CRITICAL
    assert finding.facts["addresses"] == [SECOND, views[0].address]
    assert finding.facts["seconds_left"] == 5 * 86400
    assert "5 days" in finding.summary
    assert SECOND in finding.summary


def test_expired_on_any_address():
    finding = only(tls(), tls(life(90, -3), SECOND))
    assert (finding.check, finding.severity) == ("expired", CRITICAL)
    assert finding.facts["addresses"] == [SECOND]
    assert finding.facts["not_after"] == "2026-05-29T12:00:00Z"
    assert finding.summary.endswith(f"expired 3 days ago, on 2026-05-29 12:00 UTC on {SECOND}")


def test_a_certificate_is_valid_through_its_last_second():
    assert codes(tls(life(90, 0))) == ["expiring"]
    end = NOW - timedelta(seconds=1)
    assert codes(tls(certificate(not_after=end))) == ["expired"]


@pytest.mark.parametrize(("minutes", "found"), [(4, []), (6, ["not_yet_valid"])])
def test_not_yet_valid_beyond_clock_skew(minutes, found):
    begin = NOW + timedelta(minutes=minutes)
    assert codes(tls(certificate(not_before=begin, not_after=begin + 90 * DAY))) == found


@pytest.mark.parametrize(
    ("days", "left", "mode", "found"),
    [
        (90, 25.6, Mode.ACME, []),
        (90, 25.4, Mode.ACME, ["renewal_overdue"]),
        (90, 22.4, Mode.ACME, ["expiring"]),
        (6, 2.8, Mode.ACME, []),
        (6, 2.6, Mode.ACME, ["renewal_overdue"]),
        (90, 25.4, Mode.CDN, []),
        (90, 25.4, Mode.PROXY, []),
        (90, -1, Mode.ACME, ["expired"]),
    ],
)
def test_renewal_overdue(days, left, mode, found):
    assert codes(tls(life(days, left)), mode=mode) == found


def test_name_mismatch_names_what_the_certificate_is_for():
    finding = only(tls(certificate("www.other.test")))
    assert (finding.check, finding.severity) == ("name_mismatch", CRITICAL)
    assert "www.other.test" in finding.summary
    assert NAME in finding.remedy
    assert finding.facts["sans"] == ["www.other.test"]


def test_a_subject_is_no_name_and_a_wildcard_is():
    assert codes(tls(certificate(sans=()))) == ["name_mismatch"]
    assert codes(tls(certificate("*.brand.test"))) == []


@pytest.mark.parametrize(
    ("leaf", "owner"),
    [
        (certificate("*.cloudfront.net"), "CloudFront"),
        (certificate("*.sendgrid.net"), "SendGrid"),
        (certificate("x.test", subject="CN=TRAEFIK DEFAULT CERT"), "Traefik"),
        (
            certificate("x", subject="O=Acme Co,CN=Kubernetes Ingress Controller Fake Certificate"),
            "ingress-nginx",
        ),
    ],
)
def test_default_certificates_are_known(leaf, owner):
    finding = only(tls(leaf))
    assert (finding.check, finding.severity) == ("default_certificate", CRITICAL)
    assert finding.facts["owner"] == owner


def test_what_is_served_without_a_name_is_the_default():
    leaf = certificate("www.other.test")
    default = AddressView(address=tls().address, default_leaf=leaf)
    assert codes(tls(leaf), addresses=(default,)) == ["default_certificate"]
    elsewhere = replace(default, address=SECOND)
    assert codes(tls(leaf), addresses=(elsewhere,)) == ["name_mismatch"]
    assert codes(tls(), addresses=(replace(default, default_leaf=certificate()),)) == []


def test_revoked():
    finding = only(tls(revocation=Revocation.REVOKED, revoked_at=NOW - DAY), mode=Mode.ACME)
    assert (finding.check, finding.severity) == ("revoked", CRITICAL)
    assert finding.facts["revoked_at"] == "2026-05-31T12:00:00Z"
    assert finding.remedy == f"run `certwatch renew {NAME} --force`"
    assert codes(tls(revocation=Revocation.UNKNOWN)) == []


def test_weak_key_of_the_leaf_or_an_intermediate_but_not_the_root():
    weak: dict[str, Any] = {"key": "RSA 1024", "key_bits": 1024}
    assert only(tls(certificate(**weak))).check == "weak_key"
    leaf, above, root = certificate(), certificate("ca", **weak), certificate("root", **weak)
    path = Path(TrustVerdict.TRUSTED, "", (leaf, above, root))
    assert only(tls(path=path)).facts["weak_subject"] == "CN=ca"
    assert codes(tls(path=replace(path, certificates=(leaf, root)))) == []


def test_weak_signature_of_the_leaf_or_an_intermediate_but_not_the_root():
    sha1 = {"signature": "sha1WithRSAEncryption"}
    assert only(tls(certificate(**sha1))).severity is WARNING
    leaf, above, root = certificate(), certificate("ca", **sha1), certificate("root", **sha1)
    path = Path(TrustVerdict.TRUSTED, "", (leaf, above, root))
    assert codes(tls(path=path)) == ["weak_signature"]
    assert codes(tls(path=replace(path, certificates=(leaf, root)))) == []


@pytest.mark.parametrize(
    ("days", "verdict", "found"),
    [
        (200, TrustVerdict.TRUSTED, ["lifetime_too_long"]),
        (199, TrustVerdict.TRUSTED, []),
        (398, TrustVerdict.UNTRUSTED, []),
    ],
)
def test_lifetime_too_long(days, verdict, found):
    begin = datetime(2026, 4, 1, tzinfo=UTC)
    leaf = certificate(not_before=begin, not_after=begin + days * DAY)
    assert codes(tls(leaf, path=Path(verdict, "", (leaf,)))) == found


@pytest.mark.parametrize(
    ("accept_ca", "found"),
    [
        ((), []),
        (("test ca",), []),
        (("Let's Encrypt", "TEST CA"), []),
        (("Let's Encrypt",), ["issuer_unexpected"]),
    ],
)
def test_issuer_unexpected(accept_ca, found):
    assert codes(accept_ca=accept_ca) == found
    nameless = certificate(issuer_organization="", issuer="CN=Test CA,C=DE")
    assert codes(tls(nameless), accept_ca=accept_ca) == found


def remembering(*leaves, looked=-1):
    return Memory(observed_at=NOW + looked * DAY, sightings=tuple(map(seen, leaves)))


OLD = certificate(fingerprint="old", sans=(NAME, "img.brand.test", "*.t.brand.test", "other.test"))


def test_san_lost_and_certificate_changed():
    lost, changed = findings(memory=remembering(OLD))
    assert (lost.check, changed.check) == ("san_lost", "certificate_changed")
    assert lost.facts["lost"] == ["img.brand.test", "*.t.brand.test"]
    assert changed.severity is Severity.INFO
    assert changed.facts["previous_fingerprint_sha256"] == "old"


def test_names_that_a_wildcard_covers_are_kept():
    leaf = certificate(sans=("*.brand.test", "*.t.brand.test"))
    assert codes(tls(leaf), memory=remembering(OLD)) == ["certificate_changed"]


def test_san_lost_compares_with_the_certificate_directly_before():
    now, between = certificate(), certificate(fingerprint="mid")
    assert codes(memory=remembering(now, between, OLD)) == []
    assert codes(memory=remembering(now, OLD, between)) == ["san_lost"]


def test_a_wrong_certificate_has_not_lost_names():
    wrong = certificate("www.other.test", fingerprint="wrong")
    found = codes(tls(wrong), memory=remembering(OLD))
    assert found == ["name_mismatch", "certificate_changed"]


def test_no_change_without_a_memory_or_where_an_address_had_it_already():
    assert codes() == []
    other = certificate(fingerprint="other")
    assert codes(memory=remembering(other, certificate())) == []


def test_a_return_to_an_earlier_certificate_is_a_change():
    mid = certificate(fingerprint="mid")
    memory = Memory(
        observed_at=NOW - DAY, sightings=(seen(mid), seen(certificate(), first=-60, last=-30))
    )
    assert codes(memory=memory) == ["certificate_changed"]


def test_mid_rollout_the_newest_certificate_is_compared():
    old, new = life(90, 20, fingerprint="old"), life(90, 89, fingerprint="new")
    found = codes(tls(old), tls(new, SECOND), memory=remembering(new, old))
    assert found == ["expiring"]


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"mode": Mode.ACME}, "run `certwatch renew click.brand.test --force`"),
        ({"mode": Mode.PROVIDER}, "ask SparkPost to put a new certificate"),
        ({"mode": Mode.CDN}, "at CloudFront, put a new certificate"),
        ({"mode": Mode.PROXY}, "on your proxy, put a new certificate"),
    ],
)
def test_remedies_say_who_must_act(options, start):
    assert only(tls(life(90, -1)), **options).remedy.startswith(start)


@pytest.mark.parametrize("days", [6, 45, 90])
def test_a_habit_does_not_alarm_about_shorter_lives(days):
    for left in (days * 0.99, days * 0.51):
        assert codes(tls(life(days, left)), mode=Mode.PROVIDER) == []
