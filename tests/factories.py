"""Plain values for tests of the pure rooms: a healthy look, to be changed one fault at a time.

``click.brand.test`` stands behind CloudFront, which forwards to SparkPost; all is well with it.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from certwatch.core.catalog import Catalog, Edge, Provider
from certwatch.core.identify import identify_edge, identify_provider, infer_mode
from certwatch.core.model import (
    Certificate,
    DnsStatus,
    DnsView,
    Failure,
    HttpView,
    Mode,
    Observation,
    OriginView,
    Path,
    TlsView,
    TrackingDomain,
    Trouble,
    TrustVerdict,
)
from certwatch.core.policy import Policy
from certwatch.edges import EDGES
from certwatch.providers import PROVIDERS

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NAME = "click.brand.test"
CATALOG = Catalog(PROVIDERS, EDGES)
HSTS = ("strict-transport-security", "max-age=31536000")
CLOUDFRONT = ("x-amz-cf-id", "abc")
HOST = "198.51.100.7"


def provider(name: str) -> Provider:
    """A built-in provider."""
    return next(row for row in PROVIDERS if row.name == name)


def edge(name: str) -> Edge:
    """A built-in edge."""
    return next(row for row in EDGES if row.name == name)


def certificate(name: str = NAME, **changes: Any) -> Certificate:
    """A leaf for one name, half through a life of 90 days."""
    values: dict[str, Any] = {
        "fingerprint": "ab" * 32,
        "subject": f"CN={name}",
        "issuer": "CN=Test CA",
        "issuer_organization": "Test CA",
        "serial": "01",
        "sans": (name,),
        "not_before": NOW - timedelta(days=45),
        "not_after": NOW + timedelta(days=45),
        "key": "ECDSA P-256",
        "key_bits": 256,
        "signature": "ecdsa-with-SHA256",
        "is_ca": False,
        "self_signed": False,
        "der": b"",
    }
    return Certificate(**{**values, **changes})


def tls(leaf: Certificate | None = None, address: str = HOST, **changes: Any) -> TlsView:
    """A handshake that works."""
    leaf = leaf or certificate()
    path = Path(TrustVerdict.TRUSTED, "", (leaf,))
    view = TlsView(address=address, port=443, version="TLSv1.3", chain=(leaf,), path=path)
    return replace(view, **changes)


def no_tls(kind: Failure, address: str = HOST) -> TlsView:
    """A handshake that failed."""
    return TlsView(address=address, port=443, trouble=Trouble(kind))


def answer(
    status: int | None = 302,
    *headers: tuple[str, str],
    url: str = f"https://{NAME}/f/a/b/c/d",
    body: str = "",
    address: str = HOST,
    **changes: Any,
) -> HttpView:
    """An HTTP answer with exactly these headers."""
    view = HttpView(address=address, url=url, status=status, headers=headers, body=body)
    return replace(view, **changes)


def silence(kind: Failure, url: str = f"http://{NAME}/f/a/b/c/d") -> HttpView:
    """An HTTP question without an answer."""
    return HttpView(address=HOST, url=url, trouble=Trouble(kind))


def upgrade(to: str = f"https://{NAME}/f/a/b/c/d", status: int = 301, **changes: Any) -> HttpView:
    """The answer of port 80: a redirect."""
    return answer(status, ("location", to), url=f"http://{NAME}/f/a/b/c/d", **changes)


def dns(*chain: str, **changes: Any) -> DnsView:
    """A CNAME chain that ends at an address, in a zone of its own."""
    view = DnsView(
        status=DnsStatus.OK,
        cname_chain=chain,
        addresses=(HOST,),
        zone="brand.test",
        nameservers=("ns1.dns.test", "ns2.dns.test"),
    )
    return replace(view, **changes)


def observation(**changes: Any) -> Observation:
    """A healthy look at click.brand.test."""
    look = Observation(
        domain=NAME,
        observed_at=NOW,
        dns=dns("d1.cloudfront.net"),
        tls=(tls(),),
        https=(answer(302, HSTS, CLOUDFRONT),),
        http=(upgrade(),),
    )
    return replace(look, **changes)


def origin(**changes: Any) -> OriginView:
    """SparkPost's V1 host, asked directly."""
    view = OriginView(
        host="spgo.io",
        port=443,
        scheme="https",
        dns=DnsStatus.OK,
        address="203.0.113.9",
        tls=tls(certificate("spgo.io"), "203.0.113.9"),
        http=answer(302, address="203.0.113.9"),
    )
    return replace(view, **changes)


def policy(look: Observation, aliases: int = 1, **declared: Any) -> Policy:
    """The policy for a look, as a scan derives it from what the inventory declares."""
    domain = TrackingDomain(name=NAME, **{"provider": "sparkpost", **declared})
    esp = identify_provider(domain, look.dns, CATALOG)
    front = identify_edge(domain, look, CATALOG)
    mode = infer_mode(domain, look.dns, esp, front)
    issuers = {Mode.ACME: ("letsencrypt.org",), Mode.PROVIDER: esp.issuers if esp else ()}
    return Policy(
        domain=domain,
        catalog=CATALOG,
        provider=esp,
        edge=front,
        mode=mode,
        registered_domain="brand.test",
        issuers=issuers.get(mode, ()) if mode else (),
        aliases=aliases,
    )
