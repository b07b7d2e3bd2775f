from datetime import timedelta

import pytest

from certwatch.checks import dns as family
from certwatch.checks.edge import wrong_region
from certwatch.checks.registry import checks_of, judge
from certwatch.core.model import CaaView, DnsStatus, Mode, Severity
from tests.factories import (
    CLOUDFRONT,
    HOST,
    HSTS,
    NAME,
    NOW,
    answer,
    certificate,
    dns,
    observation,
    policy,
    tls,
)

CHECKS = (*checks_of(family), wrong_region)
CF = ("server", "cloudflare")
CF_NS = ("amy.ns.cloudflare.com",)
NXDOMAIN = DnsStatus.NXDOMAIN


def gone(*chain, status=NXDOMAIN, **changes):
    return dns(*chain, status=status, addresses=(), **changes)


def findings(view, *, headers=(), leaf=None, **declared):
    look = observation(
        dns=view, https=(answer(302, HSTS, *headers),), tls=(tls(leaf or certificate()),)
    )
    return judge(CHECKS, look, policy(look, **declared), NOW)


def codes(view, **options):
    return [finding.check for finding in findings(view, **options)]


def only(view, **options):
    (finding,) = findings(view, **options)
    return finding


@pytest.mark.parametrize(
    ("view", "options"),
    [
        (dns("d1.cloudfront.net"), {"headers": (CLOUDFRONT,)}),
        (dns("d1.cloudfront.net"), {"cname": "d1.cloudfront.net"}),
        (dns("alias.brand.test", "d1.cloudfront.net"), {"cname": "d1.cloudfront.net"}),
        (dns("v2.spgo.io"), {"mode": Mode.PROVIDER}),
        (dns("v2.spgo.io"), {"mode": Mode.ACME}),
        (dns("proxy.brand.test"), {"mode": Mode.ACME, "origin": "spgo.io:443"}),
        (dns("proxy.brand.test"), {"mode": Mode.PROXY}),
        (dns("track.customer.io", "x.fastly.net"), {"provider": "customerio"}),
        (dns("own.klaviyo.test"), {"provider": "klaviyo", "mode": Mode.PROVIDER}),
        (dns(nameservers=CF_NS), {"headers": (CF,)}),
        (dns(nameservers=CF_NS), {"edge": "cloudflare", "cname": "old.test"}),
        (dns(), {"edge": "google", "mode": Mode.CDN}),
        (dns(), {"mode": Mode.PROXY}),
        (dns("saas.vendor.test"), {"edge": "cloudflare", "headers": (CF,)}),
        (dns(f"{NAME}.cdn.cloudflare.net"), {"edge": "cloudflare"}),
    ],
)
def test_healthy(view, options):
    assert codes(view, **options) == []


@pytest.mark.parametrize("status", [NXDOMAIN, DnsStatus.EMPTY])
def test_no_record_at_all(status):
    finding = only(gone(status=status), mode=Mode.PROVIDER)
    assert finding.check == "cname_missing"
    assert finding.severity is Severity.CRITICAL
    assert finding.remedy == f"set CNAME {NAME} -> v2.spgo.io"


def test_the_remedy_names_the_declared_target_or_says_who_knows_it():
    assert (
        only(gone(), cname="d1.cloudfront.net").remedy == f"set CNAME {NAME} -> d1.cloudfront.net"
    )
    assert only(gone(), mode=Mode.CDN).remedy.endswith("the target that SparkPost gave you")
    assert only(gone(), edge="bunny").remedy.endswith("the target that bunny.net gave you")
    assert "your provider or CDN gave you" in only(gone(), provider=None).remedy


@pytest.mark.parametrize(
    "declared",
    [{"cname": "v2.spgo.io"}, {"mode": Mode.PROVIDER}, {"mode": Mode.ACME}],
)
def test_addresses_instead_of_a_cname(declared):
    assert codes(dns(), **declared) == ["cname_missing"]


def test_an_orange_cloud_over_a_providers_domain_is_no_cname():
    view = dns(nameservers=CF_NS)
    assert codes(view, headers=(CF,), cname="v2.spgo.io", mode=Mode.PROVIDER) == ["cname_missing"]


def test_a_flattened_cname_is_only_told():
    finding = only(dns(declared_addresses=(HOST, "192.0.2.9")), cname="v2.spgo.io")
    assert (finding.check, finding.severity) == ("cname_flattened", Severity.INFO)


@pytest.mark.parametrize(
    "status",
    [
        DnsStatus.SERVFAIL,
        DnsStatus.REFUSED,
        DnsStatus.TIMEOUT,
        DnsStatus.MALFORMED,
        DnsStatus.UNREACHABLE,
    ],
)
@pytest.mark.parametrize("chain", [(), ("d1.cloudfront.net",)])
def test_nameservers_that_fail(status, chain):
    finding = only(gone(*chain, status=status), cname="d2.cloudfront.net")
    assert finding.check == "dns_failed"
    assert finding.facts["status"] == status.value


