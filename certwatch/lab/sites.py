"""What a customer's site on an edge does with requests: the healthy way, and every wrong one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

from certwatch.lab.http import Request, Respond, Response, http_date, redirect

HSTS = ("strict-transport-security", "max-age=31536000")
CHALLENGES = "/.well-known/acme-challenge/"


class Quirk(StrEnum):
    """A site's misconfiguration."""

    NOT_REDIRECTED = "not_redirected"  # port 80 answers by itself
    OFF_HOST = "off_host"  # port 80 redirects to the customer's web site
    LOOP = "loop"  # https redirects to itself
    CACHED = "cached"  # redirects come from the cache
    PINNED = "pinned"  # Public-Key-Pins
    NO_HSTS = "no_hsts"
    WAF = "waf"  # a firewall forbids the challenge path
    WRONG_DATE = "wrong_date"  # the server's clock is a day behind
    ENDLESS = "endless"  # the body never ends
    MUTE = "mute"  # https: the connection ends where an answer should come
    MUTE_HTTP = "mute_http"  # the same on port 80
    OTHER_SITE = "other_site"  # a web site instead of the tracking host
    UNKNOWN = "unknown"  # the edge was never told of this name
    DROPS_HOST = "drops_host"  # the origin sees its own name as Host
    DROPS_QUERY = "drops_query"
    LOWERS_CASE = "lowers_case"  # of path and query, which damages every token


def secured(behind: Respond) -> Respond:
    """A healthy site: http is redirected to https on the same host, path and query; HSTS is set."""

    async def respond(request: Request) -> Response:
        if request.scheme == "http":
            return redirect(f"https://{request.host}{request.target}")
        return (await behind(request)).with_headers(HSTS)

    return respond


def site_of(behind: Respond, quirks: tuple[Quirk, ...]) -> Respond:
    """A site with its quirks; ``behind`` is what it hands requests on to."""
    for quirk in quirks:
        if rewrite := _REWRITES.get(quirk):
            behind = _rewritten(behind, rewrite)
    site = secured(behind)
    for quirk in quirks:
        if change := _CHANGES.get(quirk):
            site = change(site, behind)
    return site


def _rewritten(behind: Respond, rewrite: Callable[[Request], str]) -> Respond:
    async def respond(request: Request) -> Response:
        return await behind(replace(request, target=rewrite(request)))

    return respond


Change = Callable[[Respond, Respond], Respond]


def _on_http(answer: Callable[[Request], Response]) -> Change:
    def change(site: Respond, behind: Respond) -> Respond:
        async def respond(request: Request) -> Response:
            return answer(request) if request.scheme == "http" else await site(request)

        return respond

    return change


def _on_https(edit: Callable[[Request, Response], Response]) -> Change:
    def change(site: Respond, behind: Respond) -> Respond:
        async def respond(request: Request) -> Response:
            response = await site(request)
            return edit(request, response) if request.scheme == "https" else response

        return respond

    return change


def _not_redirected(site: Respond, behind: Respond) -> Respond:
    async def respond(request: Request) -> Response:
        return await (behind if request.scheme == "http" else site)(request)

    return respond


def _mute(scheme: str) -> Change:
    def change(site: Respond, behind: Respond) -> Respond:
        async def respond(request: Request) -> Response:
            if request.scheme == scheme:
                raise ConnectionResetError
            return await site(request)

        return respond

    return change


def _waf(site: Respond, behind: Respond) -> Respond:
    async def respond(request: Request) -> Response:
        if request.path.startswith(CHALLENGES):
            return Response(status=403, body="Request blocked")
        return await site(request)

    return respond


def _itself(request: Request, _: Response) -> Response:
    return redirect(f"https://{request.host}{request.target}").with_headers(HSTS)


def _parent(request: Request) -> Response:
    return redirect(f"https://www.{request.host.partition('.')[2]}/")


_PINS = ("public-key-pins", 'pin-sha256="bGFiLW9ubHk="; max-age=5184000')
_CACHE = (("age", "4711"), ("x-cache", "HIT"))
_CHANGES: Mapping[Quirk, Change] = {
    Quirk.NOT_REDIRECTED: _not_redirected,
    Quirk.WAF: _waf,
    Quirk.OFF_HOST: _on_http(_parent),
    Quirk.LOOP: _on_https(_itself),
    Quirk.CACHED: _on_https(lambda _, response: response.with_headers(*_CACHE)),
    Quirk.PINNED: _on_https(lambda _, response: response.with_headers(_PINS)),
    Quirk.NO_HSTS: _on_https(lambda _, response: response.without("strict-transport-security")),
    Quirk.WRONG_DATE: _on_https(
        lambda _, response: response.with_headers(("date", http_date(-timedelta(days=1))))
    ),
    Quirk.ENDLESS: _on_https(lambda _, response: replace(response, endless=True)),
    Quirk.MUTE: _mute("https"),
    Quirk.MUTE_HTTP: _mute("http"),
}
_REWRITES: Mapping[Quirk, Callable[[Request], str]] = {
    Quirk.DROPS_QUERY: lambda request: request.path,
    Quirk.LOWERS_CASE: lambda request: request.target.lower(),
}
