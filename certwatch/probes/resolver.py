"""DNS answers, shared within one sweep: aliases followed, failures kept apart."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import dns.exception
import dns.resolver

from certwatch.core.model import CaaView, DnsStatus, ResolverState
from certwatch.core.names import parents
from certwatch.probes import guard, wire
from certwatch.probes.exchange import Exchange, Nameserver
from certwatch.probes.wire import Reply, Value

MAX_TARGETS = 16  # a longer chain of aliases counts as a loop
_MAX_REPLIES = 16_384

# Which of two failures says more about a name, the first the most.
_TELLING = (
    DnsStatus.OK,
    DnsStatus.LOOP,
    DnsStatus.NXDOMAIN,
    DnsStatus.SERVFAIL,
    DnsStatus.REFUSED,
    DnsStatus.MALFORMED,
    DnsStatus.TIMEOUT,
    DnsStatus.UNREACHABLE,
    DnsStatus.EMPTY,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Where a question ended: ``chain`` holds the alias targets passed on the way."""

    status: DnsStatus
    chain: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()


def system_nameservers() -> tuple[Nameserver, ...]:
    """The nameservers that this machine uses; empty when it has none."""
    try:
        found = dns.resolver.Resolver().nameservers
    except (dns.exception.DNSException, OSError):
        return ()
    return tuple((address, 53) for address in found if isinstance(address, str))


class Resolver:
    """Answers of one sweep. Who asks what another asked before, or asks now, shares its answer."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._replies: dict[tuple[str, int], asyncio.Future[Reply]] = {}

    def ask(self, name: str, rdtype: int) -> asyncio.Future[Reply]:
        """Send a question unless it was sent before; do not await the future unshielded."""
        key = (name, rdtype)
        reply = self._replies.get(key)
        if reply is None:
            if len(self._replies) >= _MAX_REPLIES:
                del self._replies[next(iter(self._replies))]
            reply = self._replies[key] = self._exchange.ask(name, rdtype)
        return reply

    async def _reply(self, name: str, rdtype: int) -> Reply:
        future = self.ask(name, rdtype)
        return future.result() if future.done() else await asyncio.shield(future)

    async def resolve(self, name: str, rdtype: int) -> Answer:
        """Follow aliases from a name to values of a type (RFC 1034 section 3.6.2).

        Nameservers give the whole chain at once, or one step at a time; both end the same.
        """
        chain: list[str] = []
        at = name
        while True:
            reply = await self._reply(at, rdtype)
            before = at
            while target := reply.values.get((at, wire.CNAME)):
                at = str(target[0])
                if at == name or at in chain or len(chain) == MAX_TARGETS:
                    return Answer(DnsStatus.LOOP, (*chain, at))
                chain.append(at)
            values = reply.values.get((at, rdtype), ())
            if reply.status is not DnsStatus.OK or values:
                return Answer(reply.status, tuple(chain), values)
            if reply.negative or at == before:
                return Answer(DnsStatus.EMPTY, tuple(chain))

    async def trace(self, name: str) -> Answer:
        """The aliases of a name, asked link by link: for a nameserver that fails on the whole."""
        chain: list[str] = []
        at = name
        while links := (await self._reply(at, wire.CNAME)).values.get((at, wire.CNAME)):
            at = str(links[0])
            if at == name or at in chain or len(chain) == MAX_TARGETS:
                return Answer(DnsStatus.LOOP, (*chain, at))
            chain.append(at)
        return Answer(DnsStatus.SERVFAIL, tuple(chain))

    async def addresses(self, name: str) -> Answer:
        """IPv4 then IPv6 addresses of a name, sorted; an IP address is its own."""
        if guard.is_address(name):
            return Answer(DnsStatus.OK, (), (name,))
        self.ask(name, wire.AAAA)
        four = await self.resolve(name, wire.A)
        six = await self.resolve(name, wire.AAAA)
        values = (*sorted(set(four.values), key=str), *sorted(set(six.values), key=str))
        status = min(four.status, six.status, key=_TELLING.index)
        chain = max(four.chain, six.chain, key=len)
        if status is DnsStatus.SERVFAIL and not values and not chain:
            traced = await self.trace(name)
            status, chain = traced.status, traced.chain
        return Answer(status, chain, values)

    async def zone(self, registered: str) -> tuple[str | None, tuple[str, ...]]:
        """The zone that holds a registered domain, and its nameservers."""
        for name in parents(registered):
            reply = await self._reply(name, wire.NS)
            found = reply.values.get((name, wire.NS))
            if found and "." in name:
                return name, tuple(sorted(cast(Sequence[str], found)))
        return None, ()

    async def caa(self, name: str) -> CaaView:
        """The CAA records that apply: nearest name first, each through its alias (RFC 8659, 3)."""
        for candidate in parents(name):
            answer = await self.resolve(candidate, wire.CAA)
            if answer.status is DnsStatus.OK:
                records = cast(tuple[tuple[int, str, str], ...], answer.values)
                return CaaView(status=DnsStatus.OK, found_at=candidate, records=records)
            if answer.status not in (DnsStatus.EMPTY, DnsStatus.NXDOMAIN):
                return CaaView(status=answer.status, found_at=candidate)
        return CaaView(status=DnsStatus.OK)

    async def state(self) -> ResolverState:
        """How the nameservers do, asked afresh for the root: a closed network may hide it."""
        reply = await self._exchange.ask(".", wire.NS)
        if reply.status in (DnsStatus.TIMEOUT, DnsStatus.UNREACHABLE):
            return ResolverState.SILENT
        knows = any(rdtype == wire.NS for _, rdtype in reply.values)
        return ResolverState.WELL if knows else ResolverState.LOST