def test_a_cname_elsewhere():
    finding = only(dns("d2.cloudfront.net"), cname="d1.cloudfront.net")
    assert finding.check == "cname_wrong"
    assert finding.remedy == f"set CNAME {NAME} -> d1.cloudfront.net"
    assert codes(dns("sendgrid.net"), mode=Mode.PROVIDER) == ["cname_wrong"]
    assert codes(dns("web.brand.test"), mode=Mode.ACME) == ["cname_wrong"]


def test_another_region_is_told_as_such():
    finding = only(dns("v2.spgo.io"), cname="eu.v2.spgo.io", mode=Mode.PROVIDER)
    assert (finding.check, finding.severity) == ("wrong_region", Severity.WARNING)
    assert finding.facts["wanted"] == "eu"
    assert codes(dns("eu.v2.spgo.io"), origin="spgo.io:443", mode=Mode.PROVIDER) == ["wrong_region"]


@pytest.mark.parametrize("mode", [Mode.CDN, Mode.PROXY])
def test_past_the_cdn(mode):
    finding = only(dns("spgo.io", "lb.example.net"), mode=mode, cname="d1.cloudfront.net")
    assert finding.check == "cname_to_provider"
    assert finding.remedy == f"set CNAME {NAME} -> d1.cloudfront.net"
    assert "target of your" in only(dns("eu.spgo.io"), mode=mode).remedy


def test_any_esps_target_counts():
    assert codes(dns("sendgrid.net"), provider="braze", mode=Mode.CDN) == ["cname_to_provider"]


@pytest.mark.parametrize("status", [NXDOMAIN, DnsStatus.EMPTY])
def test_a_target_that_nobody_holds(status):
    finding = only(gone("d1.cloudfront.net", status=status), cname="d2.cloudfront.net")
    assert finding.check == "cname_dangling"
    assert "d2.cloudfront.net" in finding.remedy


def test_a_target_that_the_edge_does_not_know():
    look = observation(
        dns=dns("brand.netlify.app"), https=(answer(404, body="Not Found - Request ID: 01J"),)
    )
    (finding,) = judge(CHECKS, look, policy(look), NOW)
    assert finding.check == "cname_dangling"
    assert finding.facts["edge"] == "netlify"


def test_a_loop():
    assert codes(gone("a.test", "b.test", status=DnsStatus.LOOP)) == ["cname_loop"]


@pytest.mark.parametrize("cname", ["x.example.net", None])
def test_a_record_entered_below_the_zone_twice(cname):
    finding = only(gone(appended=f"{NAME}.brand.test"), cname=cname)
    assert finding.check == "zone_appended"
    assert "'click'" in finding.remedy


@pytest.mark.parametrize(
    ("target", "declared"),
    [
        ("v2.spgo.io.brand.test", {}),
        ("d1.cloudfront.net.brand.test", {}),
        ("own.example.net.brand.test", {"cname": "own.example.net"}),
    ],
)
@pytest.mark.parametrize("make", [dns, gone])
def test_a_target_with_the_zone_at_its_end(make, target, declared):
    finding = only(make(target), **declared)
    assert finding.check == "zone_appended"
    assert finding.remedy.endswith(f"-> {target.removesuffix('brand.test')}")


def test_a_target_of_the_own_zone_is_fine():
    assert codes(dns("proxy.brand.test"), mode=Mode.PROXY, cname="proxy.brand.test") == []


def test_a_zone_that_was_not_delegated():
    finding = only(dns(), edge="cloudflare")
    assert (finding.check, finding.severity) == ("ns_wrong", Severity.WARNING)
    assert codes(dns(nameservers=()), edge="cloudflare") == []


def blocked(*records, status=DnsStatus.OK, days_left=45, mode=Mode.PROVIDER):
    caa = CaaView(status=status, found_at="brand.test", records=records)
    leaf = certificate(not_after=NOW + timedelta(days=days_left))
    return findings(dns("v2.spgo.io", caa=caa), mode=mode, leaf=leaf)


def test_caa_that_forbids_the_renewal():
    (finding,) = blocked((0, "issue", "digicert.com"))
    assert (finding.check, finding.severity) == ("caa_blocks", Severity.WARNING)
    assert finding.remedy == 'add the record brand.test CAA 0 issue "letsencrypt.org"'


@pytest.mark.parametrize("days_left", [-1, 20])
def test_caa_is_critical_once_a_renewal_is_due(days_left):
    (finding,) = blocked((0, "issue", ";"), days_left=days_left)
    assert finding.severity is Severity.CRITICAL


@pytest.mark.parametrize("status", [DnsStatus.SERVFAIL, DnsStatus.TIMEOUT, DnsStatus.REFUSED])
def test_caa_that_cannot_be_read(status):
    (finding,) = blocked(status=status)
    assert finding.check == "caa_blocks"


def test_caa_that_permits():
    assert not blocked((0, "issue", "letsencrypt.org"))
    assert not blocked(status=DnsStatus.NXDOMAIN)
    assert not blocked(status=DnsStatus.UNREACHABLE)


def test_caa_of_a_cdns_domain_is_not_judged_without_knowing_its_ca():
    caa = CaaView(status=DnsStatus.OK, records=((0, "issue", ";"),))
    assert codes(dns("d1.cloudfront.net", caa=caa)) == []
