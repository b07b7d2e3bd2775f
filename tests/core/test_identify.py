import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.identify import (
    Questions,
    host_port,
    identify_edge,
    identify_provider,
    infer_mode,
    own_origin,
    questions,
)
from certwatch.core.model import Mode, TrackingDomain
from tests.factories import CATALOG, CLOUDFRONT, HOST, NAME, answer, dns, observation, provider

CF = ("server", "cloudflare")
CF_NS = ("amy.ns.cloudflare.com", "bob.ns.cloudflare.com")


def domain(**declared):
    return TrackingDomain(name=NAME, **declared)


def provider_name(declared, view):
    found = identify_provider(declared, view, CATALOG)
    return found.name if found else None


def edge_name(declared, look):
    found = identify_edge(declared, look, CATALOG)
    return found.name if found else None


def test_a_declared_provider_wins_over_the_chain():
    assert provider_name(domain(provider="braze"), dns("sendgrid.net")) == "braze"


@pytest.mark.parametrize(
    ("declared", "chain", "name"),
    [
        ({}, ("sendgrid.net",), "sendgrid"),
        ({}, ("v2.spgo.io", "lb.example.net"), "sparkpost"),
        ({}, ("acme.et.e.sparkpost.com",), "sparkpost"),
        ({}, ("r.eu-central-1.awstrack.me",), "ses"),
        ({"cname": "eu.mailgun.org"}, (), "mailgun"),
        ({"origin": "track.customer.io:443"}, ("d1.cloudfront.net",), "customerio"),
        ({}, ("u123.wl.sendgrid.net",), None),
        ({}, ("d1.cloudfront.net",), None),
    ],
)
def test_a_provider_is_known_by_its_targets(declared, chain, name):
    assert provider_name(domain(**declared), dns(*chain)) == name


def test_an_edge_is_known_by_its_cname_suffix():
    assert edge_name(domain(), observation(dns=dns("brand.map.fastly.net"))) == "fastly"


def test_a_declared_edge_wins():
    assert edge_name(domain(edge="bunny"), observation()) == "bunny"


def test_the_cdn_behind_an_esp_is_not_the_customers_edge():
    look = observation(dns=dns("track.customer.io", "x.map.fastly.net"))
    assert edge_name(domain(), look) is None


def test_headers_tell_an_edge_that_answers_by_address():
    look = observation(dns=dns(nameservers=CF_NS), https=(answer(302, CF),))
    assert edge_name(domain(), look) == "cloudflare"


def test_the_edge_that_runs_the_zone_goes_before_the_one_behind_it():
    look = observation(dns=dns(nameservers=CF_NS), https=(answer(302, CLOUDFRONT, CF),))
    assert edge_name(domain(), look) == "cloudflare"


def test_headers_are_not_believed_at_the_esp_nor_behind_a_proxy():
    marked = (answer(302, CF),)
    assert edge_name(domain(), observation(dns=dns("sendgrid.net"), https=marked)) is None
    proxied = observation(dns=dns("proxy.brand.test"), https=marked)
    assert edge_name(domain(mode=Mode.PROXY), proxied) is None
    flattened = dns(declared_addresses=(HOST,))
    look = observation(dns=flattened, https=marked)
    assert edge_name(domain(cname="sendgrid.net"), look) is None


@pytest.mark.parametrize(
    ("declared", "chain", "mode"),
    [
        ({"mode": Mode.ACME}, ("d1.cloudfront.net",), Mode.ACME),
        ({}, ("d1.cloudfront.net",), Mode.CDN),
        ({"origin": "spgo.io:443"}, ("proxy.brand.test",), Mode.PROXY),
        ({}, ("v2.spgo.io",), Mode.PROVIDER),
        ({"cname": "t.mailjet.com"}, (), Mode.PROVIDER),
        ({}, ("spgo.io",), None),
        ({}, ("proxy.brand.test",), None),
        ({}, (), None),
    ],
)
def test_the_mode_follows_from_what_stands_in_front(declared, chain, mode):
    wanted, view = domain(**declared), dns(*chain)
    esp = identify_provider(wanted, view, CATALOG)
    front = identify_edge(wanted, observation(dns=view, https=()), CATALOG)
    assert infer_mode(wanted, view, esp, front) == mode


@pytest.mark.parametrize(
    ("declared", "chain", "asked"),
    [
        ({}, (), Questions()),
        ({"mode": Mode.ACME}, (), Questions(challenge=True)),
        (
            {"provider": "sparkpost"},
            ("d1.cloudfront.net",),
            Questions(probe_path="/f/a/b/c/d", origin=("spgo.io", 443, "https")),
        ),
        (
            {"provider": "sparkpost", "mode": Mode.CDN, "cname": "eu.v2.spgo.io"},
            ("d1.cloudfront.net",),
            Questions(probe_path="/f/a/b/c/d", origin=("eu.spgo.io", 443, "https")),
        ),
        (
            {"provider": "mailgun", "mode": Mode.PROXY},
            ("proxy.brand.test",),
            Questions(origin=("mailgun.org", 80, "http")),
        ),
        (
            {"provider": "mailgun", "origin": "127.0.0.4:8443"},
            (),
            Questions(origin=("127.0.0.4", 8443, "http")),
        ),
        ({"origin": "[2001:db8::1]:80"}, (), Questions(origin=("2001:db8::1", 80, "http"))),
        ({"origin": "origin.test"}, (), Questions(origin=("origin.test", 443, "https"))),
        ({"provider": "mailjet", "mode": Mode.PROVIDER}, ("t.mailjet.com",), Questions()),
        ({"provider": "braze", "mode": Mode.CDN}, (), Questions()),
    ],
)
def test_questions(declared, chain, asked):
    assert questions(domain(**declared), dns(*chain), CATALOG) == asked


def test_an_esp_that_sends_through_several_others_has_no_origin_of_its_own():
    assert own_origin(provider("braze"), "us") is None


@given(st.text())
def test_host_port_takes_any_text(text):
    host, port = host_port(text)
    assert isinstance(host, str)
    assert port is None or 0 <= port <= 99999
