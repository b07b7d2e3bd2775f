"""Renewing, wired by the settings: the CAs, the deployer, the responder, the budget."""

import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from certwatch.acme.client import CaIssuer
from certwatch.acme.vault import Vault, open_vault
from certwatch.app.answering import answering
from certwatch.core import budget
from certwatch.core.planning import Plan
from certwatch.core.renewal import EMERGENCIES, Renewal
from certwatch.deploy.files import FileDeployer
from certwatch.deploy.hook import Hook
from certwatch.probes.http import user_agent
from certwatch.services.renew import Renewing
from certwatch.services.setback import CA_CAUSE
from certwatch.services.workshop import WholeStore, Workshop

if TYPE_CHECKING:
    from certwatch.app import App

_HORIZON = timedelta(days=1)  # what is granted now is all that is asked of the plan


def renewing(
    app: "App",
    store: WholeStore,
    *,
    on_step: Callable[[Renewal], None],
    on_trouble: Callable[[str], None],
) -> Renewing:
    """Renewing on an open database. Raises SettingsError without a key that seals private keys."""
    vault = vault_of(app)
    acme = app.settings.acme
    directories = filter(None, (acme.directory, acme.fallback, acme.rehearsal))
    issuers = {url: _issuer(app, store, vault, url) for url in directories}
    return Renewing(
        shop=_workshop(app, store, vault, issuers, on_step, on_trouble),
        plan=lambda now: _plan(app, store, now),
        directory=lambda: _directory(app, store),
        responder=lambda: _at_work(app, store, issuers.values(), on_trouble),
        concurrency=app.settings.acme.concurrency,
        on_trouble=on_trouble,
    )


def vault_of(app: "App") -> Vault:
    """What seals private keys. Raises SettingsError without a usable key."""
    acme = app.settings.acme
    key = acme.sealing_key.get_secret_value()
    return Vault(key) if key else open_vault(acme.key_file)


def _workshop(
    app: "App",
    store: WholeStore,
    vault: Vault,
    issuers: Mapping[str, CaIssuer],
    on_step: Callable[[Renewal], None],
    tell: Callable[[str], None],
) -> Workshop:
    deploy = app.settings.deploy
    return Workshop(
        store=store,
        prober=app.prober(),
        issuers=issuers,
        deployer=FileDeployer(
            Path(deploy.directory),
            keep=deploy.keep,
            unseal=vault.unseal,
            hook=Hook.parse(deploy.hook, deploy.hook_timeout),
        ),
        clock=app.clock,
        house=app.house,
        decide=lambda renewal, now: _decide(app, store, renewal, now),
        draw=random.SystemRandom().random,
        grace=deploy.grace,
        on_step=on_step,
        tell=tell,
        rehearsal=app.settings.acme.rehearsal,
    )


def _issuer(app: "App", store: WholeStore, vault: Vault, directory: str) -> CaIssuer:
    acme = app.settings.acme
    second = directory == acme.fallback
    secret = acme.fallback_eab_hmac_key if second else acme.eab_hmac_key
    return CaIssuer(
        directory,
        vault=vault,
        load_account=lambda: store.account(directory),
        keep_account=lambda url, key: store.keep_account(directory, url, key),
        clock=app.clock,
        contact=acme.contact,
        ca_bundle=acme.ca_bundle,
        profile="" if second else acme.profile,
        eab_kid=acme.fallback_eab_kid if second else acme.eab_kid,
        eab_hmac_key=secret.get_secret_value(),
        key_type=acme.key_type,
        user_agent=user_agent(app.settings.probe.contact),
    )


def _decide(
    app: "App", store: WholeStore, renewal: Renewal, now: datetime
) -> Callable[[budget.Ledger], budget.Decision]:
    """What judges the ledger for a renewal: the operator's budget and the CA's own limits."""
    from certwatch.app import known_cas

    lineage = next(store.lineages([renewal.domain]), None)
    exempt = budget.exemptions(renewal, lineage, now)
    lapsed = renewal.deadline_at is not None and renewal.deadline_at <= now
    buckets = known_cas().buckets(renewal.directory)
    return lambda ledger: budget.decide(
        ledger,
        app.allowance,
        buckets,
        now,
        emergency=lapsed or renewal.reason in EMERGENCIES,
        exempt=exempt,
        is_free="ari" in exempt and not app.settings.budget.count_ari_renewals,
    )


def _plan(app: "App", store: WholeStore, now: datetime) -> Plan:
    return app.outlook(store, at=now, horizon=_HORIZON, search=False).plan


def _directory(app: "App", store: WholeStore) -> str:
    """The CA to ask: the second one while the first is out of order."""
    acme, now = app.settings.acme, app.clock.now()
    until, _ = store.pauses().get(CA_CAUSE.format(directory=acme.directory), (now, ""))
    return acme.fallback if acme.fallback and until > now else acme.directory


@asynccontextmanager
async def _at_work(
    app: "App",
    store: WholeStore,
    issuers: Iterable[CaIssuer],
    on_trouble: Callable[[str], None],
) -> AsyncIterator[None]:
    """Challenges are answered; at the end the connections to the CAs are closed."""
    with ExitStack() as stack:
        for issuer in issuers:
            stack.callback(issuer.close)
        async with answering(app, store, on_trouble):
            yield
