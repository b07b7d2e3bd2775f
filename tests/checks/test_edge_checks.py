from dataclasses import replace

import pytest

from certwatch.checks import edge as family
from certwatch.checks.registry import checks_of, judge
from certwatch.core.model import DnsStatus, Failure, Hop, Mode, Severity
from tests.factories import (
    CLOUDFRONT,
    HOST,
    HSTS,
    NAME,
    NOW,
    answer,
    certificate,
    dns,
    no_tls,
    observation,
    policy,
    silence,
    tls,
    upgrade,
)

CHECKS = checks_of(family)
PROBE = f"https://{NAME}/f/a/b/c/d"
PLAIN = f"http://{NAME}/f/a/b/c/d"
CHALLENGE = f"http://{NAME}/.well-known/acme-challenge/certwatch-probe"


def findings(changes, **declared):
    look = observation(**changes)
    return judge(CHECKS, look, policy(look, **declared), NOW)


def codes(changes, **declared):
    return [finding.check for finding in findings(changes, **declared)]


def only(changes, **declared):
    (finding,) = findings(changes, **declared)
    return finding


def moved(to, **changes):
    return answer(302, HSTS, ("location", to), **changes)


def test_a_healthy_look_is_silent():
    assert codes({}) == []


def test_a_name_unknown_to_the_edge_is_one_finding():
    error = ("x-cache", "Error from cloudfront")
    both = {
        "https": (answer(403, CLOUDFRONT, error, body="Bad request"),),
        "http": (answer(403, CLOUDFRONT, error, body="Bad request", url=PLAIN),),
    }
    assert codes(both) == ["edge_misconfigured"]


def test_the_edges_own_error_page():
    error = answer(500, body="Fastly error: unknown domain: click.brand.test")
    finding = only({"dns": dns("x.fastly.net"), "https": (error,)})
    assert (finding.check, finding.severity) == ("edge_misconfigured", Severity.CRITICAL)
    assert finding.remedy.startswith("at Fastly: add the name")
    assert finding.facts == {"edge": "fastly", "status": 500, "addresses": [HOST]}


def test_an_error_page_on_port_80_counts_only_without_https():
    page = answer(
        403, CLOUDFRONT, ("x-cache", "Error from cloudfront"), url=PLAIN, body="Bad request"
    )
    assert codes({"http": (page,)}) == ["http_not_redirected"]
    broken = {"http": (page,), "https": (), "tls": (no_tls(Failure.ALERT),)}
    assert "edge_misconfigured" in codes(broken)


@pytest.mark.parametrize(
    ("view", "part"),
    [
        (answer(200, url=PLAIN), "answers 200"),
        (answer(302, url=PLAIN), "answers 302"),
        (upgrade(f"https://{NAME}/"), "path or query is lost"),
        (upgrade(f"{PROBE}?x=1"), "path or query is lost"),
        (upgrade(f"https://{NAME}:8443/f/a/b/c/d"), "port 8443"),
        (upgrade(PLAIN.replace("/f/", "/g/")), "http again"),
        (upgrade("https://["), "answers 301"),
    ],
)
def test_port_80_that_does_not_lead_to_https(view, part):
    finding = only({"http": (view,)})
    assert (finding.check, finding.severity) == ("http_not_redirected", Severity.WARNING)
    assert part in finding.summary


def test_port_80_may_answer_a_click_at_once():
    elsewhere = "https://shop.example/"
    look = {"http": (upgrade(elsewhere),), "https": (moved(elsewhere),)}
    assert codes(look) == ["http_not_redirected"]


def test_a_relative_redirect_stays_on_http():
    view = answer(301, ("location", "/other"), url=PLAIN)
    assert codes({"http": (view,)}) == ["http_not_redirected"]


def test_what_is_broken_on_both_ports_is_not_a_missing_redirect():
    assert codes({"http": (answer(503, url=PLAIN),), "https": (answer(503),)}) == []


def test_port_80_that_leads_to_another_host():
    finding = only({"http": (upgrade("https://www.brand.test/"),)})
    assert (finding.check, finding.severity) == ("redirect_off_host", Severity.WARNING)


def test_where_https_is_silent_the_providers_own_redirect_is_known_by_its_status():
    broken = {"https": (), "tls": (no_tls(Failure.ALERT),)}
    clicked = upgrade("https://shop.example/", status=302)
    assert codes({**broken, "http": (clicked,)}) == ["http_not_redirected"]
    moved_away = upgrade("https://shop.example/", status=301)
    assert codes({**broken, "http": (moved_away,)}) == ["redirect_off_host"]


def test_a_forwarding_rule_to_the_esp():
    assert codes({"https": (moved("https://spgo.io/f/a/b/c/d"),)}) == ["redirect_off_host"]
    assert codes({"https": (moved("https://shop.example/"),)}) == []


def test_a_redirect_to_itself():
    finding = only({"https": (moved(PROBE),)})
    assert (finding.check, finding.severity) == ("redirect_loop", Severity.CRITICAL)


@pytest.mark.parametrize(
    "hops",
    [
        (Hop(PROBE, 302, "/b"), Hop(f"https://{NAME}/b", 302, "/f/a/b/c/d")),
        tuple(Hop(f"https://{NAME}/{n}", 302, f"/{n + 1}") for n in range(5)),
    ],
)
def test_redirects_that_do_not_end(hops):
    assert codes({"https": (answer(302, HSTS, hops=hops),)}) == ["redirect_loop"]


def test_one_redirect_on_the_host_is_no_loop():
    view = answer(302, HSTS, hops=(Hop(PROBE, 302, "/b"),))
    assert codes({"https": (view,)}) == []


