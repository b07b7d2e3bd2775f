"""The ACME challenge path, asked as a CA asks it: every address of the domain, on port 80 first."""

from certwatch.core.model import HttpView, TrackingDomain
from certwatch.probes import dns
from certwatch.probes.dial import Dialler
from certwatch.probes.stages import Shared, all_of
from certwatch.probes.web import BOTH, Url, Web

_PATH = "/.well-known/acme-challenge/"
_REDIRECTS = (301, 302, 307, 308)  # letsencrypt/boulder, va/http.go: no 303
_MAX_HOPS = 10


async def views(
    shared: Shared, domain: TrackingDomain, token: str, patience: float
) -> tuple[HttpView, ...]:
    """What each address answers to ``http://DOMAIN/.well-known/acme-challenge/TOKEN``.

    Up to ten redirects are followed, to http and https, whatever the certificate (RFC 8555 section
    8.3), but none off the host: our challenges are answered there only. ``patience`` bounds DNS, in
    seconds; a name without addresses has no views.
    """
    seen = await dns.view(shared.resolver, domain.name, None, patience, brief=True)
    web = Web(
        Dialler(shared.addresses),
        https_port=shared.https_port,
        http_port=shared.http_port,
        agent=shared.agent,
    )
    url = Url("http", domain.name, _PATH + token)
    return await all_of(
        web.view(address, url, BOTH, statuses=_REDIRECTS, most=_MAX_HOPS)
        for address in seen.addresses
    )
