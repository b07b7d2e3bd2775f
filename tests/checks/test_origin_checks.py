from dataclasses import replace
from datetime import timedelta

import pytest

from certwatch.checks import origin as family
from certwatch.checks.answers import healthy
from certwatch.checks.registry import checks_of, judge
from certwatch.core.model import DnsStatus, Failure, Mode, Path, Severity, TrustVerdict
from tests.factories import (
    CLOUDFRONT,
    HSTS,
    NAME,
    NOW,
    answer,
    certificate,
    dns,
    no_tls,
    observation,
    origin,
    policy,
    provider,
    silence,
    tls,
)

CHECKS = checks_of(family)
LINK = f"https://{NAME}/f/a/token?target=offer"
ERROR = ("x-cache", "Error from cloudfront")
BAD_HOSTNAME = "<h1>Bad Hostname in Link</h1>"
WRONG_LINK = "<title>Wrong Link</title>"


def findings(changes, aliases=1, **declared):
    look = observation(**changes)
    return judge(CHECKS, look, policy(look, aliases, **declared), NOW)


def codes(changes, **declared):
    return [finding.check for finding in findings(changes, **declared)]


def only(changes, **declared):
    (finding,) = findings(changes, **declared)
    return finding


def sample(status=302, *headers, url=LINK, **changes):
    return answer(status, *headers, url=url, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"origin": origin()},
        {"sample": sample(302, ("location", "https://shop.example/"))},
        {"https": (), "tls": (no_tls(Failure.REFUSED),)},
    ],
)
def test_a_healthy_or_silent_host(changes):
    assert codes(changes) == []


DOWN = [
    origin(dns=DnsStatus.NXDOMAIN, address=None, tls=None, http=None),
    origin(tls=no_tls(Failure.REFUSED), http=None),
    origin(tls=no_tls(Failure.ALERT), http=None),
    origin(http=silence(Failure.TIMEOUT)),
    origin(http=answer(503)),
]


@pytest.mark.parametrize("view", DOWN)
def test_a_declared_origin_that_is_down(view):
    finding = only({"origin": view}, origin="spgo.io:443")
    assert (finding.check, finding.severity) == ("origin_down", Severity.CRITICAL)
    assert "spgo.io:443" in finding.summary


@pytest.mark.parametrize("view", DOWN)
def test_a_guessed_origin_counts_only_where_the_edge_has_trouble_too(view):
    assert codes({"origin": view}) == []
    assert codes({"origin": view, "https": (answer(502, ERROR),)}) == ["origin_down"]


@pytest.mark.parametrize(
    "view",
    [
        origin(dns=DnsStatus.UNREACHABLE, tls=None, http=None),
        origin(tls=no_tls(Failure.LOCAL), http=None),
        origin(tls=no_tls(Failure.FORBIDDEN), http=None),
    ],
)
def test_our_own_side_says_nothing_of_the_origin(view):
    assert codes({"origin": view}, origin="spgo.io:443") == []


@pytest.mark.parametrize(
    ("leaf", "verdict", "part"),
    [
        (
            certificate("spgo.io", not_after=NOW - timedelta(days=1)),
            "trusted",
            "expired on 2026-05",
        ),
        (certificate("other.test"), "trusted", "covers neither spgo.io nor click.brand.test"),
        (certificate("spgo.io"), "self_signed", "not trusted (self_signed)"),
    ],
)
def test_a_bad_certificate_of_the_origin(leaf, verdict, part):
    view = tls(leaf, path=Path(TrustVerdict(verdict), "", (leaf,)))
    finding = only({"origin": origin(tls=view)}, origin="spgo.io:443")
    assert (finding.check, finding.severity) == ("origin_certificate", Severity.CRITICAL)
    assert part in finding.summary


def test_the_origin_may_hold_the_tracking_domains_certificate():
    assert codes({"origin": origin(tls=tls(certificate(NAME)))}, origin="spgo.io:443") == []


def test_what_the_edge_says_of_its_origin():
    assert codes({"https": (answer(502, CLOUDFRONT, ERROR),)}) == ["origin_certificate"]
    assert codes({"https": (answer(504, CLOUDFRONT, ERROR),)}) == ["origin_down"]


def test_the_origin_itself_knows_better_than_the_edge():
    look = {"https": (answer(502, CLOUDFRONT, ERROR),), "origin": DOWN[1]}
    assert codes(look, origin="spgo.io:443") == ["origin_down"]


def test_a_gateway_error_of_an_unknown_proxy():
    look = {"dns": dns("proxy.brand.test"), "https": (answer(502, body="502 Bad Gateway"),)}
    assert codes(look, mode=Mode.PROXY) == ["origin_down"]


