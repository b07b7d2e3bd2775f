"""The e-mail services' own tracking hosts, as far as certwatch can tell them from outside.

Each knows one good link (``Tracking.link``): asked for it with path, query and Host intact, it
redirects to the destination. What it says to everything else is the service's own habit.
"""

from collections.abc import Container
from dataclasses import dataclass

from certwatch.lab.http import Headers, Request, Respond, Response, redirect

DESTINATION = "https://www.shop.test/offer?from=mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """One service's habits: ``bare`` answers what is no link, ``stranger`` an unknown Host."""

    provider: str
    link: str  # path and query of the good link
    bare: Response
    stranger: Response
    headers: Headers = ()


def tracking_host(habits: Tracking, customers: Container[str]) -> Respond:
    """A tracking host for these customers' domains; ``customers`` may grow while it serves."""

    async def respond(request: Request) -> Response:
        if request.host not in customers:
            answer = habits.stranger
        elif request.target == habits.link:
            answer = redirect(DESTINATION, 302)
        else:
            answer = habits.bare
        return answer.with_headers(*habits.headers)

    return respond


def _page(status: int, body: str) -> Response:
    return Response(status=status, headers=(("content-type", "text/html"),), body=body)


_NOT_FOUND = _page(404, "not found")
_WELCOME = _page(200, "ok")
_BAD_HOSTNAME = _page(404, "<h1>Bad Hostname in Link</h1>It contains a bad hostname.")
_WRONG_LINK = _page(404, "<title>Wrong Link</title>You have clicked on an invalid link.")

TRACKING = (
    Tracking(
        provider="sparkpost",
        link="/f/a/Tm9Ub2tlbg~~/AAQ/RgRk?target=offer",
        bare=Response(status=302),
        stranger=Response(status=302),
        headers=(("server", "msys-http"),),
    ),
    Tracking(
        provider="sendgrid",
        link="/ls/click?upn=u001.Tm9Ub2tlbg-3D-3D",
        bare=_WRONG_LINK,
        stranger=_BAD_HOSTNAME,
        headers=(("server", "nginx"),),
    ),
    Tracking(
        provider="ses",
        link="/L0/offer/1/0100Tm9U?k=v",
        bare=_WELCOME,
        stranger=_page(403, "denied"),
    ),
    Tracking(provider="customerio", link="/e/c/Tm9Ub2tlbg?v=2", bare=_WELCOME, stranger=_NOT_FOUND),
    Tracking(provider="mailgun", link="/c/Tm9Ub2tlbg", bare=_WELCOME, stranger=_NOT_FOUND),
    Tracking(provider="iterable", link="/a/click?_t=Tm9U", bare=_WELCOME, stranger=_NOT_FOUND),
    Tracking(provider="mailjet", link="/lnk/Tm9Ub2tlbg", bare=_WELCOME, stranger=_NOT_FOUND),
    Tracking(provider="postmark", link="/3s/Tm9Ub2tlbg", bare=_WELCOME, stranger=_NOT_FOUND),
)
