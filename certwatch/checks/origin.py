"""Whether links make it through: the origin behind the edge, and the round trip to the provider."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from certwatch.checks import dns, edge
from certwatch.checks.answers import (
    OURS,
    clip,
    edge_error,
    healthy,
    heard,
    parse_url,
    provider_error,
    redirect_of,
    unanswered,
    why_mute,
)
from certwatch.checks.registry import Check, Problem, check, speaks
from certwatch.checks.remedies import have
from certwatch.checks.served import listed
from certwatch.core.catalog import Signature
from certwatch.core.identify import FRONTED
from certwatch.core.model import (
    Certificate,
    DnsStatus,
    HttpView,
    Observation,
    OriginView,
    Severity,
    TrustVerdict,
)
from certwatch.core.names import matches
from certwatch.core.policy import Policy

NEARLY = 0.9  # of an edge's limit of aliases
_GATEWAY = (502, 504)
_UPSTREAM = (
    dns.cname_missing,
    dns.cname_wrong,
    dns.cname_to_provider,
    dns.cname_dangling,
    edge.edge_misconfigured,
    edge.redirect_loop,
)


@dataclass(frozen=True, slots=True)
class _Fault:
    """What is wrong at or with the origin, and the code of the check that tells it."""

    check: str
    what: str
    remedy: str
    facts: dict[str, Any]


@check("origin_down", Severity.CRITICAL, "the edge cannot reach the origin, or it fails")
def origin_down(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    fault = _fault(observation, policy, now)
    if fault and fault.check == "origin_down":
        yield Problem(fault.what, fault.remedy, fault.facts)


@check("origin_certificate", Severity.CRITICAL, "the origin's certificate is bad for the edge")
def origin_certificate(
    observation: Observation, policy: Policy, now: datetime
) -> Iterator[Problem]:
    fault = _fault(observation, policy, now)
    if fault and fault.check == "origin_certificate":
        yield Problem(fault.what, fault.remedy, fault.facts)


def _fault(observation: Observation, policy: Policy, now: datetime) -> _Fault | None:
    """One fault at most: what the origin itself shows goes before what the edge says of it.

    An origin that was not declared but guessed counts only where the edge has trouble too.
    """
    passes = any((answer.status or 500) < 500 for answer in observation.https)
    origin = None if policy.domain.origin is None and passes else observation.origin
    shown = _shown(origin, observation.domain, now) if origin else None
    return shown or _told(observation, policy)


def _told(observation: Observation, policy: Policy) -> _Fault | None:
    """What the answers say: an edge's own page, else a gateway status (RFC 9110 section 15.6)."""
    if error := edge_error(observation, policy):
        return _Fault(
            error.signature.check,
            f"{error.edge.title} answers {error.status} for {observation.domain}: "
            f"{error.signature.meaning}",
            f"at {error.edge.title}: {error.signature.remedy}",
            {"edge": error.edge.name, "status": error.status, "addresses": list(error.addresses)},
        )
    lost = [answer for answer in observation.https if answer.status in _GATEWAY]
    if not lost:
        return None
    front = policy.edge.title if policy.edge else "what terminates TLS"
    return _Fault(
        "origin_down",
        f"https://{observation.domain} answers {lost[0].status}: {front} cannot reach its origin",
        f"check host, port and protocol of the origin where {front} is configured",
        {"status": lost[0].status, "addresses": [answer.address for answer in lost]},
    )


def _shown(origin: OriginView, domain: str, now: datetime) -> _Fault | None:
    place = f"{origin.host}:{origin.port}"
    facts = {"origin": place, "scheme": origin.scheme, "address": origin.address}
    if reason := _unreachable(origin):
        return _Fault(
            "origin_down",
            f"the origin {place} of {domain} {reason}",
            f"check that {place} is the origin of this account and region, and that it is up",
            {**facts, "reason": reason},
        )
    if reason := _bad_certificate(origin, domain, now):
        return _Fault(
            "origin_certificate",
            f"the certificate of the origin {place} of {domain} {reason}",
            f"have the owner of {origin.host} repair its certificate, or set the origin to a host "
            "name that it covers",
            {**facts, "reason": reason},
        )
    return None


def _unreachable(origin: OriginView) -> str | None:
    if origin.dns is not DnsStatus.OK:
        ours = origin.dns is DnsStatus.UNREACHABLE
        return None if ours else f"does not resolve ({origin.dns.value})"
    for view in (origin.tls, origin.http):
        if view is not None and view.trouble is not None:
            ours = view.trouble.kind in OURS
            return None if ours else f"does not answer ({view.trouble.kind.value})"
    if origin.http is not None and (origin.http.status or 0) >= 500:
        return f"answers {origin.http.status}"
    return None


