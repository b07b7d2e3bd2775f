"""The origin behind an edge, asked directly with the tracking domain as Host."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from certwatch.core.model import Failure, HttpView, OriginView, TlsView, Trouble
from certwatch.probes import tls
from certwatch.probes.dial import Dialler
from certwatch.probes.http import Answer
from certwatch.probes.resolver import Resolver
from certwatch.probes.tls import Verify
from certwatch.probes.trouble import Failed
from certwatch.probes.web import Url, Web, http_view

_MAX_ADDRESSES = 4  # tried in order until one answers

Seen = tuple[TlsView | None, HttpView | None]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an edge forwards to; ``scheme`` is https or http. SNI is its own host name."""

    host: str
    port: int
    scheme: str

    async def view(
        self,
        url: Url,
        resolver: Resolver,
        dialler: Dialler,
        web: Web,
        verify: Verify,
        now: datetime,
    ) -> OriginView:
        """Ask it for ``url``, whose host is the tracking domain; redirects are not followed.

        Kept is what the first address that connects gave, else what the last one came to.
        """
        found = await resolver.addresses(self.host)
        tried: str | None = None
        seen: Seen = (None, None)
        for tried in cast(tuple[str, ...], found.values)[:_MAX_ADDRESSES]:
            seen = await self._look(tried, url, dialler, web, verify, now)
            if not any(view and view.trouble for view in seen):
                break
        return OriginView(
            host=self.host,
            port=self.port,
            scheme=self.scheme,
            dns=found.status,
            address=tried,
            tls=seen[0],
            http=seen[1],
        )

    async def _look(
        self, address: str, url: Url, dialler: Dialler, web: Web, verify: Verify, now: datetime
    ) -> Seen:
        try:
            if self.scheme == "http":
                async with dialler.open(address, self.port) as link:
                    return None, http_view(address, url, await web.ask_on(link, url))
            while True:  # a connection kept from an earlier look may have been closed meanwhile
                async with dialler.borrow_tls(address, self.port, self.host) as link:
                    used, link.kept = link.kept, True
                    shaken = tls.view(link, address, self.port, verify, now)
                    answer = await web.ask_on(link, url)
                    link.kept = link.kept and isinstance(answer, Answer)
                if not (used and _closed(answer)):
                    return shaken, http_view(address, url, answer)
        except Failed as failure:
            if self.scheme == "http":
                return None, http_view(address, url, failure.trouble)
            return TlsView(address=address, port=self.port, trouble=failure.trouble), None


def _closed(answer: Answer | Trouble) -> bool:
    return isinstance(answer, Trouble) and answer.kind in (Failure.EOF, Failure.RESET)
