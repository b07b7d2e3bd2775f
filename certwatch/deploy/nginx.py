"""The configuration of an nginx that serves the domains whose certificates we deploy as files.

One server block per origin lists the domains that go there, each once. Every value is checked
before it is written: names, addresses and paths of a form that means nothing to nginx's parser.
"""

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from certwatch.core.catalog import Catalog
from certwatch.core.identify import forwarding, identify_provider
from certwatch.core.model import DnsStatus, DnsView, Mode, TrackingDomain
from certwatch.core.names import normalise
from certwatch.errors import InvalidName, UsageError

TEMPLATE = "nginx.conf.j2"
Origin = tuple[str, int, str]  # host, port, scheme
Endpoint = tuple[str, int]

_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.IGNORECASE)
_PATH = re.compile(r"/[\w@%+=:,./ -]*")
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_SCHEMES = ("http", "https")
_UNASKED = DnsView(status=DnsStatus.EMPTY)  # the CNAME of an acme domain leads to ourselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """How nginx is to serve.

    ``directory`` is the deployer's, ``roots`` a PEM file that origins are verified with, both
    absolute. ``listen`` are addresses, ``challenge`` is where certwatch answers challenges.
    ``hsts`` is a max-age in seconds, None for no such header. ``user`` owns the private keys.
    """

    directory: Path
    roots: Path
    challenge: Endpoint
    resolvers: tuple[Endpoint, ...]
    https_port: int = 443
    http_port: int = 80
    listen: tuple[str, ...] = ("0.0.0.0", "::")
    hsts: int | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class _Group:
    host: str  # as part of a URL
    name: str  # that its certificate is for
    port: int
    scheme: str
    domains: tuple[str, ...]

    @property
    def place(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def proxied(
    domains: Iterable[TrackingDomain], catalog: Catalog
) -> tuple[list[tuple[str, Origin]], list[str]]:
    """The ``acme`` domains with their origins, declared or the provider's own; and those for which
    none is known."""
    placed: list[tuple[str, Origin]] = []
    left_out: list[str] = []
    for domain in (one for one in domains if one.mode is Mode.ACME):
        origin = forwarding(domain, identify_provider(domain, _UNASKED, catalog))
        if origin is None:
            left_out.append(domain.name)
        else:
            placed.append((domain.name, origin))
    return placed, left_out


def render(domains: Iterable[tuple[str, Origin]], front: Front, folder: Path) -> str:
    """The configuration for domains with their origins; ``folder`` holds the template.

    The same input gives the same text. Raises UsageError for a value that has no place in it.
    """
    groups = _groups(domains)
    names = sum(len(group.domains) for group in groups)
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=False,  # not HTML; every value is checked here
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(TEMPLATE).render(
        front=_checked(front),
        groups=groups,
        names=names,
        hash_size=_hash_size(names),
        directory=_path(front.directory, "deploy.directory"),
        roots=_quoted(_path(front.roots, "the file of trusted roots")),
        challenge=_endpoint(front.challenge),
        resolvers=[_endpoint(each) for each in front.resolvers],
        listen=[_address(each) for each in front.listen],
        quoted=_quoted,
    )


def _groups(domains: Iterable[tuple[str, Origin]]) -> list[_Group]:
    by_origin: defaultdict[Origin, set[str]] = defaultdict(set)
    for domain, origin in domains:
        by_origin[origin].add(_name(domain))
    return [
        _Group(_url_host(host), _tls_name(host), _port(port), _scheme(scheme), tuple(sorted(names)))
        for (host, port, scheme), names in sorted(by_origin.items())
    ]


def _hash_size(names: int) -> int:
    """Twice the names, as a power of two (nginx.org/en/docs/hash.html)."""
    return 1 << max(10, (2 * names).bit_length())


def _checked(front: Front) -> Front:
    if not front.resolvers:
        raise UsageError(
            "nginx needs a resolver to find the origins; name one: --resolver ADDRESS[:PORT]"
        )
    if not front.listen:
        raise UsageError("nginx needs an address to listen on")
    if front.user is not None and not _ACCOUNT.fullmatch(front.user):
        raise UsageError(f"{front.user!a} is no account's name")
    if front.hsts is not None and front.hsts < 0:
        raise UsageError("the max-age of HSTS is a number of seconds, 0 or more")
    _port(front.http_port), _port(front.https_port)
    return front


def _name(domain: str) -> str:
    try:
        if normalise(domain) == domain:
            return domain
    except InvalidName:
        pass
    raise UsageError(f"{domain!a} is no domain name in its normal form")


def _url_host(host: str) -> str:
    try:
        return _address(host)
    except UsageError:
        if _HOST.fullmatch(host):
            return host
    raise UsageError(f"origin {host!a} is neither a host name nor an address")


def _tls_name(host: str) -> str:
    """The name to ask for and to verify; an address has none, so it must know the domain's own."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return "$host"


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise UsageError(f"{text!a} is no IP address") from None
    if getattr(address, "scope_id", None):
        raise UsageError(f"{text!a}: an address with a zone has no place here")
    return f"[{address}]" if address.version == 6 else str(address)


def _endpoint(endpoint: Endpoint) -> str:
    host, port = endpoint
    return f"{_address(host)}:{_port(port)}"


def _port(port: int) -> int:
    if not 0 < port < 65536:
        raise UsageError(f"{port} is no port")
    return port


def _scheme(scheme: str) -> str:
    if scheme not in _SCHEMES:
        raise UsageError(f"{scheme!a} is neither http nor https")
    return scheme


def _path(path: Path, what: str) -> str:
    """An absolute path in which nothing means anything to nginx, a variable's ``$`` above all."""
    text = path.as_posix()
    if not _PATH.fullmatch(text):
        raise UsageError(
            f"{what}: {text!a} cannot be written into nginx's configuration; choose an absolute"
            " path of letters, digits and @%+=:,._- only"
        )
    return text


def _quoted(text: str) -> str:
    return f'"{text}"'
