"""One look at one domain: which questions follow from which answers."""

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from certwatch.core.identify import Questions
from certwatch.core.model import (
    AddressView,
    DnsView,
    Failure,
    HttpView,
    Observation,
    OriginView,
    TlsView,
    TrackingDomain,
    TrustVerdict,
)
from certwatch.core.names import matches, normalise, registered_domain
from certwatch.errors import InvalidName
from certwatch.probes import tls
from certwatch.probes.crl import Revocations
from certwatch.probes.dial import Addresses, Dialler
from certwatch.probes.link import Link
from certwatch.probes.once import Once
from certwatch.probes.origin import Origin
from certwatch.probes.resolver import Resolver
from certwatch.probes.tls import Verify
from certwatch.probes.trouble import Failed
from certwatch.probes.web import CLEAR, Url, Web, http_view, split_link

_CHALLENGE = "/.well-known/acme-challenge/certwatch-probe"
_CACHE_MARKS = ("age", "x-cache", "cf-cache-status", "x-cache-status")

# With these an address is up, and worth the questions about itself.
_UP = (None, Failure.ALERT, Failure.EOF, Failure.MALFORMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the looks of one sweep have in common."""

    resolver: Resolver
    addresses: Addresses
    verify: Verify
    revocations: Revocations | None  # None: do not ask
    https_port: int
    http_port: int
    agent: str
    views: Once[str, AddressView]
    parents: Once[str, HttpView | None]

    async def close(self) -> None:
        """Cancel what nobody awaits any more."""
        await self.views.close()
        await self.parents.close()
        if self.revocations is not None:
            await self.revocations.close()
        self.addresses.close()


T = TypeVar("T")
Secure = tuple[TlsView, HttpView | None, AddressView | None]


class Look:
    """The questions to one domain, once its DNS is known."""

    def __init__(
        self, shared: Shared, domain: TrackingDomain, seen: DnsView, now: datetime
    ) -> None:
        self._shared = shared
        self._domain = domain
        self._dns = seen
        self._now = now
        self._dialler = Dialler(shared.addresses)
        self._web = Web(
            self._dialler,
            https_port=shared.https_port,
            http_port=shared.http_port,
            agent=shared.agent,
        )

    async def certificates(self) -> Observation:
        """Only the handshake with every address."""
        seen = await all_of(self._handshake(address) for address in self._dns.addresses)
        return Observation(domain=self._domain.name, observed_at=self._now, dns=self._dns, tls=seen)

    async def everything(self, questions: Questions) -> Observation:
        """All addresses under TLS and in clear, the origin beside them, all at once; then what the
        answers call for."""
        host, path, here = self._domain.name, questions.probe_path, self._dns.addresses
        secure_url, clear_url = Url("https", host, path), Url("http", host, path)
        challenge_url = Url("http", host, _CHALLENGE)
        challenged = here if questions.challenge else ()
        secure, clear, challenge, origin = await asyncio.gather(
            all_of(self._secure(address, secure_url) for address in here),
            all_of(self._web.view(address, clear_url, CLEAR) for address in here),
            all_of(self._web.view(address, challenge_url) for address in challenged),
            self._origin(questions),
        )
        shaken = tuple(seen for seen, _, _ in secure)
        https = tuple(answer for _, answer, _ in secure if answer)
        return Observation(
            domain=host,
            observed_at=self._now,
            dns=self._dns,
            tls=shaken,
            addresses=tuple(view for _, _, view in secure if view),
            https=https,
            http=clear,
            challenge=challenge,
            repeat=await self._repeat(https, secure_url),
            sample=await self._sample(shaken),
            parent=await self._parent(shaken),
            origin=origin,
        )

    async def _handshake(self, address: str) -> TlsView:
        try:
            async with self._open_tls(address) as link:
                seen = self._view(link, address)
        except Failed as failure:
            return self._failed(address, failure)
        return await self._with_revocation(seen)

    async def _secure(self, address: str, url: Url) -> Secure:
        """The handshake, the question on the same connection, and what belongs to the address."""
        answer: HttpView | None = None
        try:
            async with self._open_tls(address) as link:
                seen = self._view(link, address)
                first = await self._web.ask_on(link, url)
        except Failed as failure:
            seen = self._failed(address, failure)
        else:
            seen = await self._with_revocation(seen)
            answer = await self._web.finish(address, url, first)
        return seen, answer, await self._address_view(seen)

    def _open_tls(self, address: str) -> AbstractAsyncContextManager[Link]:
        return self._dialler.open_tls(address, self._shared.https_port, self._domain.name)

    def _view(self, link: Link, address: str) -> TlsView:
        shared = self._shared
        return tls.view(link, address, shared.https_port, shared.verify, self._now)

    def _failed(self, address: str, failure: Failed) -> TlsView:
        port = self._shared.https_port
        return TlsView(address=address, port=port, trouble=failure.trouble)

    async def _with_revocation(self, seen: TlsView) -> TlsView:
        if self._shared.revocations is None or seen.path is None:
            return seen
        verdict, since = await self._shared.revocations.verdict(seen.chain, seen.path, self._now)
        return replace(seen, revocation=verdict, revoked_at=since)

    async def _address_view(self, seen: TlsView) -> AddressView | None:
        """What the address does for nobody in particular, asked once in a sweep if it is up."""
        if seen.trouble and seen.trouble.kind not in _UP:
            return None
        shared, name = self._shared, self._domain.name
        return await shared.views.get(
            seen.address,
            lambda: tls.address_view(
                Dialler(shared.addresses), seen.address, shared.https_port, name
            ),
        )

    async def _origin(self, questions: Questions) -> OriginView | None:
        if questions.origin is None:
            return None
        origin = Origin(*questions.origin)
        url = Url(origin.scheme, self._domain.name, questions.probe_path)
        shared = self._shared
        return await origin.view(
            url, shared.resolver, self._dialler, self._web, shared.verify, self._now
        )

    async def _repeat(self, https: tuple[HttpView, ...], url: Url) -> HttpView | None:
        """The same question once more, where a redirect seems to come from a cache."""
        first = https[0] if https else None
        if first is None or first.status is None or not (first.hops or 300 <= first.status < 400):
            return None
        if not any(first.header(mark) for mark in _CACHE_MARKS):
            return None
        return await self._web.view(first.address, url)

    async def _sample(self, shaken: tuple[TlsView, ...]) -> HttpView | None:
        """The sample link, if it is one of this domain."""
        address = next((seen.address for seen in shaken if not seen.trouble), None)
        if address is None or self._domain.sample_link is None:
            return None
        try:
            host, target = split_link(self._domain.sample_link)
            name = normalise(host or "")
        except (ValueError, InvalidName):
            return None
        if name != self._domain.name:
            return None
        return await self._web.view(address, Url("https", name, target))

    async def _parent(self, shaken: tuple[TlsView, ...]) -> HttpView | None:
        """The answer of the registered domain where HTTPS is broken here: it may force HTTPS."""
        name = registered_domain(self._domain.name)
        if not shaken or name == self._domain.name:
            return None
        if any(self._usable(seen, self._domain.name) for seen in shaken):
            return None
        return await self._shared.parents.get(name, lambda: self._ask_parent(name))

    async def _ask_parent(self, name: str) -> HttpView | None:
        """Only an answer under a right certificate counts (RFC 6797 section 8.1)."""
        shared = self._shared
        found = await shared.resolver.addresses(name)
        if not found.values:
            return None
        address, url = str(found.values[0]), Url("https", name, "/")
        try:
            async with Dialler(shared.addresses).open_tls(address, shared.https_port, name) as link:
                seen = self._view(link, address)
                answer = await self._web.ask_on(link, url)
        except Failed:
            return None
        return http_view(address, url, answer) if self._usable(seen, name) else None

    def _usable(self, seen: TlsView, name: str) -> bool:
        """Whether a browser would accept this certificate for the name now."""
        leaf, path = seen.leaf, seen.path
        return (
            leaf is not None
            and path is not None
            and path.verdict is TrustVerdict.TRUSTED
            and leaf.not_before <= self._now < leaf.not_after
            and any(matches(pattern, name) for pattern in leaf.sans)
        )


async def all_of(work: Iterable[Coroutine[Any, Any, T]]) -> tuple[T, ...]:
    """All results in order; the work runs at once, and without a task when it is one thing."""
    waiting = list(work)
    if len(waiting) == 1:
        return (await waiting[0],)
    return tuple(await asyncio.gather(*waiting))