def _bad_certificate(origin: OriginView, domain: str, now: datetime) -> str | None:
    leaf = origin.tls.leaf if origin.tls else None
    if origin.scheme != "https" or origin.tls is None or leaf is None:
        return None
    path = origin.tls.path
    if now > leaf.not_after:
        return f"expired on {leaf.not_after:%Y-%m-%d}"
    if not _covers(leaf, origin.host) and not _covers(leaf, domain):
        return f"covers neither {origin.host} nor {domain}"
    if path is not None and path.verdict is not TrustVerdict.TRUSTED:
        return f"is not trusted ({path.verdict.value})"
    return None


def _covers(leaf: Certificate, host: str) -> bool:
    return any(matches(name, host) for name in leaf.sans)


@check("host_not_forwarded", Severity.CRITICAL, "the ESP does not see the tracking domain as Host")
def host_not_forwarded(
    observation: Observation, policy: Policy, now: datetime
) -> Iterator[Problem]:
    error = _page(observation, policy, "host_not_forwarded")
    if error and not _at_provider_itself(error, observation, policy):
        front = policy.edge.title if policy.edge else "the CDN or proxy"
        yield Problem(
            f"{_title(policy)} does not see {observation.domain} as host: {error.meaning}",
            f"let {front} send the Host header {observation.domain} to the origin",
            {"edge": policy.edge.name if policy.edge else None},
        )


def _page(observation: Observation, policy: Policy, code: str) -> Signature | None:
    """The provider's error page of that kind, on the probe path or on the sample link."""
    answers = [*observation.https, *([observation.sample] if observation.sample else [])]
    pages = (provider_error([answer], policy) for answer in answers)
    return next((page for page in pages if page and page.check == code), None)


def _at_provider_itself(error: Signature, observation: Observation, policy: Policy) -> bool:
    """Whether the provider says the same when nothing stands between: no Host was lost then."""
    direct = observation.origin.http if observation.origin else None
    same = direct is not None and provider_error([direct], policy) is error
    return same or policy.mode not in (*FRONTED, None)


