"""HTTP answers of pinned addresses, redirects read step by step and never followed off the host."""

import re
from collections.abc import Collection, Container
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from certwatch.core.model import Hop, HttpView, Trouble
from certwatch.probes import http
from certwatch.probes.dial import Dialler
from certwatch.probes.http import Answer
from certwatch.probes.link import Link
from certwatch.probes.trouble import Failed

_MAX_HOPS = 5
_MAX_LOCATION = 2048
_STANDARD = {"https": 443, "http": 80}
_DISPUTED = re.compile(r"\\|^[a-z]*:?///", re.IGNORECASE)  # browsers see another host there
_SAFE = "!$%&'()*+,-./:;=?@_~[]|"

ANY_REDIRECT = range(300, 400)
BOTH = frozenset(("http", "https"))
CLEAR = frozenset(("http",))


@dataclass(frozen=True, slots=True)
class Url:
    """What is asked of a host; ``target`` is path and query. The port is the settings' own."""

    scheme: str
    host: str
    target: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.target}"


def split_link(link: str) -> tuple[str | None, str]:
    """Host and request target of a URL: no fragment, nothing that breaks a request line.

    Raises ValueError for a URL that cannot be split.
    """
    parts = urlsplit(link)
    return parts.hostname, target_of(parts)


def target_of(parts: SplitResult) -> str:
    """Path and query as they go into a request line."""
    return quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_SAFE)


class Web:
    """Asks HTTP questions for one sweep.

    ``https_port`` and ``http_port`` stand for 443 and 80: URLs and the Host header do not show
    them, and a redirect to either is a redirect to the host itself.
    """

    def __init__(self, dialler: Dialler, *, https_port: int, http_port: int, agent: str) -> None:
        self._dialler = dialler
        self._ports = {"https": https_port, "http": http_port}
        self._agent = agent

    async def view(
        self,
        address: str,
        url: Url,
        follow: Collection[str] = BOTH,
        *,
        statuses: Container[int] = ANY_REDIRECT,
        most: int = _MAX_HOPS,
    ) -> HttpView:
        """Ask an address for a URL, over a connection of its own; never raises."""
        first = await self._ask(address, url)
        return await self.finish(address, url, first, follow, statuses=statuses, most=most)

    async def ask_on(self, link: Link, url: Url) -> Answer | Trouble:
        """Ask over an open connection."""
        try:
            return await http.get(link, url.host, url.target, self._agent, self._dialler.timeout)
        except Failed as failure:
            return failure.trouble

    async def finish(
        self,
        address: str,
        url: Url,
        first: Answer | Trouble,
        follow: Collection[str] = BOTH,
        *,
        statuses: Container[int] = ANY_REDIRECT,
        most: int = _MAX_HOPS,
    ) -> HttpView:
        """The view that a first answer leads to: redirects of these statuses are read while they
        stay on the host, on the schemes to follow, ``most`` of them. A Location seen before is the
        last one read.
        """
        hops: list[Hop] = []
        seen: set[Url] = set()
        here, answer = url, first
        while isinstance(answer, Answer) and answer.status in statuses and len(hops) < most:
            onward = self._onward(here, answer)
            if onward is None or onward.scheme not in follow:
                break
            hops.append(Hop(str(here), answer.status, answer.header("location") or ""))
            if onward in seen:
                break
            seen.add(onward)
            here, answer = onward, await self._ask(address, onward)
        return http_view(address, url, answer, tuple(hops))

    def _onward(self, here: Url, answer: Answer) -> Url | None:
        """Where an answer redirects to on the same host."""
        location = answer.header("location")
        if location is None or len(location) > _MAX_LOCATION:
            return None
        if _DISPUTED.search(location):
            return None
        try:
            parts = urlsplit(urljoin(str(here), location.strip()))
            port, target = parts.port, target_of(parts)
        except ValueError:
            return None
        own = (None, _STANDARD.get(parts.scheme), self._ports.get(parts.scheme))
        if parts.scheme not in self._ports or parts.hostname != here.host or port not in own:
            return None
        return Url(parts.scheme, here.host, target)

    async def _ask(self, address: str, url: Url) -> Answer | Trouble:
        try:
            async with self._open(address, url) as link:
                return await self.ask_on(link, url)
        except Failed as failure:
            return failure.trouble

    def _open(self, address: str, url: Url) -> AbstractAsyncContextManager[Link]:
        port = self._ports[url.scheme]
        if url.scheme == "https":
            return self._dialler.open_tls(address, port, url.host)
        return self._dialler.open(address, port)


def http_view(
    address: str, url: Url, answer: Answer | Trouble, hops: tuple[Hop, ...] = ()
) -> HttpView:
    """An answer, or why there is none, as a value."""
    if isinstance(answer, Trouble):
        return HttpView(address=address, url=str(url), trouble=answer, hops=hops)
    return HttpView(
        address=address,
        url=str(url),
        status=answer.status,
        headers=answer.headers,
        body=answer.text,
        hops=hops,
    )