def test_ping_pong_between_http_and_https():
    assert codes({"https": (moved(PLAIN),)}) == ["redirect_loop"]


def test_a_sample_link_that_loops():
    url = f"https://{NAME}/c/1"
    assert codes({"sample": moved(url, url=url)}) == ["redirect_loop"]


DEAD = [Failure.REFUSED, Failure.TIMEOUT, Failure.EOF, Failure.RESET, Failure.MALFORMED]


@pytest.mark.parametrize("kind", DEAD)
def test_a_closed_port_80(kind):
    finding = only({"http": (silence(kind),)})
    assert (finding.check, finding.severity) == ("http80_closed", Severity.WARNING)
    assert finding.facts["failures"] == {HOST: kind.value}


@pytest.mark.parametrize(
    "changes",
    [
        {"http": (silence(Failure.LOCAL),)},
        {"http": (silence(Failure.REFUSED),), "https": (silence(Failure.EOF),)},
        {"http": (silence(Failure.REFUSED), upgrade())},
        {"http": (silence(Failure.REFUSED),), "tls": (no_tls(Failure.REFUSED),), "https": ()},
    ],
)
def test_port_80_is_not_said_to_be_closed(changes):
    assert codes(changes) == []


@pytest.mark.parametrize(
    "view",
    [
        silence(Failure.REFUSED, CHALLENGE),
        silence(Failure.EOF, CHALLENGE),
        answer(403, url=CHALLENGE),
        answer(503, url=CHALLENGE),
        answer(302, ("location", "https://login.example/"), url=CHALLENGE),
        answer(302, ("location", f"https://{NAME}:8443/x"), url=CHALLENGE),
        answer(302, ("location", CHALLENGE), url=CHALLENGE),
    ],
)
def test_a_challenge_path_that_the_ca_cannot_reach(view):
    finding = only({"challenge": (view,)}, mode=Mode.ACME)
    assert (finding.check, finding.severity) == ("challenge_blocked", Severity.CRITICAL)


def test_the_remedy_names_the_port_that_was_asked():
    look = observation(challenge=(answer(403, url=CHALLENGE),))
    (finding,) = judge(CHECKS, look, replace(policy(look, mode=Mode.ACME), http_port=8080), NOW)
    assert "on port 8080" in finding.remedy


@pytest.mark.parametrize("view", [answer(404, url=CHALLENGE), answer(200, url=CHALLENGE)])
def test_a_challenge_path_in_reach(view):
    assert codes({"challenge": (view,)}, mode=Mode.ACME) == []


def test_the_challenge_matters_in_mode_acme_only():
    assert codes({"challenge": (answer(403, url=CHALLENGE),)}, mode=Mode.CDN) == []


def test_a_closed_port_80_is_the_challenges_problem_in_mode_acme():
    closed = {"http": (silence(Failure.REFUSED),), "challenge": (silence(Failure.REFUSED),)}
    assert codes(closed, mode=Mode.ACME) == ["challenge_blocked"]


def test_a_host_that_is_wholly_down_is_no_challenge_problem():
    down = {
        "tls": (no_tls(Failure.REFUSED),),
        "https": (),
        "http": (silence(Failure.REFUSED),),
        "challenge": (silence(Failure.REFUSED),),
    }
    assert codes(down, mode=Mode.ACME) == []


@pytest.mark.parametrize("value", [None, "max-age=0", "max-age=x", "includeSubDomains", ""])
def test_no_hsts(value):
    headers = [("strict-transport-security", value)] if value is not None else []
    finding = only({"https": (answer(302, *headers),)})
    assert (finding.check, finding.severity) == ("hsts_missing", Severity.INFO)


@pytest.mark.parametrize("value", ["max-age=1", 'Max-Age="31536000" ; includeSubDomains'])
def test_hsts(value):
    assert codes({"https": (answer(302, ("strict-transport-security", value)),)}) == []


def parent(value):
    header = ("strict-transport-security", value)
    return answer(200, header, url="https://brand.test/")


@pytest.mark.parametrize(
    "view",
    [
        no_tls(Failure.ALERT),
        tls(certificate(not_after=NOW.replace(year=2025))),
        tls(certificate("other.test")),
    ],
)
def test_a_parent_that_demands_https(view):
    broken = {"tls": (view,), "https": (), "parent": parent("max-age=9; includeSubDomains")}
    finding = only(broken)
    assert (finding.check, finding.severity) == ("hsts_conflict", Severity.CRITICAL)
    assert codes({**broken, "parent": parent("max-age=9")}) == []
    assert codes({**broken, "tls": (tls(), view)}) == []


def test_pins():
    view = answer(302, HSTS, ("public-key-pins", "pin-sha256=x"))
    finding = only({"https": (view,)})
    assert (finding.check, finding.severity) == ("hpkp_present", Severity.INFO)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((("age", "4711"), ("x-cache", "HIT")), ["caching_redirects"]),
        ((("age", "11"),), ["caching_redirects"]),
        ((("cf-cache-status", "HIT"),), ["caching_redirects"]),
        ((("age", "3"), ("x-cache", "Hit from cloudfront")), []),
        ((("age", "0"), ("x-cache", "Miss from cloudfront")), []),
        ((("age", "many"),), []),
        ((), []),
    ],
)
def test_redirects_from_a_cache(headers, expected):
    assert codes({"repeat": answer(302, *headers)}) == expected
    assert codes({"repeat": answer(200, *headers)}) == []


def test_a_region_is_not_judged_without_an_answer_of_dns():
    view = dns("v2.spgo.io", status=DnsStatus.SERVFAIL, addresses=())
    assert codes({"dns": view}, cname="eu.v2.spgo.io", mode=Mode.PROVIDER) == []
