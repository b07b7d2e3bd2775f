"""CDNs and proxies as they look from outside: their marks, their error pages, their forwarding.

``Edge`` answers for the hosts in ``sites``; a site is what the customer configured for that host.
What an edge says when a host is unknown or an origin fails is its ``Imitation``, a row of data
after the CDN's documentation.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from certwatch.lab.http import Headers, Request, Respond, Response, fetch


class Cause(StrEnum):
    """Why an origin did not answer an edge."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    HANDSHAKE = "handshake"
    CERTIFICATE = "certificate"
    NO_ANSWER = "no_answer"


class OriginFailed(Exception):
    """A site could not be answered; ``cause`` says why."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Imitation:
    """How one kind of edge answers. ``headers`` are on every answer, errors included.

    ``default_name`` is the name in its own certificate; ``failures`` falls back to ``failed``.
    """

    name: str
    headers: Headers
    unknown: Response
    failed: Response
    failures: Mapping[Cause, Response] = field(default_factory=dict)
    default_name: str = "localhost.localdomain"


@dataclass(slots=True)
class Edge:
    """One edge at work; ``sites`` may be changed while it serves.

    ``fallback`` answers for hosts that are not among them, else the imitation's error page does.
    """

    imitation: Imitation
    sites: dict[str, Respond] = field(default_factory=dict)
    fallback: Respond | None = None

    async def respond(self, request: Request) -> Response:
        """Answer for the host that was asked for."""
        return (await self._answer(request)).with_headers(*self.imitation.headers)

    async def _answer(self, request: Request) -> Response:
        site = self.sites.get(request.host, self.fallback)
        if site is None:
            return self.imitation.unknown
        try:
            return await site(request)
        except OriginFailed as failure:
            return self.imitation.failures.get(failure.cause, self.imitation.failed)


def forward(
    address: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    host: str | None = None,
) -> Respond:
    """What hands requests on to an origin; over TLS where a context is given. ``host`` replaces the
    Host header that the client sent. Raises OriginFailed."""

    async def respond(request: Request) -> Response:
        kept = [pair for pair in request.headers if pair[0].lower() not in ("host", "connection")]
        asked = replace(request, headers=(("host", host or request.host), *kept))
        try:
            return await fetch(asked, address, port, tls=tls, server_name=server_name)
        except ssl.SSLCertVerificationError:
            raise OriginFailed(Cause.CERTIFICATE) from None
        except ssl.SSLError:
            raise OriginFailed(Cause.HANDSHAKE) from None
        except TimeoutError:
            raise OriginFailed(Cause.TIMEOUT) from None
        except ConnectionAbortedError:
            raise OriginFailed(Cause.NO_ANSWER) from None
        except OSError:
            raise OriginFailed(Cause.REFUSED) from None

    return respond


def _page(status: int, body: str, *headers: tuple[str, str]) -> Response:
    return Response(status=status, body=body, headers=(("content-type", "text/html"), *headers))


def _cloudfront(status: int, reason: str) -> Response:
    body = f"<h1>{status} ERROR</h1><h2>The request could not be satisfied.</h2>{reason}"
    return _page(status, body, ("x-cache", "Error from cloudfront"))


def _cloudflare(status: int, title: str) -> Response:
    return _page(status, f"<title>lab | {status}: {title}</title>")


_AZURE = "<h2>Our services aren't available right now</h2>"

# Headers that vary per request in life are constant here: nothing depends on them.
IMITATIONS = (
    Imitation(
        name="cloudfront",
        headers=(
            ("via", "1.1 3f8a2c.cloudfront.net (CloudFront)"),
            ("x-amz-cf-pop", "FRA60-P1"),
            ("x-amz-cf-id", "Nq3rFh5cS2c7"),
        ),
        unknown=_cloudfront(403, "Bad request. We can't connect to the server for this app."),
        failed=_cloudfront(502, "CloudFront wasn't able to connect to the origin."),
        failures={
            Cause.REFUSED: _cloudfront(
                502, "CloudFront attempted to establish a connection with the origin."
            ),
            Cause.TIMEOUT: _cloudfront(504, "We can't connect to the server for this app."),
        },
        default_name="*.cloudfront.net",
    ),
    Imitation(
        name="cloudflare",
        headers=(("server", "cloudflare"), ("cf-ray", "8f1b2c3d4e5f6a7b-FRA")),
        unknown=_page(409, "error code: 1001", ("cf-error-type", "1001")),
        failed=_cloudflare(520, "Web server is returning an unknown error"),
        failures={
            Cause.REFUSED: _cloudflare(521, "Web server is down"),
            Cause.TIMEOUT: _cloudflare(522, "Connection timed out"),
            Cause.HANDSHAKE: _cloudflare(525, "SSL handshake failed"),
            Cause.CERTIFICATE: _cloudflare(526, "Invalid SSL certificate"),
        },
        default_name="sni.cloudflaressl.com",
    ),
    Imitation(
        name="fastly",
        headers=(
            ("via", "1.1 varnish"),
            ("x-served-by", "cache-fra-eddf8230020-FRA"),
            ("x-timer", "S1790000000.000000,VS0,VE1"),
        ),
        unknown=_page(500, "Fastly error: unknown domain. Please check that it is configured."),
        failed=_page(503, "<h1>Error 503 backend fetch failed</h1>"),
        default_name="default.ssl.fastly.net",
    ),
    Imitation(
        name="keycdn",
        headers=(("server", "keycdn-engine"), ("x-edge-location", "defr")),
        unknown=_page(403, "The access to the resource has been denied."),
        failed=_page(500, "Origin Error"),
        default_name="*.kxcdn.com",
    ),
    Imitation(
        name="google",
        headers=(("via", "1.1 google"),),
        unknown=_page(404, "default backend NotFound"),
        failed=_page(502, "<h1>Error: Server Error</h1>"),
        default_name="lb.google-default.test",
    ),
    Imitation(
        name="azure",
        headers=(("x-azure-ref", "20261121T080000Z-lab"),),
        unknown=_page(404, _AZURE),
        failed=_page(504, _AZURE),
        failures={Cause.CERTIFICATE: _page(503, f"{_AZURE} OriginInvalidResponse")},
        default_name="*.azurefd.net",
    ),
    Imitation(
        name="akamai",
        headers=(("server", "AkamaiGHost"),),
        unknown=_page(400, "Invalid URL. Reference #9.44952317.1790000000"),
        failed=_page(503, "Service Unavailable. Reference #11.44952317.1790000000"),
        failures={Cause.CERTIFICATE: _page(503, "Reference #30.44952317.1790000000")},
        default_name="a248.e.akamai.net",
    ),
    Imitation(
        name="bunny",
        headers=(("server", "BunnyCDN-DE1-1048"), ("cdn-pullzone", "770123")),
        unknown=_page(403, "<h1>Domain suspended or not configured</h1>"),
        failed=_page(502, "<h1>502 Bad Gateway</h1>"),
        default_name="*.b-cdn.net",
    ),
    Imitation(
        name="vercel",
        headers=(("server", "Vercel"), ("x-vercel-id", "fra1::lab")),
        unknown=_page(404, "DEPLOYMENT_NOT_FOUND"),
        failed=_page(502, "ROUTER_EXTERNAL_TARGET_ERROR"),
        default_name="*.vercel.app",
    ),
    Imitation(
        name="netlify",
        headers=(("server", "Netlify"), ("x-nf-request-id", "01JLAB")),
        unknown=_page(404, "Not Found - Request ID: 01JLAB"),
        failed=_page(502, "<h1>502 Bad Gateway</h1>"),
        default_name="*.netlify.app",
    ),
    Imitation(
        name="apigateway",
        headers=(("x-amz-apigw-id", "Lab123="),),
        unknown=_page(403, '{"message":"Forbidden"}', ("x-amzn-errortype", "ForbiddenException")),
        failed=_page(504, '{"message":"Endpoint request timed out"}'),
        default_name="*.execute-api.eu-central-1.amazonaws.com",
    ),
    Imitation(
        name="proxy",
        headers=(("server", "nginx"),),
        unknown=_page(404, "<h1>404 Not Found</h1>"),
        failed=_page(502, "<h1>502 Bad Gateway</h1>"),
    ),
)
