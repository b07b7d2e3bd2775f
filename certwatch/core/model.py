"""The nouns of certwatch as frozen values.

Instants are aware UTC and end in ``_at`` (or keep RFC 5280's names ``not_before`` and
``not_after``). An ``Observation`` holds what one look at one domain saw, failures
included; nothing in it is a judgement. Judgements are ``Finding``s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much a finding matters; compare with ``rank``, which grows with urgency."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info, 1 for warning, 2 for critical."""
        return _RANKS[self]


_RANKS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class State(StrEnum):
    """A domain's worst finding, or why there is none."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class Mode(StrEnum):
    """Who terminates TLS for a tracking domain."""

    ACME = "acme"
    PROVIDER = "provider"
    CDN = "cdn"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingDomain:
    """A DNS name that a customer puts in e-mail links; ``None`` means "not declared"."""

    name: str
    provider: str | None = None
    mode: Mode | None = None
    edge: str | None = None
    origin: str | None = None  # "host:port"
    cname: str | None = None  # the expected CNAME target
    owner: str | None = None
    tags: tuple[str, ...] = ()
    sample_link: str | None = None  # a real tracked link of this domain, to prove the round trip


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One X.509 certificate, parsed; text fields are hostile until escaped.

    ``serial`` and ``fingerprint`` are lower-case hex without colons. ``sans`` holds DNS names
    in lower case and IP addresses in text form. ``key_bits`` is the modulus or curve size.
    """

    fingerprint: str
    subject: str
    issuer: str
    issuer_organization: str
    serial: str
    sans: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key: str  # "ECDSA P-256", "RSA 2048", "Ed25519"
    key_bits: int
    signature: str  # "ecdsa-with-SHA256"
    is_ca: bool
    self_signed: bool
    crl_urls: tuple[str, ...] = ()
    issuer_urls: tuple[str, ...] = ()  # AIA caIssuers: never fetched, only a hint
    der: bytes = field(repr=False)

    @property
    def lifetime(self) -> timedelta:
        """The validity period."""
        return self.not_after - self.not_before


class Failure(StrEnum):
    """Why a connection, a handshake or an answer did not come about."""

    REFUSED = "refused"
    RESET = "reset"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    ALERT = "alert"  # a TLS alert; the detail is its name
    EOF = "eof"
    NOT_TLS = "not_tls"
    MALFORMED = "malformed"  # not HTTP, or over a size cap
    FORBIDDEN = "forbidden"  # an address that certwatch refuses to connect to
    LOCAL = "local"  # our own side: no descriptors, no route, no permission


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure and what is known of it (``unrecognized_name``, ``No route to host``)."""

    kind: Failure
    detail: str = ""


class DnsStatus(StrEnum):
    """What a DNS question came to; the first is the only good one."""

    OK = "ok"
    NXDOMAIN = "nxdomain"
    EMPTY = "empty"  # the name exists, the type does not
    SERVFAIL = "servfail"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    LOOP = "loop"
    MALFORMED = "malformed"
    UNREACHABLE = "unreachable"  # no nameserver took the question: our side


class ResolverState(StrEnum):
    """How our own nameservers do, asked for the root of DNS."""

    WELL = "well"
    LOST = "lost"  # they answer, but do not know even the root: no name exists for them
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaaView:
    """The CAA record set that applies (RFC 8659 section 3); empty ``records`` permit everyone."""

    status: DnsStatus
    found_at: str | None = None
    records: tuple[tuple[int, str, str], ...] = ()  # (flags, tag, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsView:
    """What DNS says of one tracking domain.

    ``status`` is that of the address look-up: ``OK`` exactly when ``addresses`` is not empty.
    ``cname_chain`` lists the targets in order, the domain itself left out. ``declared_addresses``
    are those of the declared CNAME target, asked only when the domain has no CNAME (to tell a
    flattened record from a wrong one). ``appended`` is the name under which the record was found
    with the zone appended twice (``click.brand.com.brand.com``).
    """

    status: DnsStatus
    cname_chain: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    zone: str | None = None
    nameservers: tuple[str, ...] = ()
    caa: CaaView = CaaView(status=DnsStatus.OK)
    declared_addresses: tuple[str, ...] = ()
    appended: str | None = None


class TrustVerdict(StrEnum):
    """Where a served chain leads, whatever the leaf's dates and names."""

    TRUSTED = "trusted"
    SELF_SIGNED = "self_signed"
    INCOMPLETE = "incomplete"  # the issuer is not served, and it is known or names a CA to fetch
    UNTRUSTED = "untrusted"  # leads to a root that is not in the store
    UNANCHORED = "unanchored"  # a lone leaf of an unknown issuer: incomplete or untrusted
    REJECTED = "rejected"  # leads to a root, but a rule of the verifier forbids the path


