"""A workshop on a real store, with a CA, a network and a clock of our own."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from certwatch.core.budget import GRANTED
from certwatch.core.model import Certificate, Failure, Observation
from certwatch.core.policy import HousePolicy
from certwatch.core.renewal import Allowance, Blame, Reason, Wish
from certwatch.core.x509 import parse_pem
from certwatch.errors import RenewalError
from certwatch.lab.pki import Authority, life, pem
from certwatch.ports import CaOrder, OrderStatus
from certwatch.services.plan import live_outlook
from certwatch.services.renew import Renewing
from certwatch.services.workshop import Workshop
from tests.factories import CATALOG, NOW, answer, dns, no_tls, observation, tls
from tests.factories import NAME as NAME

CA = "https://ca.test/directory"
DAY = timedelta(days=1)
OTHER = "go.other.test"
__all__ = ["CA", "DAY", "NAME", "NOW", "OTHER", "ROOT"]

ROOT = Authority.root("R", "T", life(NOW, 3650, 3000))


@dataclass
class Clock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


@dataclass
class Ca:
    """Issues for whatever is finalized; ``faults`` by method name are raised."""

    clock: Any
    directory: str = CA
    faults: dict[str, RenewalError] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)  # chain by order
    calls: list[str] = field(default_factory=list)

    def _did(self, what: str) -> None:
        self.calls.append(what)
        if what in self.faults:
            raise self.faults[what]

    def order(self, domain: str, *, replaces: str | None) -> CaOrder:
        self._did("order")
        url = f"{CA}/order/{len(self.orders)}"
        self.orders.append(url)
        return CaOrder(url=url, status=OrderStatus.READY, domain=domain)

    def unfinished(self, domain: str) -> CaOrder | None:
        return None

    def look(self, url: str, domain: str) -> CaOrder:
        self._did("look")
        status = OrderStatus.VALID if url in self.made else OrderStatus.READY
        return CaOrder(url=url, status=status, domain=domain)

    def answer(self, order: CaOrder) -> None:
        self._did("answer")

    def new_key(self) -> bytes:
        return b"sealed"

    def finalize(self, order: CaOrder, key: bytes) -> CaOrder:
        self._did("finalize")
        credential = ROOT.issue(order.domain, span=life(self.clock.now(), 90, 90))
        self.made[order.url] = pem(credential.chain).decode()
        return self.look(order.url, order.domain)

    def certificate(self, order: CaOrder, *, key: bytes | None = None) -> tuple[str, Certificate]:
        self._did("certificate")
        chain = self.made[order.url]
        return chain, parse_pem(chain.encode())[0]

    def renewal_info(self, ari_id: str) -> Any:
        self._did("renewal_info")
        return None

    def close(self) -> None:
        pass


@dataclass
class Net:
    """Every address serves what was deployed, ``dead`` ones nothing."""

    served: dict[str, Certificate] = field(default_factory=dict)
    dead: dict[str, Failure] = field(default_factory=dict)

    @asynccontextmanager
    async def sweep(self):
        yield self

    async def look(self, domain, now) -> Observation:
        views = []
        if domain.name in self.served:
            views.append(tls(self.served[domain.name], "192.0.2.1"))
        views += [no_tls(kind, address) for address, kind in self.dead.items()]
        return observation(domain=domain.name, observed_at=now, dns=dns(), tls=tuple(views))

    async def challenge(self, domain, token):
        return (answer(404),)

    def deploy(self, domain: str, *, key: bytes, chain: str, certificate: Certificate) -> None:
        self.served[domain] = certificate


def workshop(store, **changes: Any) -> Workshop:
    clock, net = changes.pop("clock", Clock()), changes.pop("net", Net())
    issuers = changes.pop("issuers", None) or {CA: Ca(clock)}
    values = {
        "store": store,
        "prober": net,
        "issuers": issuers,
        "deployer": net,
        "clock": clock,
        "house": HousePolicy(catalog=CATALOG),
        "decide": lambda renewal, now: lambda ledger: GRANTED,
        "draw": lambda: 0.5,
        "grace": timedelta(0),
    }
    return Workshop(**{**values, **changes})


def trouble(kind: str, blame: Blame, **more: Any) -> RenewalError:
    return RenewalError(f"{kind}!", kind=kind, blame=blame, remedy="mend it", **more)


def wish(name=NAME, **changes):
    return replace(Wish(domain=name, reason=Reason.NEW, directory=CA, due_at=NOW - DAY), **changes)


def renewing(shop, directory=CA):
    def plan(now):
        return live_outlook(
            shop.store,
            at=now,
            horizon=DAY,
            directory=CA,
            search=False,
            allowance=Allowance(certificates=20, window=7 * DAY),
        ).plan

    @asynccontextmanager
    async def responder():
        yield

    return Renewing(
        shop=shop, plan=plan, directory=lambda: directory, responder=responder, concurrency=2
    )


def once(shop, names=None, forced=()):
    return asyncio.run(renewing(shop).once(names, forced))
