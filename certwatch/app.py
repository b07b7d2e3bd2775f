"""The composition root: the only place that binds adapters to services.

``compose`` turns settings into an ``App``; the command line (and later the web and the scheduler)
takes from it what a journey needs. Nothing is opened before it is asked for.
"""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import certifi

from certwatch.checks import CODES
from certwatch.clock import SystemClock
from certwatch.core.catalog import Catalog, Edge, Provider, Target
from certwatch.core.identify import questions
from certwatch.core.model import Certificate, Mode, Severity
from certwatch.core.policy import HousePolicy, SeverityRule, Thresholds
from certwatch.core.trust import TrustStore
from certwatch.core.x509 import parse_pem
from certwatch.edges import EDGES
from certwatch.errors import CertificateError, SettingsError, StoreError
from certwatch.ports import Clock
from certwatch.probes.look import NetworkProber
from certwatch.providers import PROVIDERS
from certwatch.resources import resource
from certwatch.services.doctor import Diagnosis, Patient, doctor
from certwatch.settings import ExtraEdge, ExtraProvider, Level, Settings
from certwatch.settings_file import file_secrets
from certwatch.store import (
    SqlStore,
    backup_database,
    check_database,
    open_store,
    upgrade_database,
)
from certwatch.store.engine import database_file, parse_url

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
        return open_store(self.settings.store.url.get_secret_value())

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
        return await doctor(self._patient(settings_file))

    def _patient(self, settings_file: Path | None) -> Patient:
        from certwatch.probes import upstream  # brings httpx, which no other command needs

        settings = self.settings
        timeout = settings.probe.timeout.total_seconds()
        mail, slack = settings.email, settings.slack
        ask_mail = partial(
            upstream.ask_mail_server,
            host=mail.host,
            port=mail.port,
            security=mail.security,
            username=mail.username,
            password=mail.password.get_secret_value(),
            timeout=timeout,
        )
        token = slack.token.get_secret_value()
        return Patient(
            clock=self.clock,
            settings_file=settings_file,
            secrets=file_secrets(settings_file) if settings_file else (),
            database_file=_database_file(settings),
            check_database=self.check_store,
            has_acme_domains=self._has_acme_domains,
            roots=lambda: load_roots(settings.probe.trust_roots),
            has_ipv6=upstream.has_ipv6,
            ask_nameservers=partial(
                upstream.ask_nameservers,
                settings.dns.nameservers,
                timeout=settings.dns.timeout.total_seconds(),
            ),
            ask_ca=partial(
                upstream.ask_ca,
                settings.acme.directory,
                ca_bundle=settings.acme.ca_bundle,
                timeout=timeout,
            ),
            ask_mail=ask_mail if mail.host else None,
            ask_chat=partial(
                upstream.ask_slack, token=token, base_url=slack.base_url, timeout=timeout
            )
            if token
            else None,
            has_webhook=bool(slack.webhook_url.get_secret_value()),
        )

    def _has_acme_domains(self) -> bool:
        return any(domain.mode is Mode.ACME for domain in self.store().domains())


def compose(settings: Settings, clock: Clock | None = None) -> App:
    """Wire certwatch. Raises SettingsError for what only the whole can tell to be wrong."""
    return App(
        settings=settings,
        clock=clock or SystemClock(),
        catalog=_catalog(settings),
        house=_house(settings),
    )


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a journey to its end, on uvloop where it is installed."""
    gc.set_threshold(50_000, 20, 50)  # a sweep keeps few cycles, and looking for them cost 7 %
    if sys.platform == "win32":
        return asyncio.run(work)
    import uvloop

    return uvloop.run(work)


@cache
def load_roots(file: str) -> tuple[Certificate, ...]:
    """The certificates of a PEM file, certifi's when none is named."""
    path = Path(file or certifi.where())
    try:
        return parse_pem(path.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"probe.trust_roots: {path} cannot be read ({error.strerror})"
        ) from None
    except CertificateError as error:
        raise SettingsError(f"probe.trust_roots: {path}: {error}") from None


def _database_file(settings: Settings) -> Path | None:
    with suppress(StoreError):  # what is wrong with the URL is told by the database itself
        return database_file(parse_url(settings.store.url.get_secret_value()))
    return None


def _catalog(settings: Settings) -> Catalog:
    return Catalog(
        providers=(*map(_provider, settings.extra_providers), *PROVIDERS),
        edges=(*map(_edge, settings.extra_edges), *EDGES),
    )


def _provider(row: ExtraProvider) -> Provider:
    targets = tuple(Target(name=name, origin=row.origin or None) for name in row.targets)
    return Provider(
        name=row.name,
        title=row.title or row.name,
        source="settings",
        targets=targets,
        modes=row.modes,
        origin_scheme=row.origin_scheme,
        probe_path=row.probe_path,
        healthy_status=row.healthy_status,
    )


def _edge(row: ExtraEdge) -> Edge:
    return Edge(
        name=row.name,
        title=row.title or row.name,
        source="settings",
        cname_suffixes=row.cname_suffixes,
        headers=tuple((name.lower(), part) for name, part in row.headers.items()),
        default_names=row.default_names,
        alias_limit=row.alias_limit,
    )


def _house(settings: Settings) -> HousePolicy:
    checks, probe = settings.checks, settings.probe
    general = (SeverityRule(_known(code), _level(level)) for code, level in checks.severity.items())
    special = (
        SeverityRule(_known(rule.check), _level(rule.severity), rule.domain, rule.tag)
        for rule in checks.rules
    )
    return HousePolicy(
        catalog=_catalog(settings),
        thresholds=Thresholds(
            warning_fraction=checks.expiring_warning,
            warning_cap=checks.expiring_cap,
            critical_fraction=checks.expiring_critical,
            rollout_grace=checks.rollout_grace,
        ),
        accept_ca=probe.accept_ca,
        acme_issuers=settings.acme.caa,
        rules=(*general, *special),
        https_port=probe.https_port,
        http_port=probe.http_port,
    )


def _level(level: Level) -> Severity | None:
    return None if level == "mute" else Severity(level)


def _known(code: str) -> str:
    codes = [each.code for each in CODES]
    if code in codes:
        return code
    near = get_close_matches(code, codes, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the codes are {', '.join(codes)}"
    raise SettingsError(f"[checks]: {code!r} is no check code; {hint}")
