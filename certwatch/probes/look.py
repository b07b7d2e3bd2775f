"""The network as the services see it: a prober opens sweeps, a sweep looks at domains."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from certwatch.core.model import (
    DnsStatus,
    DnsView,
    HttpView,
    Observation,
    ResolverState,
    TrackingDomain,
)
from certwatch.ports import Ask
from certwatch.probes import challenge, dns, http
from certwatch.probes.crl import Revocations, Shelf
from certwatch.probes.dial import Addresses
from certwatch.probes.exchange import Exchange, Nameserver
from certwatch.probes.once import Once
from certwatch.probes.resolver import Resolver, system_nameservers
from certwatch.probes.stages import Look, Shared
from certwatch.probes.tls import Verify

_DNS_PATIENCE = 4  # DNS timeouts that all questions about one domain may take together


class NetworkProber:
    """Implements ``ports.Prober``.

    ``ask`` decides which questions a domain gets; ``verify`` tells where a served chain leads.
    ``nameservers`` are (address, port) pairs, the system's when there are none. ``timeout`` bounds
    a connection, a handshake and an answer each. ``https_port`` and ``http_port`` stand for 443
    and 80. ``certificates_only`` leaves out everything but addresses and handshakes.
    """

    def __init__(
        self,
        *,
        ask: Ask,
        verify: Verify,
        nameservers: Sequence[Nameserver] = (),
        dns_timeout: timedelta = timedelta(seconds=3),
        https_port: int = 443,
        http_port: int = 80,
        timeout: timedelta = timedelta(seconds=10),
        per_address: int = 8,
        allow_private_addresses: bool = False,
        certificates_only: bool = False,
        revocation: bool = True,
        contact: str = "",
    ) -> None:
        self._ask = ask
        self._verify = verify
        self._nameservers = tuple(nameservers)
        self._dns_timeout = dns_timeout.total_seconds()
        self._https_port = https_port
        self._http_port = http_port
        self._timeout = timeout.total_seconds()
        self._per_address = per_address
        self._allow_private = allow_private_addresses
        self._certificates_only = certificates_only
        self._revocation = revocation
        self._agent = http.user_agent(contact)
        self._shelf = Shelf()

    @asynccontextmanager
    async def sweep(self) -> AsyncIterator["Sweep"]:
        """Open the sockets of one sweep; answers about shared things live as long as it."""
        exchange = Exchange(self._nameservers or system_nameservers(), self._dns_timeout)
        await exchange.open()
        shared = self._shared(Resolver(exchange))
        try:
            yield Sweep(shared, self._ask, self._dns_timeout, self._certificates_only)
        finally:
            await shared.close()
            await exchange.close()

    def _shared(self, resolver: Resolver) -> Shared:
        addresses = Addresses(
            timeout=self._timeout, per_address=self._per_address, allow_private=self._allow_private
        )
        revocations = Revocations(self._shelf, resolver, addresses, self._agent)
        return Shared(
            resolver=resolver,
            addresses=addresses,
            verify=self._verify,
            revocations=revocations if self._revocation else None,
            https_port=self._https_port,
            http_port=self._http_port,
            agent=self._agent,
            views=Once(),
            parents=Once(),
        )


class Sweep:
    """Implements ``ports.Looks``."""

    def __init__(self, shared: Shared, ask: Ask, dns_timeout: float, brief: bool) -> None:
        self._shared = shared
        self._ask = ask
        self._patience = _DNS_PATIENCE * dns_timeout
        self._brief = brief

    async def look(self, domain: TrackingDomain, now: datetime) -> Observation:
        """Look once; failures are fields of the observation."""
        resolver = self._shared.resolver
        seen = await dns.view(
            resolver, domain.name, domain.cname, self._patience, brief=self._brief
        )
        look = Look(self._shared, domain, seen, now)
        if self._brief:
            return await look.certificates()
        return await look.everything(self._ask(domain, seen))

    async def look_at(self, address: str, domain: TrackingDomain, now: datetime) -> Observation:
        """Shake hands for a domain with this address alone, whatever DNS says."""
        pinned = DnsView(status=DnsStatus.OK, addresses=(address,))
        return await Look(self._shared, domain, pinned, now).certificates()

    async def challenge(self, domain: TrackingDomain, token: str) -> tuple[HttpView, ...]:
        """What each address answers for a challenge's token, asked as a CA asks."""
        return await challenge.views(self._shared, domain, token, self._patience)

    async def resolver_state(self) -> ResolverState:
        """How our own nameservers do now."""
        return await self._shared.resolver.state()
