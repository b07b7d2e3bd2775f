"""The world around certwatch: what domains serve, and what may be seen of them from outside."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from certwatch.core.model import (
    CaaView,
    Certificate,
    DnsStatus,
    DnsView,
    Failure,
    HttpView,
    Mode,
    Observation,
    Path,
    ResolverState,
    Revocation,
    TlsView,
    TrackingDomain,
    Trouble,
    TrustVerdict,
)
from certwatch.core.renewal import Blame
from certwatch.errors import RenewalError
from certwatch.ports import Clock, RenewalStore
from tests.simulation.weather import CALM, HOOK, Weather

EndsAt = Callable[[Certificate], datetime]  # when it expires or is revoked

EDGE, ADDRESS = "edge.certwatch.test", "198.51.100.7"


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without a valid certificate; ``until_at`` is None while it lasts."""

    domain: str
    from_at: datetime
    until_at: datetime | None


@dataclass(slots=True, kw_only=True)
class World:
    """What is deployed is served. It is ``Prober`` and ``Deployer`` at once."""

    clock: Clock
    store: RenewalStore
    weather: Weather = CALM
    faults: Counter[str] = field(default_factory=Counter)  # that were met with, by kind
    served: dict[str, list[tuple[datetime, Certificate]]] = field(default_factory=dict)

    def deploy(self, domain: str, *, key: bytes, chain: str, certificate: Certificate) -> None:
        """Serve it from now on, unless the hook fails today."""
        now = self.clock.now()
        if self.weather.strikes(HOOK, domain, now):
            self.faults[HOOK] += 1
            raise RenewalError(
                "the hook failed", kind="deploy", blame=Blame.OURS, remedy="mend deploy.hook"
            )
        past = self.served.setdefault(domain, [])
        if not past or past[-1][1].serial != certificate.serial:
            past.append((now, certificate))

    @asynccontextmanager
    async def sweep(self) -> AsyncIterator["World"]:
        """Nothing needs to be opened."""
        yield self

    async def look(self, domain: TrackingDomain, now: datetime) -> Observation:
        """A look at one domain."""
        fault = self._visible(domain.name, now)
        if fault == "dns":
            return Observation(
                domain=domain.name, observed_at=now, dns=DnsView(status=DnsStatus.SERVFAIL)
            )
        foreign = ((0, "issue", "other-ca.test"),) if fault == "caa" else ()
        caa = CaaView(status=DnsStatus.OK, found_at=domain.name, records=foreign)
        dns = DnsView(
            status=DnsStatus.OK, cname_chain=(EDGE,), addresses=(ADDRESS,), zone="test", caa=caa
        )
        tls = self._tls(domain.name, now)
        return Observation(domain=domain.name, observed_at=now, dns=dns, tls=(tls,))

    async def challenge(self, domain: TrackingDomain, token: str) -> tuple[HttpView, ...]:
        """What port 80 answers for a token."""
        now, url = self.clock.now(), f"http://{domain.name}/.well-known/acme-challenge/{token}"
        if self._visible(domain.name, now) == "connection":
            return (HttpView(address=ADDRESS, url=url, trouble=Trouble(Failure.TIMEOUT)),)
        content = self.store.challenge(domain.name, token, now)
        if self._visible(domain.name, now) == "unauthorized" or content is None:
            return (HttpView(address=ADDRESS, url=url, status=404),)
        return (HttpView(address=ADDRESS, url=url, status=200, body=content),)

    async def resolver_state(self) -> ResolverState:
        """Our own nameservers do well."""
        return ResolverState.WELL

    def outages(self, until: datetime, ends_at: EndsAt) -> list[Outage]:
        """The times without a valid certificate of domains that had one, by their beginning."""
        found = []
        for domain, past in self.served.items():
            starts = [*(at for at, _ in past[1:]), None]
            for (_, leaf), start in zip(past, starts, strict=True):
                end = ends_at(leaf)
                if end < (start or until):
                    found.append(Outage(domain, end, start))
        return sorted(found, key=lambda outage: outage.from_at)

    def _visible(self, name: str, now: datetime) -> str | None:
        fault = self.weather.customer_fault(name, now)
        if fault is None or not self.weather.is_seen_by_us(name, now):
            return None
        self.faults[fault] += 1
        return fault

    def _tls(self, name: str, now: datetime) -> TlsView:
        past = self.served.get(name)
        if not past:
            return TlsView(address=ADDRESS, port=443, trouble=Trouble(Failure.ALERT))
        leaf = past[-1][1]
        return TlsView(
            address=ADDRESS,
            port=443,
            chain=(leaf,),
            path=Path(TrustVerdict.TRUSTED, "", (leaf,)),
            revocation=Revocation.GOOD,
        )


def tracking_domain(name: str) -> TrackingDomain:
    """A domain that is ours to renew."""
    return TrackingDomain(name=name, mode=Mode.ACME, cname=EDGE)