def test_a_host_that_the_esp_does_not_see():
    look = {"https": (answer(404, body=BAD_HOSTNAME),)}
    finding = only(look, provider="sendgrid")
    assert (finding.check, finding.severity) == ("host_not_forwarded", Severity.CRITICAL)
    assert finding.remedy == f"let CloudFront send the Host header {NAME} to the origin"


def test_the_page_is_known_without_knowing_the_provider():
    assert codes({"sample": sample(404, body=BAD_HOSTNAME)}, provider=None) == [
        "host_not_forwarded"
    ]


def test_a_domain_that_the_esp_itself_does_not_know():
    page = answer(404, body=BAD_HOSTNAME)
    direct = {"https": (page,), "origin": origin(http=page)}
    assert codes(direct, provider="sendgrid") == ["round_trip_failed"]
    managed = {"dns": dns("click.sendgrid.net"), "https": (page,)}
    assert codes(managed, provider="sendgrid") == ["round_trip_failed"]


def test_a_wrong_link_counts_with_a_real_link_only():
    page = answer(404, body=WRONG_LINK)
    assert codes({"https": (page,)}, provider="sendgrid") == []
    finding = only({"https": (page,), "sample": sample(404, body=WRONG_LINK)}, provider="sendgrid")
    assert (finding.check, finding.severity) == ("wrong_link", Severity.CRITICAL)
    assert "token" not in str(finding.facts["url"].partition("?")[2])


@pytest.mark.parametrize(
    "view",
    [
        sample(200, url=f"https://{NAME}/f/a/token"),
        sample(404, url=f"https://{NAME}/f/a/token"),
        sample(200, body="welcome"),
        sample(500),
        sample(302, ("location", f"https://{NAME}/login")),
        silence(Failure.TIMEOUT, LINK),
    ],
)
def test_a_sample_link_that_does_not_come_back(view):
    finding = only({"sample": view})
    assert (finding.check, finding.severity) == ("round_trip_failed", Severity.CRITICAL)


def test_a_sample_link_that_was_not_asked_for_a_reason_of_ours():
    assert codes({"sample": silence(Failure.LOCAL, LINK)}) == []


def test_a_probe_path_that_reaches_somebody_else():
    finding = only({"https": (answer(200, HSTS, body="welcome"),)})
    assert finding.check == "round_trip_failed"
    assert "not SparkPost" in finding.summary
    assert codes({"https": (answer(200),)}, provider="mailgun") == []
    assert codes({"https": (answer(500),)}, provider="mailgun") == ["round_trip_failed"]


def test_a_healthy_answer_may_need_a_header():
    row = replace(provider("sparkpost"), healthy_header=("server", "msys-http"))
    assert healthy(row, answer(302, ("server", "msys-http")))
    assert not healthy(row, answer(302))
    assert not healthy(row, answer(200, ("server", "msys-http")))
    assert not healthy(row, silence(Failure.EOF))


def test_a_working_sample_link_proves_more_than_the_probe_path():
    good = sample(302, ("location", "https://shop.example/"))
    assert codes({"https": (answer(200),), "sample": good}) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"dns": dns("web.brand.test"), "https": (answer(200),)},
        {"https": (answer(403, ERROR, body="Bad request"),)},
        {"https": (answer(301, ("location", f"https://{NAME}/f/a/b/c/d")),)},
    ],
)
def test_a_round_trip_whose_failure_has_its_own_finding(changes):
    assert codes(changes, cname="d1.cloudfront.net") == []


def test_a_dropped_query_behind_a_wrong_record_is_not_told_apart():
    look = {"dns": dns("web.brand.test"), "sample": sample(404)}
    assert codes(look, cname="d1.cloudfront.net") == []


@pytest.mark.parametrize("view", [sample(302), sample(400), sample(404, body="no such link")])
def test_a_query_that_is_dropped(view):
    finding = only({"sample": view})
    assert (finding.check, finding.severity) == ("query_dropped", Severity.WARNING)


def test_a_provider_of_unknown_habits_is_proven_by_its_origin():
    welcome = answer(200, body="ok")
    look = {"https": (welcome,), "sample": sample(200, body="ok")}
    assert codes(look, provider="ses") == ["round_trip_failed"]
    look["origin"] = origin(http=welcome)
    assert codes(look, provider="ses") == ["query_dropped"]


@pytest.mark.parametrize(("aliases", "expected"), [(89, []), (90, ["alias_limit"])])
def test_a_target_that_fills_up(aliases, expected):
    assert codes({}, aliases=aliases) == expected
    assert codes({"dns": dns("x.fastly.net"), "https": (answer(302),)}, aliases=aliases) == []
