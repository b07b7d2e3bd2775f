"""What the HTTP answers of a look come to: the words in which several checks read them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

from certwatch.core.catalog import Edge, Provider, Signature, has_header, matching
from certwatch.core.identify import marked_edges
from certwatch.core.model import Failure, HttpView, Observation
from certwatch.core.policy import Policy

OURS = (Failure.LOCAL, Failure.FORBIDDEN)  # says nothing about the other side
REDIRECTS = (301, 302, 303, 307, 308)
_MUTE = {
    Failure.RESET: "resets the connection",
    Failure.EOF: "closes the connection without an answer",
    Failure.TIMEOUT: "does not answer in time",
    Failure.MALFORMED: "answers with something that is not HTTP",
    Failure.REFUSED: "refuses the connection",
}


@dataclass(frozen=True, slots=True)
class Url:
    """The parts of an absolute http(s) URL; ``path`` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def place(self) -> tuple[str, str, str]:
        """What makes two URLs the same to a redirect; ports follow from the schemes."""
        return self.scheme, self.host, self.path


@dataclass(frozen=True, slots=True)
class EdgeError:
    """An edge's own error page, and the addresses that answer with it."""

    edge: Edge
    signature: Signature
    status: int
    addresses: tuple[str, ...]


@lru_cache(maxsize=256)  # several checks read the same few URLs of a look
def parse_url(text: str) -> Url | None:
    """The parts of an absolute http(s) URL; None for anything else."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    usual = 443 if parts.scheme == "https" else 80
    return Url(parts.scheme, parts.hostname.rstrip("."), port or usual, path)


def clip(text: str, length: int = 200) -> str:
    """A text from the network, short enough for a sentence."""
    return text if len(text) <= length else text[: length - 3] + "..."


def heard(answers: Iterable[HttpView]) -> list[HttpView]:
    """The views that are answers: a status came."""
    return [answer for answer in answers if answer.status is not None]


def theirs(views: Iterable[HttpView]) -> list[HttpView]:
    """The views that say something about the other side, whatever they say."""
    return [view for view in views if view.trouble is None or view.trouble.kind not in OURS]


def unanswered(observation: Observation) -> list[HttpView]:
    """The views of HTTPS to which no answer came, for no reason of ours; an address that answered
    the sample link is not among them."""
    sample = observation.sample
    proven = sample.address if sample and sample.status is not None else None
    views = theirs(observation.https)
    return [view for view in views if view.trouble is not None and view.address != proven]


def why_mute(view: HttpView) -> str:
    """What a host did instead of answering, for a sentence: ``https://x resets the connection``;
    after redirects it is the place asked last."""
    url = parse_url(visited(view)[-1])
    place = clip(f"{url.scheme}://{url.host}" if url else view.url)
    if view.trouble is None:
        return f"{place} answers {view.status}"
    kind, detail = view.trouble.kind, clip(view.trouble.detail)
    told = ": ".join(part for part in (kind.value, detail) if part)
    return f"{place} {_MUTE.get(kind) or f'does not answer ({told})'}"


def redirect_of(answer: HttpView) -> str | None:
    """Where the last answer of a view redirects to, as an absolute URL; None when it does not."""
    location = answer.header("location")
    if answer.status not in REDIRECTS or not location:
        return None
    return _join(visited(answer)[-1], location)


def visited(answer: HttpView) -> list[str]:
    """The URLs that were asked on the way, in order."""
    return [answer.url, *(_join(hop.url, hop.location) for hop in answer.hops)]


@lru_cache(maxsize=256)
def _join(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:
        return location


def hsts(answer: HttpView) -> Mapping[str, str]:
    """The directives of Strict-Transport-Security, lower case; none when max-age is absent or 0
    (RFC 6797 section 6.1)."""
    parts = (answer.header("strict-transport-security") or "").lower().split(";")
    pairs = (part.partition("=") for part in parts)
    directives = {name.strip(): value.strip().strip('"') for name, _, value in pairs}
    return directives if directives.get("max-age", "").lstrip("0").isdigit() else {}


def healthy(provider: Provider | None, answer: HttpView) -> bool:
    """Whether an answer to the probe path is what the provider's tracking hosts send."""
    if answer.status is None:
        return False
    if provider is None:
        return answer.status < 500
    mark = provider.healthy_header
    if mark is not None and not has_header(answer, mark):
        return False
    return answer.status in (provider.healthy_status or range(500))


def edge_error(observation: Observation, policy: Policy) -> EdgeError | None:
    """The error page (4xx, 5xx) of an edge among the answers: the identified edge's first, then any
    whose header marks an answer carries. Port 80 counts only where HTTPS does not answer at all."""
    answers = heard(observation.https) or heard(observation.http)
    answers = [answer for answer in answers if (answer.status or 0) >= 400]
    marked = (policy.edge, *marked_edges(answers, policy.catalog))
    for edge in (edge for edge in marked if edge is not None):
        hits = [(answer, hit) for answer in answers if (hit := matching(edge.signatures, answer))]
        if hits:
            first, signature = hits[0]
            addresses = tuple(answer.address for answer, hit in hits if hit is signature)
            return EdgeError(edge, signature, first.status or 0, addresses)
    return None


def provider_error(answers: Iterable[HttpView], policy: Policy) -> Signature | None:
    """The error page of the provider among the answers; of any provider where it is not known."""
    rows = (policy.provider,) if policy.provider else policy.catalog.providers
    marks = [mark for row in rows for mark in row.signatures]
    return next((hit for answer in answers if (hit := matching(marks, answer))), None)
