"""Hypothesis strategies for the values of ``certwatch.core``: all that a hostile world can fill in.

What is an enum is complete, instants are any aware UTC, texts are arbitrary but sometimes the words
that code looks for. ``observations`` are about ``tests.factories.NAME``.
"""

from datetime import UTC, timedelta

from hypothesis import strategies as st

from certwatch.core.model import (
    AddressView,
    CaaView,
    Certificate,
    DnsStatus,
    DnsView,
    Failure,
    Hop,
    HttpView,
    Memory,
    Mode,
    Observation,
    OriginView,
    Path,
    Revocation,
    Sighting,
    TlsView,
    TrackingDomain,
    Trouble,
    TrustVerdict,
)
from certwatch.core.policy import Policy, Thresholds
from tests.factories import CATALOG, NAME

HOSTILE = ("<script>alert(1)</script>", "=cmd()", "\x1b[31mred", "a\u202eb", "x" * 2000, "")
ADDRESSES = ("192.0.2.1", "192.0.2.2", "2001:db8::1", "(inspected)")

texts = st.text(max_size=20) | st.sampled_from(HOSTILE)
instants = st.datetimes().map(lambda at: at.replace(tzinfo=UTC))
hosts = st.sampled_from((NAME, "*.brand.test", "*.cloudfront.net", "sendgrid.net", "192.0.2.1"))
dns_names = hosts | texts
addresses = st.sampled_from(ADDRESSES)
distinguished_names = texts | st.sampled_from(("CN=TRAEFIK DEFAULT CERT", "CN=A,O=B", "CN=R"))


def tuples(of, most=3):
    """Tuples of up to so many."""
    return st.lists(of, max_size=most).map(tuple)


certificates = st.builds(
    Certificate,
    fingerprint=st.sampled_from("abcdef"),
    subject=distinguished_names,
    issuer=distinguished_names,
    issuer_organization=texts,
    serial=texts,
    sans=tuples(dns_names),
    not_before=instants,
    not_after=instants,
    key=st.sampled_from(("RSA 1024", "RSA 2048", "ECDSA P-256", "DSA 1024", "unknown 1.2")),
    key_bits=st.integers(0, 8192),
    signature=st.sampled_from(("sha1WithRSAEncryption", "ecdsa-with-SHA256", "1.2.3")),
    crl_urls=tuples(texts),
    issuer_urls=tuples(texts),
    der=st.binary(max_size=8),
)
troubles = st.builds(Trouble, st.sampled_from(Failure), texts)
# The reason is certwatch's own sentence, which is never long.
paths = st.builds(Path, st.sampled_from(TrustVerdict), st.text(max_size=20), tuples(certificates))
tls_views = st.builds(
    TlsView,
    address=addresses,
    port=st.just(443),
    trouble=st.none() | troubles,
    version=st.none() | texts,
    chain=tuples(certificates, most=4),
    path=st.none() | paths,
    revocation=st.sampled_from(Revocation),
    revoked_at=st.none() | instants,
)
address_views = st.builds(
    AddressView,
    address=addresses,
    default_leaf=st.none() | certificates,
    default_trouble=st.none() | troubles,
    legacy_version=st.none() | st.sampled_from(("TLSv1", "TLSv1.1")),
)
caa_views = st.builds(
    CaaView,
    status=st.sampled_from(DnsStatus),
    found_at=st.none() | dns_names,
    records=tuples(st.tuples(st.integers(0, 255), texts, texts)),
)
dns_views = st.builds(
    DnsView,
    status=st.sampled_from(DnsStatus),
    cname_chain=tuples(dns_names),
    addresses=tuples(addresses),
    zone=st.none() | dns_names,
    nameservers=tuples(dns_names),
    caa=caa_views,
    declared_addresses=tuples(addresses),
    appended=st.none() | dns_names,
)
hops = st.builds(Hop, texts, st.integers(100, 999), texts)
http_views = st.builds(
    HttpView,
    address=addresses,
    url=texts,
    trouble=st.none() | troubles,
    status=st.none() | st.integers(100, 999),
    headers=tuples(st.tuples(texts, texts)),
    body=texts,
    hops=tuples(hops),
)
origin_views = st.builds(
    OriginView,
    host=dns_names,
    port=st.integers(1, 65535),
    scheme=st.sampled_from(("https", "http")),
    dns=st.sampled_from(DnsStatus),
    address=st.none() | addresses,
    tls=st.none() | tls_views,
    http=st.none() | http_views,
)
observations = st.builds(
    Observation,
    domain=st.just(NAME),
    observed_at=instants,
    dns=dns_views,
    tls=tuples(tls_views),
    addresses=tuples(address_views),
    https=tuples(http_views, most=2),
    http=tuples(http_views, most=2),
    challenge=tuples(http_views, most=2),
    repeat=st.none() | http_views,
    sample=st.none() | http_views,
    parent=st.none() | http_views,
    origin=st.none() | origin_views,
)
sightings = st.builds(Sighting, certificates, instants, instants)
memories = st.builds(Memory, observed_at=st.none() | instants, sightings=tuples(sightings))
domains = st.builds(
    TrackingDomain,
    name=st.just(NAME),
    provider=st.none() | st.sampled_from(CATALOG.providers).map(lambda row: row.name),
    mode=st.none() | st.sampled_from(Mode),
    edge=st.none() | st.sampled_from(CATALOG.edges).map(lambda row: row.name),
    origin=st.none() | texts,
    cname=st.none() | dns_names,
    owner=st.none() | texts,
    tags=tuples(texts),
    sample_link=st.none() | texts,
)
thresholds = st.builds(
    Thresholds,
    warning_fraction=st.floats(0, 1),
    warning_cap=st.timedeltas(timedelta(0), timedelta(days=400)),
    critical_fraction=st.floats(0, 1),
)
policies = st.builds(
    Policy,
    domain=domains,
    catalog=st.just(CATALOG),
    provider=st.none() | st.sampled_from(CATALOG.providers),
    edge=st.none() | st.sampled_from(CATALOG.edges),
    mode=st.none() | st.sampled_from(Mode),
    registered_domain=st.sampled_from(("brand.test", "")),
    memory=memories,
    accept_ca=tuples(texts),
    issuers=tuples(texts),
    aliases=st.integers(0, 1000),
    thresholds=thresholds,
)
