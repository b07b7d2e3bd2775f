"""What the edge answers on ports 443 and 80: its own errors, redirects, caching and headers."""

from collections.abc import Iterator
from datetime import datetime

from certwatch.checks.answers import (
    REDIRECTS,
    Url,
    clip,
    edge_error,
    heard,
    hsts,
    parse_url,
    redirect_of,
    theirs,
    visited,
)
from certwatch.checks.dns import regions, set_cname
from certwatch.checks.ours import is_dark
from certwatch.checks.registry import Problem, check, speaks
from certwatch.checks.remedies import have
from certwatch.core.identify import FRONTED
from certwatch.core.model import DnsStatus, HttpView, Mode, Observation, Severity, TlsView
from certwatch.core.names import matches
from certwatch.core.policy import Policy

MAX_HOPS = 5
ADVISED_CACHE = 10  # seconds: SparkPost's guide for CDNs in front of it
_CACHES = ("x-cache", "cf-cache-status", "x-cache-status")


@check("edge_misconfigured", Severity.CRITICAL, "the CDN answers with an error page of its own")
def edge_misconfigured(
    observation: Observation, policy: Policy, now: datetime
) -> Iterator[Problem]:
    error = edge_error(observation, policy)
    if error and error.signature.check == "edge_misconfigured":
        yield Problem(
            f"{error.edge.title} answers {error.status} for {observation.domain}: "
            f"{error.signature.meaning}",
            f"at {error.edge.title}: {error.signature.remedy}",
            {
                "edge": error.edge.name,
                "status": error.status,
                "addresses": list(error.addresses),
            },
        )


