"""Whatever the network sends, the checks of DNS, edge and origin judge it: no exception, and facts
that are JSON."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from certwatch.checks import dns, edge, origin
from certwatch.checks.ours import clock_offset, is_dark
from certwatch.checks.registry import checks_of
from certwatch.core.model import (
    AddressView,
    CaaView,
    Certificate,
    DnsStatus,
    DnsView,
    Hop,
    HttpView,
    Observation,
    OriginView,
    Path,
    TlsView,
    TrackingDomain,
    Trouble,
)
from tests.factories import NAME, NOW, policy

CHECKS = (*checks_of(dns), *checks_of(edge), *checks_of(origin))
NAMES = (
    NAME, "brand.test", "click.brand.test.brand.test", "d1.cloudfront.net", "spgo.io", "v2.spgo.io",
    "eu.v2.spgo.io", "sendgrid.net", "sendgrid.net.brand.test", "amy.ns.cloudflare.com", "x.test",
)  # fmt: skip
URLS = (
    f"https://{NAME}/f/a/b/c/d?x=1",
    f"http://{NAME}/",
    "https://spgo.io/",
    "https://[",
    "//x:y/",
)
HEADERS = (
    ("location", f"https://{NAME}/"), ("location", f"http://{NAME}/f/a/b/c/d?x=1"),
    ("age", "99999"), ("age", "²"), ("date", "Mon, 01 Jun 2026 11:59:00 GMT"), ("date", "x" * 99),
    ("x-cache", "HIT"),
    ("strict-transport-security", "max-age=1; includeSubDomains"), ("public-key-pins", ""),
    ("server", "cloudflare"), ("x-amz-cf-id", ""),
)  # fmt: skip
BODIES = ("", "Wrong Link", "Bad Hostname in Link", "error code: 1014", "Bad request")

text = st.text(max_size=20)
name = st.sampled_from(NAMES) | text
names = st.lists(name, max_size=3).map(tuple)
instant = st.datetimes().map(lambda at: at.replace(tzinfo=UTC))
url = st.sampled_from(URLS) | text
location = url | st.sampled_from(("/", "//", "?", "https://x:99999999/", "http://[::1"))
header = st.sampled_from(HEADERS) | st.tuples(st.just("location"), location) | st.tuples(text, text)
status = st.none() | st.sampled_from((200, 301, 302, 403, 404, 502, 521, 526, 530)) | st.integers()
trouble = st.none() | st.builds(Trouble)
hop = st.builds(Hop, url=url, location=location)
answer = st.builds(
    HttpView,
    url=url,
    trouble=trouble,
    status=status,
    headers=st.lists(header, max_size=4).map(tuple),
    body=st.sampled_from(BODIES) | text,
    hops=st.lists(hop, max_size=6).map(tuple),
)
answers = st.lists(answer, max_size=2).map(tuple)
leaf = st.builds(Certificate, sans=names, not_before=instant, not_after=instant)
handshake = st.builds(
    TlsView,
    trouble=trouble,
    chain=st.lists(leaf, max_size=1).map(tuple),
    path=st.none() | st.builds(Path, certificates=st.just(())),
    revoked_at=st.none(),
)
caa = st.builds(
    CaaView,
    found_at=st.none() | name,
    records=st.lists(
        st.tuples(
            st.integers(0, 255),
            st.sampled_from(("issue", "ISSUE", "iodef", "x")) | text,
            st.sampled_from(("letsencrypt.org", ";", "letsencrypt.org; validationmethods=")) | text,
        ),
        max_size=3,
    ).map(tuple),
)
view = st.builds(
    DnsView,
    status=st.sampled_from(DnsStatus),
    cname_chain=names,
    addresses=names,
    zone=st.none() | name,
    nameservers=names,
    caa=caa,
    declared_addresses=names,
    appended=st.none() | name,
)
look = st.builds(
    Observation,
    domain=st.just(NAME),
    observed_at=instant,
    dns=view,
    tls=st.lists(handshake, max_size=2).map(tuple),
    addresses=st.lists(st.builds(AddressView, default_leaf=st.none()), max_size=1).map(tuple),
    https=answers,
    http=answers,
    challenge=answers,
    repeat=st.none() | answer,
    sample=st.none() | answer,
    parent=st.none() | answer,
    origin=st.none()
    | st.builds(
        OriginView, host=name, tls=st.none() | handshake, http=st.none() | answer, scheme=text
    ),
)
declared = st.builds(
    TrackingDomain,
    name=st.just(NAME),
    provider=st.sampled_from((None, "sparkpost", "sendgrid", "jangomail", "braze", "gone")),
    edge=st.sampled_from((None, "cloudflare", "cloudfront", "google", "gone")),
    origin=st.none() | st.sampled_from(("spgo.io:443", "[::1]:80", ":", "eu.spgo.io")),
    cname=st.none() | name,
    sample_link=st.none(),
)


@settings(max_examples=150)
@given(look, declared)
def test_every_look_is_judged(seen, domain):
    rules = policy(seen, **{key: value for key, value in asdict(domain).items() if key != "name"})
    for check in CHECKS:
        for problem in check.judge(seen, rules, NOW):
            assert problem.summary
            assert problem.remedy
            assert len(problem.summary) < 2000
            json.dumps(dict(problem.facts))
    assert isinstance(is_dark(seen), bool)
    assert all(
        isinstance(at, datetime)
        for at in (seen.observed_at - o for o in clock_offset(seen).values())
    )
