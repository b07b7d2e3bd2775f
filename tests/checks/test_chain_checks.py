"""The chain checks on real chains: parsed, verified, judged."""

from dataclasses import replace

import pytest

from certwatch.checks import certificate, chain
from certwatch.checks.registry import checks_of, judge
from certwatch.core.model import Mode, Path, Severity, TlsView, TrustVerdict
from certwatch.lab.pki import Authority, life, rsa_key, self_signed
from tests.factories import HOST, NAME, NOW, observation, policy
from tests.pki import ISSUER, LONG, ROOT, STRANGER, issued, parsed, trust

CHECKS = (*checks_of(certificate), *checks_of(chain))
SECOND = "198.51.100.8"
GOOD = issued()
AIA = ROOT.intermediate("AIA CA", "Test Trust", LONG, issuer_url="http://x.test/ca.der")
DYING = ROOT.intermediate("Dying CA", "Test Trust", life(NOW, 900, 20))
EXPIRED = ROOT.intermediate("Old CA", "Test Trust", life(NOW, 900, -2))
RSA = ROOT.intermediate("RSA CA", "Test Trust", LONG, key=rsa_key(2048))
OLD_RSA = ROOT.intermediate("Old RSA CA", "Test Trust", life(NOW, 900, -2), key=rsa_key(2048))
LOWER = ISSUER.intermediate("Lower CA", "Test Trust", LONG)
DEEP = issued(by=LOWER)


def view(credential, address=HOST):
    served = parsed(credential)
    path = trust().verify(served, NOW)
    return TlsView(address=address, port=443, version="TLSv1.3", chain=served, path=path)


def findings(*credentials, **declared):
    views = tuple(map(view, credentials, (HOST, SECOND)))
    look = observation(tls=views)
    return judge(CHECKS, look, policy(look, **declared), NOW)


def codes(*credentials):
    return [finding.check for finding in findings(*credentials)]


def only(*credentials, **declared):
    (finding,) = findings(*credentials, **declared)
    return finding


@pytest.mark.parametrize("credential", [GOOD, DEEP, issued("*.brand.test"), issued(left=89)])
def test_good_chains_are_silent(credential):
    assert codes(credential) == []


def test_untrusted_names_the_root_that_is_missing():
    finding = only(issued(by=STRANGER))
    assert (finding.check, finding.severity) == ("untrusted", Severity.CRITICAL)
    assert "Strange Root" in finding.summary
    assert finding.facts["verdict"] == "untrusted"


def test_self_signed():
    made = self_signed(NAME, organization="Me", span=life(NOW, 90, 60))
    assert only(made).check == "self_signed"


def test_incomplete_names_the_missing_issuer_and_where_it_is():
    finding = only(issued(by=AIA).serving(), mode=Mode.PROXY)
    assert (finding.check, finding.severity) == ("chain_incomplete", Severity.CRITICAL)
    assert "CN=AIA CA,O=Test Trust" in finding.summary
    assert finding.facts["issuer_urls"] == ["http://x.test/ca.der"]
    assert finding.remedy.startswith("on your proxy, serve the full chain")


def test_a_lone_leaf_of_an_unknown_issuer_may_be_both():
    assert codes(GOOD.serving()) == ["untrusted", "chain_incomplete"]


def test_a_chain_that_is_broken_on_one_address_says_where():
    finding = only(GOOD, issued(by=AIA).serving())
    assert finding.facts["addresses"] == [SECOND]
    assert SECOND in finding.summary


def test_an_expired_intermediate_is_untrusted_by_name_and_date():
    finding = only(issued(by=EXPIRED))
    assert finding.check == "untrusted"
    assert "CN=Old CA,O=Test Trust expired on 2026-05-30" in finding.summary


@pytest.mark.parametrize(
    ("credential", "found"),
    [
        (RSA.issue(NAME, span=life(NOW, 90, 60), sha1=True), ["weak_signature"]),
        (issued(by=ROOT.intermediate("Small", "T", LONG, key=rsa_key(1024))), ["weak_key"]),
        (issued("x_y.brand.test"), ["name_mismatch", "untrusted"]),
        (
            OLD_RSA.issue(NAME, span=life(NOW, 90, 60), sha1=True),
            ["untrusted", "weak_signature"],
        ),
    ],
)
def test_untrusted_is_silent_where_another_check_tells_the_only_cause(credential, found):
    assert sorted(codes(credential)) == sorted(found)


def test_a_weak_address_does_not_hide_an_untrusted_one():
    weak = RSA.issue(NAME, span=life(NOW, 90, 60), sha1=True)
    found = {finding.check: finding for finding in findings(weak, issued(by=STRANGER))}
    assert set(found) == {"weak_signature", "untrusted"}
    assert found["untrusted"].facts["addresses"] == [SECOND]


def test_a_certificate_without_any_name_is_a_mismatch_alone():
    seen = view(GOOD)
    leaf = replace(seen.chain[0], sans=())
    path = Path(TrustVerdict.REJECTED, "no host", (leaf, *parsed(ISSUER)))
    look = observation(tls=(replace(seen, chain=(leaf, *seen.chain[1:]), path=path),))
    found = [finding.check for finding in judge(CHECKS, look, policy(look), NOW)]
    assert found == ["name_mismatch"]


@pytest.mark.parametrize(
    ("credential", "fault"),
    [
        (GOOD.serving(ISSUER.certificate, ROOT.certificate), "root"),
        (GOOD.serving(ISSUER.certificate, ISSUER.certificate), "twice"),
        (GOOD.serving(ISSUER.certificate, STRANGER.certificate), "unrelated"),
        (DEEP.serving(ISSUER.certificate, LOWER.certificate), "order"),
    ],
)
def test_untidy_chains_say_what_is_untidy(credential, fault):
    finding = only(credential)
    assert (finding.check, finding.severity) == ("chain_untidy", Severity.INFO)
    (told,) = finding.facts["faults"]
    assert fault in told
    assert told in finding.summary


def test_a_cross_signed_intermediate_is_tidy():
    other = Authority.root("Other Root", "Other", LONG)
    crossed = other.intermediate("Test CA 1", "Test Trust", LONG, key=ISSUER.key)
    assert codes(GOOD.serving(ISSUER.certificate, crossed.certificate)) == []


def test_an_intermediate_that_ends_before_the_leaf():
    finding = only(issued(by=DYING))
    assert (finding.check, finding.severity) == ("intermediate_expiring", Severity.WARNING)
    assert finding.facts["ends_at"] == "2026-06-21T12:00:00Z"
    assert codes(issued(by=DYING, days=40, left=19)) == []


def test_a_root_that_ends_before_the_leaf_is_no_fault():
    root = Authority.root("Short Root", "Test Trust", life(NOW, 900, 20))
    served = parsed(issued(by=root))
    path = trust(root).verify(served, NOW)
    assert path.verdict is TrustVerdict.TRUSTED
    look = observation(tls=(TlsView(address=HOST, port=443, chain=served, path=path),))
    assert judge(CHECKS, look, policy(look), NOW) == ()
