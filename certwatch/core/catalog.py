"""What certwatch knows of the outside: providers, edges and the marks they leave.

These are shapes of data; the rows are in ``certwatch.providers`` and ``certwatch.edges``,
one ESP or CDN a file, and users add rows of their own in the settings.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from certwatch.core.model import HttpView, Mode
from certwatch.core.names import below


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """An error page that tells its cause.

    It matches an answer when every given part does: ``status``; ``header`` (name, substring);
    ``body`` (substring). Substrings are compared without case. ``check`` is the finding's code
    (``edge_misconfigured``, ``origin_down``, ``origin_certificate``, ``host_not_forwarded``,
    ``wrong_link``, ``cname_dangling``, ...); ``meaning`` completes "Fastly answers 500: ...".
    """

    check: str
    meaning: str
    remedy: str
    status: int | None = None
    header: tuple[str, str] | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A CNAME target that a provider gives to customers.

    ``name`` matches itself; with a leading dot it matches every name below
    (``.et.e.sparkpost.com``). ``origin`` is ``host:port`` for a CDN or proxy in front, if that
    differs from ``name``.
    """

    name: str
    region: str | None = None
    origin: str | None = None
    managed: bool = False  # the provider can hold the certificate itself under this target

    def names(self, name: str) -> bool:
        """Whether a CNAME to that name leads here."""
        return name.endswith(self.name) if self.name.startswith(".") else name == self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One e-mail service: where its tracking domains point and how they behave when healthy.

    ``probe_path`` is harmless (it counts no click). ``healthy_status`` and ``healthy_header`` say
    what a healthy tracking host answers to it; empty means "anything below 500".
    ``warning_in``/``critical_in`` replace the lifetime fractions for certificates that the provider
    itself renews late; ``renews_in`` is how long before expiry it does.
    """

    name: str
    title: str
    source: str  # where these facts are documented
    targets: tuple[Target, ...] = ()
    modes: tuple[Mode, ...] = (Mode.CDN, Mode.PROXY)
    origin_scheme: str = "https"
    probe_path: str = "/"
    healthy_status: tuple[int, ...] = ()
    healthy_header: tuple[str, str] | None = None
    default_names: tuple[str, ...] = ()  # SANs of the ESP's own certificate
    issuers: tuple[str, ...] = ()  # CAA domain names of the CAs that it orders from
    renews_in: timedelta | None = None
    warning_in: timedelta | None = None
    critical_in: timedelta | None = None
    signatures: tuple[Signature, ...] = ()

    def target(self, name: str) -> Target | None:
        """The target of this provider that a name is."""
        return next((target for target in self.targets if target.names(name)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One CDN or proxy: how it is recognised and what its failures look like.

    ``headers`` are (name, substring) marks of an answer; one match is enough. ``default_names`` are
    SANs of the certificate it serves for hosts that it does not know (exact, or ``*.suffix``).
    """

    name: str
    title: str
    source: str
    cname_suffixes: tuple[str, ...] = ()
    nameserver_suffixes: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    default_names: tuple[str, ...] = ()
    signatures: tuple[Signature, ...] = ()
    alias_limit: int | None = None  # custom names one target may carry
    by_address: bool = False  # it may answer on address records of the domain itself, without CNAME

    def owns(self, name: str) -> bool:
        """Whether a CNAME to that name leads to this edge."""
        if not name.endswith(self.cname_suffixes):
            return False  # decides nearly all, in one step
        return any(below(name, suffix) for suffix in self.cname_suffixes)

    def serves_zone(self, nameservers: Iterable[str]) -> bool:
        """Whether one of a zone's nameservers is this edge's."""
        return any(below(ns, suffix) for ns in nameservers for suffix in self.nameserver_suffixes)

    def marked(self, answer: HttpView) -> bool:
        """Whether an answer carries one of this edge's header marks."""
        return any(has_header(answer, mark) for mark in self.headers)


Row = TypeVar("Row")

_REMEMBERED = 10_000  # CNAME targets: a few serve nearly all domains of a sweep

Owners = dict[str, "Provider | None"]
Fronts = dict[str, "Edge | None"]


@dataclass(frozen=True, slots=True)
class Catalog:
    """All providers and edges in force: the built-in rows and those of the settings."""

    providers: tuple[Provider, ...]
    edges: tuple[Edge, ...]
    _owners: Owners = field(default_factory=dict, init=False, repr=False, compare=False)
    _fronts: Fronts = field(default_factory=dict, init=False, repr=False, compare=False)

    def provider(self, name: str | None) -> Provider | None:
        """The provider of that name, if it is known."""
        return next((row for row in self.providers if row.name == name), None)

    def edge(self, name: str | None) -> Edge | None:
        """The edge of that name, if it is known."""
        return next((row for row in self.edges if row.name == name), None)

    def owner(self, target: str) -> Provider | None:
        """The first provider that a CNAME target belongs to."""
        if target not in self._owners:
            found = next((row for row in self.providers if row.target(target)), None)
            _remember(self._owners, target, found)
        return self._owners[target]

    def edge_of(self, target: str) -> Edge | None:
        """The first edge that a CNAME target belongs to."""
        if target not in self._fronts:
            found = next((row for row in self.edges if row.owns(target)), None)
            _remember(self._fronts, target, found)
        return self._fronts[target]


def _remember(answers: dict[str, Row | None], target: str, found: Row | None) -> None:
    if len(answers) >= _REMEMBERED:
        answers.clear()
    answers[target] = found


def matching(signatures: Iterable[Signature], answer: HttpView) -> Signature | None:
    """The first signature that an answer carries in every given part."""
    return next((mark for mark in signatures if _carries(answer, mark)), None)


def _carries(answer: HttpView, mark: Signature) -> bool:
    return (
        answer.status is not None
        and mark.status in (None, answer.status)
        and (mark.header is None or has_header(answer, mark.header))
        and (mark.body is None or mark.body.lower() in answer.body.lower())
    )


def has_header(answer: HttpView, mark: tuple[str, str]) -> bool:
    """Whether an answer has a header of that name with that part in its value."""
    name, part = mark
    for key, value in answer.headers:  # noqa: SIM110 -- asked fifty times a look, any() is slow
        if key == name and part.lower() in value.lower():
            return True
    return False
