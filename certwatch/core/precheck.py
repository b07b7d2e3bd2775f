"""Whether a CA could validate a domain: every address must give back the token that we planted."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

from certwatch.core.model import Failure, HttpView

_MUTE = {
    Failure.RESET: "resets the connection",
    Failure.EOF: "closes the connection without an answer",
    Failure.TIMEOUT: "does not answer in time",
    Failure.MALFORMED: "answers with something that is not HTTP",
    Failure.REFUSED: "refuses the connection",
    Failure.UNREACHABLE: "cannot be reached",
    Failure.FORBIDDEN: "is an address that no CA can reach",
}
_SHOWN = 60  # characters of a stranger's text

Fault = tuple[str, str, dict[str, Any]]  # summary, remedy, facts


def challenge_fault(views: Sequence[HttpView], expected: str) -> Fault | None:
    """What keeps a CA from the challenge, as (summary, remedy, facts); None when nothing does.

    ``views`` are the answers of a domain's addresses to a planted token, ``expected`` what was
    planted. An address that our own side kept us from asking says nothing, unless all are such.
    Texts of the other side are clipped, and hostile until escaped.
    """
    if not views:
        return (
            "the domain has no address that could be asked for the ACME challenge",
            "point the domain to the edge in DNS, then try again",
            {"addresses": {}},
        )
    asked = [view for view in views if not _is_ours(view)]
    found = {view.address: why for view in asked if (why := _why(view, expected))}
    if asked and not found:
        return None
    host = _host(views[0].url)
    if not asked:
        return (
            f"the ACME challenge path of {host} cannot be asked from here: {_told(views[0])}",
            "check this machine's network: `certwatch doctor`",
            {"addresses": {view.address: _told(view) for view in views}},
        )
    address, why = next(iter(found.items()))
    return (
        f"the ACME challenge path of {host} does not give our token back: {address} {why}",
        _remedy(host, next(view for view in asked if view.address == address)),
        {"addresses": found},
    )


def _is_ours(view: HttpView) -> bool:
    return view.trouble is not None and view.trouble.kind is Failure.LOCAL


def _why(view: HttpView, expected: str) -> str | None:
    """What an address did instead; only a 200 counts, and white space after the token does not
    (letsencrypt/boulder, va/http.go)."""
    if view.trouble is not None:
        return _told(view) + _after_redirects(view)
    if view.status == 200 and view.body.rstrip() == expected:
        return None
    if onward := _onward(view):
        return f"redirects to {_clip(onward)}" + _after_redirects(view)
    content = f" with {_clip(view.body)!r}" if view.status == 200 else ""
    return f"answers {view.status}{content}" + _after_redirects(view)


def _told(view: HttpView) -> str:
    if view.trouble is None:
        return ""
    kind, detail = view.trouble.kind, view.trouble.detail
    return _MUTE.get(kind) or ": ".join(part for part in (kind.value, _clip(detail)) if part)


def _onward(view: HttpView) -> str | None:
    """Where the last answer redirects to, which was not followed."""
    location = view.header("location")
    if location is None or not 300 <= (view.status or 0) < 400:
        return None
    return _join(_last(view), location)


def _last(view: HttpView) -> str:
    """The URL asked last."""
    return _join(view.hops[-1].url, view.hops[-1].location) if view.hops else view.url


def _after_redirects(view: HttpView) -> str:
    return f" (redirected to {_clip(_last(view))})" if view.hops else ""


def _remedy(host: str, view: HttpView) -> str:
    if view.trouble is not None and view.trouble.kind is Failure.FORBIDDEN:
        return (
            f"remove {view.address} from {host} in DNS; where a private address is meant, set"
            " probe.allow_private_addresses = true"
        )
    if view.trouble is not None and view.trouble.kind is not Failure.MALFORMED and not view.hops:
        return (
            f"open the http port of {view.address} and let it lead to certwatch's challenge"
            f" listener (acme.challenge_listen), or remove that address from {host} in DNS"
        )
    if (onward := _onward(view)) and _host(onward) != host:
        return f"answer http://{host}/.well-known/acme-challenge/ on {host} itself, not elsewhere"
    return (
        f"let http://{host}/.well-known/acme-challenge/ reach certwatch's challenge listener"
        " (acme.challenge_listen), past redirects, logins, caches and firewalls;"
        " `certwatch edge render nginx` writes a configuration that does"
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _join(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:
        return location


def _clip(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
