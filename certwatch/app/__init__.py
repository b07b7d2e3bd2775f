"""The composition root: the only place that binds adapters to services.

``compose`` turns settings into an ``App``; the command line (and later the web and the scheduler)
takes from it what a journey needs. Nothing is opened before it is asked for.
"""

import asyncio
import gc
import sys
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from certwatch.app.house import catalog_of, house_of
from certwatch.app.roots import load_roots
from certwatch.clock import SystemClock
from certwatch.core.catalog import Catalog
from certwatch.core.identify import questions
from certwatch.core.limits import KnownCas, parse_limits
from certwatch.core.model import TrackingDomain
from certwatch.core.policy import HousePolicy
from certwatch.core.renewal import Allowance, Lifetimes, Renewal
from certwatch.core.trust import TrustStore
from certwatch.ports import Clock
from certwatch.probes.look import NetworkProber
from certwatch.resources import resource
from certwatch.services.doctor import Diagnosis, doctor
from certwatch.services.plan import Outlook, live_outlook
from certwatch.settings import Settings
from certwatch.store import (
    SqlStore,
    backup_database,
    check_database,
    open_store,
    upgrade_database,
)
from certwatch.store.ledger import Rules

if TYPE_CHECKING:
    from certwatch.services.renew import Renewing
    from certwatch.services.workshop import WholeStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """certwatch, wired by one set of settings."""

    settings: Settings
    clock: Clock
    catalog: Catalog
    house: HousePolicy

    def store(self) -> SqlStore:
        """The database, open. Raises StoreError when it is not there or not up to date."""
        rules = Rules(limits=known_cas().buckets, window=self.settings.budget.window)
        return open_store(self.settings.store.url.get_secret_value(), rules)

    def upgrade_store(self) -> str:
        """Create the database or bring it to this version; says what was done."""
        return upgrade_database(self.settings.store.url.get_secret_value(), resource("alembic"))

    def check_store(self) -> str:
        """Check the database; says that it is sound, else raises StoreError."""
        return check_database(self.settings.store.url.get_secret_value())

    def back_up_store(self, path: Path) -> None:
        """Copy the database into a new file while it is in use. Raises StoreError."""
        backup_database(self.settings.store.url.get_secret_value(), path)

    def trust(self) -> TrustStore:
        """The trusted roots. Raises SettingsError when their file cannot be used."""
        return TrustStore(load_roots(self.settings.probe.trust_roots))

    def prober(self, *, certificates_only: bool = False) -> NetworkProber:
        """The network, as the settings allow it."""
        probe, dns = self.settings.probe, self.settings.dns
        trust = self.trust()
        return NetworkProber(
            nameservers=dns.nameservers,
            dns_timeout=dns.timeout,
            https_port=probe.https_port,
            http_port=probe.http_port,
            timeout=probe.timeout,
            allow_private_addresses=probe.allow_private_addresses,
            certificates_only=certificates_only,
            contact=probe.contact,
            ask=lambda domain, view: questions(domain, view, self.catalog),
            verify=trust.verify,
        )

    async def doctor(self, settings_file: Path | None) -> list[Diagnosis]:
        """Examine certwatch itself; ``settings_file`` is the one that was read, if any."""
        from certwatch.app.patient import patient

        return await doctor(patient(self, settings_file))

    @property
    def allowance(self) -> Allowance:
        """The operator's budget."""
        budget = self.settings.budget
        return Allowance(
            certificates=budget.certificates, window=budget.window, reserve=budget.reserve
        )

    def outlook(
        self,
        store: "WholeStore",
        *,
        at: datetime,
        horizon: timedelta,
        allowance: Allowance | None = None,
        lifetime: timedelta | None = None,
        search: bool = True,
    ) -> Outlook:
        """The plan of the inventory; other budgets and lifetimes are what-ifs."""
        acme = self.settings.acme
        announced = known_cas().lifetimes(acme.directory, acme.profile)
        return live_outlook(
            store,
            at=at,
            horizon=horizon,
            allowance=allowance or self.allowance,
            directory=acme.directory,
            lifetimes=Lifetimes.constant(lifetime) if lifetime else announced,
            search=search,
        )

    def renewing(
        self,
        store: "WholeStore",
        *,
        on_step: Callable[[Renewal], None],
        on_trouble: Callable[[str], None],
    ) -> "Renewing":
        """Renewing, wired. Raises SettingsError without a key that seals private keys."""
        from certwatch.app.renewing import renewing  # brings the ACME library

        return renewing(self, store, on_step=on_step, on_trouble=on_trouble)

    def answering(
        self, store: "WholeStore", on_trouble: Callable[[str], None]
    ) -> AbstractAsyncContextManager[None]:
        """Challenges are answered while the block runs. Raises ListenError."""
        from certwatch.app.answering import answering

        return answering(self, store, on_trouble)

    def make_sealing_key(self) -> bool:
        """Make the key file that seals private keys, unless it is there; whether it was made."""
        from certwatch.acme.vault import make_key_file

        acme = self.settings.acme
        return not acme.sealing_key.get_secret_value() and make_key_file(acme.key_file)

    def nginx(
        self,
        domains: Iterable[TrackingDomain],
        *,
        resolvers: tuple[tuple[str, int], ...],
        listen: tuple[str, ...],
        user: str | None,
        hsts: int | None,
    ) -> tuple[str, list[str]]:
        """The configuration of an nginx for the ``acme`` domains, and those without an origin."""
        from certwatch.app.edge import nginx

        return nginx(self, domains, resolvers=resolvers, listen=listen, user=user, hsts=hsts)


@cache
def known_cas() -> KnownCas:
    """What CAs allow and announce."""
    return parse_limits((resource("config") / "ca_limits.toml").read_text(encoding="utf-8"))


def compose(settings: Settings, clock: Clock | None = None) -> App:
    """Wire certwatch. Raises SettingsError for what only the whole can tell to be wrong."""
    return App(
        settings=settings,
        clock=clock or SystemClock(),
        catalog=catalog_of(settings),
        house=house_of(settings),
    )


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a journey to its end, on uvloop where it is installed."""
    gc.set_threshold(50_000, 20, 50)  # a sweep keeps few cycles, and looking for them cost 7 %
    if sys.platform == "win32":
        return asyncio.run(work)
    import uvloop

    return uvloop.run(work)
