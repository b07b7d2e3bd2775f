"""Which provider and which edge a tracking domain stands on, and what to ask of it.

What the inventory declares always wins; the rest is read off DNS and answers. The first name
of a CNAME chain that somebody owns decides: behind an ESP's own target may stand a CDN which
the ESP chose, and that is not the customer's edge.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from certwatch.core.catalog import Catalog, Edge, Provider, Target
from certwatch.core.model import DnsView, HttpView, Mode, Observation, TrackingDomain
from certwatch.core.names import registered_domain

FRONTED = (Mode.CDN, Mode.PROXY)  # somebody other than the provider terminates TLS
_PORT = re.compile(r"[0-9]{1,5}")
_PORTS = {"https": 443, "http": 80}
_SCHEMES = {443: "https", 80: "http"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What to ask of one domain beyond DNS and TLS; decided once its DNS is known.

    ``origin`` is (host, port, scheme). ``challenge`` asks for the ACME challenge path on port 80.
    """

    probe_path: str = "/"
    origin: tuple[str, int, str] | None = None
    challenge: bool = False


def identify_provider(domain: TrackingDomain, dns: DnsView, catalog: Catalog) -> Provider | None:
    """The declared provider, else the owner of a target in the CNAME chain, else of the
    declared CNAME or origin."""
    if domain.provider is not None:
        return catalog.provider(domain.provider)
    names = (*dns.cname_chain, domain.cname, _origin_host(domain))
    return next((owner for name in names if name and (owner := catalog.owner(name))), None)


def identify_edge(domain: TrackingDomain, seen: Observation, catalog: Catalog) -> Edge | None:
    """The declared edge, else that of the CNAME chain, else that of the answers' headers.

    Headers are believed only where nothing else explains them: a proxy or an ESP hands through
    those of a CDN behind it. An edge that also runs the zone's nameservers is preferred.
    """
    known = _edge_of_names(domain, seen.dns, catalog)
    if known or domain.edge or domain.mode is Mode.PROXY or _at_provider(domain, seen.dns, catalog):
        return known
    marked = list(marked_edges((*seen.https, *seen.http), catalog))
    return next((e for e in marked if e.serves_zone(seen.dns.nameservers)), None) or next(
        iter(marked), None
    )


def marked_edges(answers: Iterable[HttpView], catalog: Catalog) -> Iterator[Edge]:
    """The edges whose header marks one of the answers carries, in catalog order."""
    seen = [answer for answer in answers if answer.status is not None]
    return (edge for edge in catalog.edges if any(edge.marked(answer) for answer in seen))


def infer_mode(
    domain: TrackingDomain, dns: DnsView, provider: Provider | None, edge: Edge | None
) -> Mode | None:
    """The declared mode; else ``cdn`` when an edge is known, ``proxy`` when an origin is declared,
    ``provider`` when the CNAME leads to a target under which the provider holds certificates.

    ``acme`` is never inferred: that certwatch issues for a domain is a decision, not a trait.
    """
    if domain.mode is not None:
        return domain.mode
    if edge is not None:
        return Mode.CDN
    if domain.origin is not None:
        return Mode.PROXY
    target = first_target(provider, dns.cname_chain or (domain.cname or "",))
    return Mode.PROVIDER if target and target.managed else None


def first_target(provider: Provider | None, names: Iterable[str]) -> Target | None:
    """The first of the names that is a target of this provider."""
    if provider is None:
        return None
    return next((target for name in names if (target := provider.target(name))), None)


def questions(domain: TrackingDomain, dns: DnsView, catalog: Catalog) -> Questions:
    """What to ask of a domain, once its DNS is known and before anything has answered."""
    provider = identify_provider(domain, dns, catalog)
    mode = infer_mode(domain, dns, provider, _edge_of_names(domain, dns, catalog))
    return Questions(
        probe_path=provider.probe_path if provider else "/",
        origin=_origin(domain, provider, mode),
        challenge=mode is Mode.ACME,
    )


def host_port(text: str) -> tuple[str, int | None]:
    """``host``, ``host:port``, ``[2001:db8::1]:port``; the port is None when there is none."""
    host, colon, port = text.rpartition(":")
    if colon and _PORT.fullmatch(port) and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(port)
    return text.strip("[]"), None


def own_origin(provider: Provider, region: str | None) -> str | None:
    """``host[:port]`` of the provider's origin for a CDN or proxy in front, by region if known.

    A target made for that comes before one under which the provider holds the certificate. Who
    sends through several services (Braze) has no origin that could be told without being declared.
    """
    fixed = [t for t in provider.targets if t.origin or not t.name.startswith(".")]
    if (
        not set(FRONTED) & set(provider.modes)
        or len({registered_domain(t.name) for t in fixed}) > 1
    ):
        return None
    regional = [t for t in fixed if t.region == region] or fixed
    best = min(regional, key=lambda target: target.managed, default=None)
    return (best.origin or best.name) if best else None


def forwarding(domain: TrackingDomain, provider: Provider | None) -> tuple[str, int, str] | None:
    """Where a CDN or proxy in front of the provider forwards to, as (host, port, scheme): the
    declared origin, else the provider's own."""
    text = domain.origin
    if text is None and provider is not None:
        declared = provider.target(domain.cname) if domain.cname else None
        text = own_origin(provider, declared.region if declared else None)
    if text is None:
        return None
    host, port = host_port(text)
    scheme = provider.origin_scheme if provider else "https"
    if port is None:
        return host, _PORTS.get(scheme, 443), scheme
    return host, port, _SCHEMES.get(port, scheme)


def _origin(
    domain: TrackingDomain, provider: Provider | None, mode: Mode | None
) -> tuple[str, int, str] | None:
    if domain.origin is None and mode not in FRONTED:
        return None
    return forwarding(domain, provider)


def _origin_host(domain: TrackingDomain) -> str | None:
    return host_port(domain.origin)[0] if domain.origin else None


def _edge_of_names(domain: TrackingDomain, dns: DnsView, catalog: Catalog) -> Edge | None:
    if domain.edge is not None:
        return catalog.edge(domain.edge)
    for name in dns.cname_chain:
        if catalog.owner(name):
            return None
        if edge := catalog.edge_of(name):
            return edge
    return None


def _at_provider(domain: TrackingDomain, dns: DnsView, catalog: Catalog) -> bool:
    flattened = set(dns.addresses) & set(dns.declared_addresses)
    names = (*dns.cname_chain, domain.cname) if flattened else dns.cname_chain
    return any(name and catalog.owner(name) for name in names)