@dataclass(frozen=True, slots=True)
class Path:
    """The verified path of a chain (leaf first, root last), or why there is none."""

    verdict: TrustVerdict
    reason: str = ""
    certificates: tuple[Certificate, ...] = ()


class Revocation(StrEnum):
    """What the certificate's own CRL says; unreachable is unknown, never good."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    NOT_OFFERED = "not_offered"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsView:
    """One handshake with one address; the chain is as served, leaf first, or empty."""

    address: str
    port: int
    trouble: Trouble | None = None
    version: str | None = None
    chain: tuple[Certificate, ...] = ()
    path: Path | None = None
    revocation: Revocation = Revocation.UNKNOWN
    revoked_at: datetime | None = None

    @property
    def leaf(self) -> Certificate | None:
        """The certificate served for the domain, if any came."""
        return self.chain[0] if self.chain else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressView:
    """What an address does beside serving the domain: shared by all domains behind it."""

    address: str
    default_leaf: Certificate | None = None  # served without SNI
    default_trouble: Trouble | None = None
    legacy_version: str | None = None  # "TLSv1" or "TLSv1.1" when it still speaks it


@dataclass(frozen=True, slots=True)
class Hop:
    """One redirect that was read: the URL asked, its status and its Location."""

    url: str
    status: int
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpView:
    """One HTTP answer, headers in order with lower-case names, body capped and decoded.

    ``hops`` are the redirects read on the way, same host only; status, headers and body are those
    of the last answer. ``url`` is what was asked first.
    """

    address: str
    url: str
    trouble: Trouble | None = None
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    hops: tuple[Hop, ...] = ()

    def header(self, name: str) -> str | None:
        """The first value of a header, asked for in lower case."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginView:
    """The origin asked directly, with the tracking domain as Host."""

    host: str
    port: int
    scheme: str
    dns: DnsStatus
    address: str | None = None
    tls: TlsView | None = None
    http: HttpView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything one look at one domain saw, failures included, at one instant.

    ``https`` and ``http`` hold the answers of the provider's harmless probe path per address (HTTPS
    over the connection of ``tls``); ``challenge`` those of the ACME challenge path on port 80 (mode
    ``acme`` only); ``repeat`` the same HTTPS question once more where a cache showed itself;
    ``sample`` the answer to the sample link; ``parent`` that of the registered domain, asked only
    when HTTPS is broken here.
    """

    domain: str
    observed_at: datetime
    dns: DnsView
    tls: tuple[TlsView, ...] = ()
    addresses: tuple[AddressView, ...] = ()
    https: tuple[HttpView, ...] = ()
    http: tuple[HttpView, ...] = ()
    challenge: tuple[HttpView, ...] = ()
    repeat: HttpView | None = None
    sample: HttpView | None = None
    parent: HttpView | None = None
    origin: OriginView | None = None

    @property
    def leaf(self) -> Certificate | None:
        """The certificate of the first address that served one."""
        return next((view.leaf for view in self.tls if view.leaf), None)

    @property
    def leaves(self) -> tuple[Certificate, ...]:
        """The distinct served certificates, in address order."""
        return tuple({v.leaf.fingerprint: v.leaf for v in self.tls if v.leaf}.values())


@dataclass(frozen=True, slots=True)
class Sighting:
    """A certificate that this domain has served, and between which looks."""

    certificate: Certificate
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the store remembers of a domain before this look; ``sightings`` newest first."""

    observed_at: datetime | None = None
    sightings: tuple[Sighting, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement on an observation. ``facts`` is JSON-ready."""

    check: str
    severity: Severity
    summary: str
    remedy: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A look with its judgement: the unit that a scan stores and shows."""

    domain: TrackingDomain
    observation: Observation
    provider: str | None
    edge: str | None
    mode: Mode | None
    state: State
    findings: tuple[Finding, ...]


def worst(findings: tuple[Finding, ...]) -> State:
    """The state that findings add up to."""
    if not findings:
        return State.OK
    return State(max((finding.severity for finding in findings), key=lambda s: s.rank).value)