@check("wrong_link", Severity.CRITICAL, "the ESP says that a real link is wrong")
def wrong_link(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Only the sample link proves it: providers call the bare probe path wrong, too."""
    sample = observation.sample
    error = provider_error([sample], policy) if sample else None
    if sample and error and error.check == "wrong_link":
        yield Problem(
            f"{_title(policy)} calls the sample link of {observation.domain} wrong: "
            f"{error.meaning}",
            error.remedy,
            {"url": _bare(sample), "status": sample.status},
        )


_OF_SILENCE: tuple[Check, ...] = (*_UPSTREAM, origin_down, origin_certificate)
_OF_WRONG_ANSWERS: tuple[Check, ...] = (
    *_OF_SILENCE,
    edge.redirect_off_host,
    host_not_forwarded,
    wrong_link,
)


@check("round_trip_failed", Severity.CRITICAL, "a link does not come back with its redirect")
def round_trip_failed(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Judged by the sample link where there is one, else by the probe path and what the provider's
    healthy hosts answer to it. Silent where another check tells the cause."""
    if problem := _stranger(observation, policy) or _lost(observation, policy):
        causes = _OF_WRONG_ANSWERS
    else:
        problem, causes = _mute(observation, policy), _OF_SILENCE
    if problem and not _explained(causes, observation, policy, now):
        yield problem


def _stranger(observation: Observation, policy: Policy) -> Problem | None:
    page = _page(observation, policy, "host_not_forwarded")
    if page is None:
        return None
    return Problem(
        f"{_title(policy)} does not know {observation.domain}: {page.meaning}",
        f"set {observation.domain} up as a tracking domain in the {_title(policy)} account",
    )


def _lost(observation: Observation, policy: Policy) -> Problem | None:
    sample = observation.sample
    if sample and sample.address not in {view.address for view in unanswered(observation)}:
        why = _sample_fault(sample, observation.domain)
        if why is None or _query_lost(observation, policy):
            return None
        return Problem(
            f"the sample link of {observation.domain} {why} instead of redirecting",
            "open the link in a browser; then compare the path, query and Host header that reach "
            f"{_title(policy)} with the link",
            {"url": _bare(sample), "status": sample.status},
        )
    odd = [view for view in heard(observation.https) if not healthy(policy.provider, view)]
    if not odd:
        return None
    return Problem(
        f"the probe path of {observation.domain} reaches something that is not "
        f"{_title(policy)}: it answers {odd[0].status}",
        f"let the origin be {_title(policy)}'s host; hand Host, path and query on unchanged",
        {"url": _bare(odd[0]), "addresses": {view.address: view.status for view in odd}},
    )


def _mute(observation: Observation, policy: Policy) -> Problem | None:
    """Addresses that take the TLS connection and then do not answer in HTTP."""
    mute = unanswered(observation)
    if not mute:
        return None
    addresses = [view.address for view in mute]
    others = heard((*observation.https, *([observation.sample] if observation.sample else [])))
    return Problem(
        f"{why_mute(mute[0])}{f' on {listed(addresses)}' if others else ''}, although the TLS "
        f"handshake succeeds: {'links fail there' if others else 'every link is dead'}",
        have(policy, "find out from the log why requests get no answer; then look at the origin"),
        {
            "addresses": addresses,
            "failures": {v.address: v.trouble.kind.value for v in mute if v.trouble},
        },
        severity=Severity.WARNING if others else None,
    )


def _explained(
    causes: tuple[Check, ...], observation: Observation, policy: Policy, now: datetime
) -> bool:
    return any(speaks(each, observation, policy, now) for each in causes)


def _sample_fault(sample: HttpView, domain: str) -> str | None:
    if sample.trouble is not None:
        ours = sample.trouble.kind in OURS
        return None if ours else f"gets no answer ({sample.trouble.kind.value})"
    target = parse_url(redirect_of(sample) or "")
    if target is not None and target.host != domain:
        return None
    return f"answers {sample.status}"


@check("query_dropped", Severity.WARNING, "the query of a link does not reach the ESP")
def query_dropped(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    sample = observation.sample
    if not sample or not _query_lost(observation, policy):
        return
    if not _explained(_OF_WRONG_ANSWERS, observation, policy, now):
        front = policy.edge.title if policy.edge else "the CDN or proxy"
        yield Problem(
            f"the sample link of {observation.domain} fails while the bare path works: its query "
            "seems to be dropped on the way",
            f"let {front} forward the whole query string, and cache by all of it if at all",
            {"url": _bare(sample), "status": sample.status},
        )


def _query_lost(observation: Observation, policy: Policy) -> bool:
    """Whether a sample link with a query is refused (4xx), or answered just like the probe path,
    while the probe path provably reaches the provider: what a link without its query comes to."""
    sample = observation.sample
    if sample is None or "?" not in sample.url or not _sample_fault(sample, observation.domain):
        return False
    bare = [answer for answer in heard(observation.https) if _arrives(answer, observation, policy)]
    same = any(_alike(answer, sample) for answer in bare)
    refused = (sample.status or 0) in range(400, 500)
    return same or (refused and any(answer.status != sample.status for answer in bare))


def _arrives(answer: HttpView, observation: Observation, policy: Policy) -> bool:
    """Whether an answer is the provider's: by its known status, or because the origin says the
    same when it is asked directly."""
    direct = observation.origin.http if observation.origin else None
    if policy.provider is not None and policy.provider.healthy_status:
        return healthy(policy.provider, answer)
    return direct is not None and _alike(answer, direct)


def _alike(one: HttpView, other: HttpView) -> bool:
    places = one.header("location"), other.header("location")
    return (one.status, one.body) == (other.status, other.body) and places[0] == places[1]


@check("alias_limit", Severity.WARNING, "a CDN target nears its limit of custom names")
def alias_limit(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    limit = policy.edge.alias_limit if policy.edge else None
    if policy.edge and limit and policy.aliases >= NEARLY * limit:
        chain = observation.dns.cname_chain
        target = chain[-1] if chain else policy.domain.cname
        yield Problem(
            f"{policy.aliases} domains share the {policy.edge.title} target {target}; "
            f"it carries {limit}",
            f"start a second target at {policy.edge.title} for new domains, or have the limit "
            "raised",
            {"target": target, "aliases": policy.aliases, "limit": limit},
        )


def _title(policy: Policy) -> str:
    return policy.provider.title if policy.provider else "the provider"


def _bare(view: HttpView) -> str:
    """The URL of a view without its query: a link's token is somebody's click."""
    return clip(view.url.partition("?")[0])