@check("redirect_loop", Severity.CRITICAL, "redirects lead back to where they began")
def redirect_loop(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    sample = (observation.sample,) if observation.sample else ()
    views = heard((*observation.https, *observation.http, *sample))
    loops = [view for view in views if _loops(view)]
    if not loops and _ping_pong(observation):
        loops = [view for view in heard(observation.https) if redirect_of(view)]
    if loops:
        yield Problem(
            f"{clip(loops[0].url)} redirects without end",
            "let only one side redirect from http to https: at Cloudflare set the SSL mode to "
            "Full, elsewhere set the origin protocol to HTTPS",
            {
                "addresses": sorted({view.address for view in loops}),
                "urls": [clip(url) for url in visited(loops[0])[:6]],
            },
        )


def _loops(view: HttpView) -> bool:
    if view.status not in REDIRECTS and not view.hops:
        return False
    urls = [parse_url(url) for url in (*visited(view), redirect_of(view) or "")]
    places = [url.place for url in urls if url is not None]
    repeats = view.status in REDIRECTS and len(set(places)) < len(places)
    return repeats or len(view.hops) >= MAX_HOPS


def _ping_pong(observation: Observation) -> bool:
    """Whether http redirects to https on the same host, and https back to http."""
    down = {target for view in observation.https if (target := _same_host(view, observation))}
    up = {target for view in observation.http if (target := _same_host(view, observation))}
    return any(a.scheme == "http" and b.scheme == "https" for a in down for b in up)


def _same_host(view: HttpView, observation: Observation) -> Url | None:
    url = parse_url(redirect_of(view) or "")
    return url if url is not None and url.host == observation.domain else None


@check("http_not_redirected", Severity.WARNING, "port 80 does not lead to the same link on https")
def http_not_redirected(
    observation: Observation, policy: Policy, now: datetime
) -> Iterator[Problem]:
    found = {
        view.address: why
        for view in heard(observation.http)
        if (why := _not_upgraded(view, observation, policy))
    }
    if not found or edge_error(observation, policy):
        return
    if not speaks(redirect_loop, observation, policy, now):
        yield Problem(
            f"http://{observation.domain} does not lead to https: it {next(iter(found.values()))}",
            have(
                policy, f"redirect http://{observation.domain} to https: same host, path and query"
            ),
            {"addresses": found},
        )


def _not_upgraded(view: HttpView, observation: Observation, policy: Policy) -> str | None:
    status = view.status or 0
    if status >= 500 and not any((a.status or 500) < 500 for a in observation.https):
        return None  # broken on both ports: other checks tell why
    location = redirect_of(view)
    url = parse_url(location) if location else None
    if location is None or url is None:
        return f"answers {status}"
    if url.host != observation.domain:
        return f"redirects away ({status}) at once" if _clicked(view, observation, policy) else None
    if url.scheme == "http":
        return "redirects to http again"
    asked = parse_url(visited(view)[0])
    if asked is not None and asked.path != url.path:
        return f"redirects to {clip(url.path)}: path or query is lost"
    return f"redirects to port {url.port}" if url.port not in (443, policy.https_port) else None


def _clicked(view: HttpView, observation: Observation, policy: Policy) -> bool:
    """Whether a redirect off the host is the tracking host's own answer to a link: HTTPS gives the
    same; where HTTPS is silent, it is what the provider's healthy hosts send."""
    if answers := heard(observation.https):
        return any(redirect_of(answer) == redirect_of(view) for answer in answers)
    return policy.provider is not None and view.status in policy.provider.healthy_status


@check("redirect_off_host", Severity.WARNING, "a redirect leads off the tracking domain too early")
def redirect_off_host(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    views = [v for v in heard(observation.http) if _sent_away(v, observation, policy)]
    views += [v for v in heard(observation.https) if _sent_to_provider(v, observation, policy)]
    if views:
        location = clip(redirect_of(views[0]) or "")
        yield Problem(
            f"{clip(views[0].url)} redirects the browser off {observation.domain}, to {location}",
            f"redirect http://{observation.domain} to https on the same host; instead of a "
            "forwarding rule use a proxied CNAME, so that the provider still sees the Host header",
            {"addresses": sorted({v.address for v in views}), "location": location},
        )


def _sent_away(view: HttpView, observation: Observation, policy: Policy) -> bool:
    url = parse_url(redirect_of(view) or "")
    away = url is not None and url.scheme == "https" and url.host != observation.domain
    return away and not _clicked(view, observation, policy)


def _sent_to_provider(view: HttpView, observation: Observation, policy: Policy) -> bool:
    url = parse_url(redirect_of(view) or "")
    away = url is not None and url.host != observation.domain
    return away and url is not None and policy.catalog.owner(url.host) is not None


@check("http80_closed", Severity.WARNING, "port 80 is closed while 443 works: old links die")
def http80_closed(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    views = theirs(observation.http)
    closed = [view for view in views if view.trouble is not None]
    if not closed or len(closed) < len(views) or not heard(observation.https):
        return
    if not speaks(challenge_blocked, observation, policy, now):
        yield Problem(
            f"{observation.domain} does not answer on port {policy.http_port}; links in mail sent "
            "before the change to https are dead",
            have(policy, f"open port {policy.http_port} and redirect it to https, same link"),
            {"failures": {v.address: v.trouble.kind.value for v in closed if v.trouble}},
        )


@check(
    "challenge_blocked", Severity.CRITICAL, "the ACME challenge path cannot be reached on port 80"
)
def challenge_blocked(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Mode ``acme`` only. The CA follows redirects to ports 80 and 443 of any host, whatever the
    certificate (RFC 8555 section 8.3); one to another host counts as blocked, because the challenge
    is answered for this domain's own host only."""
    if policy.mode is not Mode.ACME or is_dark(observation):
        return
    views = theirs(observation.challenge)
    found = {v.address: why for v in views if (why := _blocked(v, observation, policy))}
    if found:
        yield Problem(
            f"the ACME challenge path of {observation.domain} is blocked: "
            f"{next(iter(found.values()))}",
            f"let http://{observation.domain}/.well-known/acme-challenge/ reach certwatch's "
            f"challenge listener on port {policy.http_port}, past redirects, logins and firewalls",
            {"addresses": found},
        )


def _blocked(view: HttpView, observation: Observation, policy: Policy) -> str | None:
    if view.trouble is not None:
        return f"port {policy.http_port}: {view.trouble.kind.value}"
    url = parse_url(redirect_of(view) or "")
    if url is not None and url.host != observation.domain:
        return f"it redirects to {clip(url.host)}"
    if url is not None and url.port not in (80, 443, policy.http_port, policy.https_port):
        return f"it redirects to port {url.port}"
    if view.status in (401, 403, 407, 429) or (view.status or 0) >= 500:
        return f"it answers {view.status}"
    return "it redirects without end" if _loops(view) else None


@check("hsts_missing", Severity.INFO, "no Strict-Transport-Security header")
def hsts_missing(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    answers = [view for view in heard(observation.https) if (view.status or 500) < 500]
    bare = [view.address for view in answers if not hsts(view)]
    if bare and not edge_error(observation, policy):
        yield Problem(
            f"https://{observation.domain} sends no Strict-Transport-Security header",
            have(policy, 'add the header "Strict-Transport-Security: max-age=31536000"'),
            {"addresses": bare},
        )


@check(
    "hsts_conflict", Severity.CRITICAL, "the parent's HSTS forbids http, and https is broken here"
)
def hsts_conflict(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    parent = observation.parent
    if parent is None or "includesubdomains" not in hsts(parent) or not observation.tls:
        return
    if not any(_usable(view, observation.domain, now) for view in observation.tls):
        above = policy.registered_domain or "the parent domain"
        yield Problem(
            f"{above} demands https of all its subdomains (HSTS), and https of "
            f"{observation.domain} is broken: browsers open no link at all",
            f"repair https of {observation.domain} first; taking includeSubDomains from {above} "
            "helps only browsers that did not see it yet",
            {"parent": above, "header": clip(parent.header("strict-transport-security") or "")},
        )


def _usable(view: TlsView, domain: str, now: datetime) -> bool:
    leaf = view.leaf
    if view.trouble is not None or leaf is None:
        return False
    return now <= leaf.not_after and any(matches(name, domain) for name in leaf.sans)


@check("hpkp_present", Severity.INFO, "a Public-Key-Pins header, which browsers ignore by now")
def hpkp_present(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    names = ("public-key-pins", "public-key-pins-report-only")
    pinned = [v.address for v in heard(observation.https) if any(v.header(n) for n in names)]
    if pinned:
        yield Problem(
            f"https://{observation.domain} sends Public-Key-Pins, which browsers no longer read",
            have(policy, "remove the header; providers with certificates of their own forbid it"),
            {"addresses": pinned},
        )


@check(
    "caching_redirects", Severity.WARNING, "redirects come from a cache: repeated clicks are lost"
)
def caching_redirects(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """A cache time of a few seconds is what providers themselves advise against bursts; so what
    counts is an answer older than that, or a hit of unknown age."""
    answer = observation.repeat
    if answer is None or answer.status not in REDIRECTS:
        return
    age = _seconds(answer.header("age"))
    hit = next((f"{n}: {v}" for n, v in answer.headers if n in _CACHES and "hit" in v.lower()), "")
    if (hit and age is None) or (age or 0) > ADVISED_CACHE:
        front = policy.edge.title if policy.edge else "the CDN or proxy"
        seen = clip(hit) or f"age: {age} seconds"
        yield Problem(
            f"{front} answers clicks on {observation.domain} from its cache ({seen})",
            f"switch caching off for this host at {front}, or keep redirects for "
            f"{ADVISED_CACHE} seconds at most",
            {"age_seconds": age, "cache": clip(hit)},
        )


def _seconds(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


@check("wrong_region", Severity.WARNING, "the CNAME leads to another region of the provider")
def wrong_region(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    found = regions(observation, policy)
    if found and observation.dns.status is DnsStatus.OK and policy.mode not in FRONTED:
        yield Problem(
            f"the CNAME of {observation.domain} leads to the region {found[1]}, but the account is "
            f"in {found[0]}",
            set_cname(policy),
            {
                "wanted": found[0],
                "found": found[1],
                "cname_chain": list(observation.dns.cname_chain),
            },
        )
