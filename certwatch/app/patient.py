"""What ``certwatch doctor`` examines, wired by the settings."""

import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from certwatch.app.roots import load_roots
from certwatch.core.model import Mode
from certwatch.errors import SettingsError, StoreError
from certwatch.services.doctor import Patient
from certwatch.settings import Settings
from certwatch.settings_file import file_secrets
from certwatch.store.engine import database_file, parse_url

if TYPE_CHECKING:
    from certwatch.app import App


def patient(app: "App", settings_file: Path | None) -> Patient:
    """certwatch itself as it is set up; ``settings_file`` is the one that was read, if any."""
    from certwatch.probes import upstream  # brings httpx, which no other command needs

    settings = app.settings
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
        clock=app.clock,
        settings_file=settings_file,
        secrets=file_secrets(settings_file) if settings_file else (),
        database_file=_database_file(settings),
        check_database=app.check_store,
        has_acme_domains=lambda: _has_acme_domains(app),
        check_renewing=lambda: _check_renewing(app),
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
        ask_chat=partial(upstream.ask_slack, token=token, base_url=slack.base_url, timeout=timeout)
        if token
        else None,
        has_webhook=bool(slack.webhook_url.get_secret_value()),
    )


def _check_renewing(app: "App") -> str:
    """Whether certificates could be sealed and put in place. Raises SettingsError."""
    from certwatch.app.renewing import vault_of
    from certwatch.deploy.hook import Hook

    settings = app.settings.deploy
    vault_of(app)
    Hook.parse(settings.hook, settings.hook_timeout)
    folder = Path(settings.directory).absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(
            f"deploy.directory: {folder} is no folder that certwatch's account may write to"
        )
    return f"keys can be sealed, and {Path(settings.directory).absolute()} can be written"


def _has_acme_domains(app: "App") -> bool:
    return any(domain.mode is Mode.ACME for domain in app.store().domains())


def _database_file(settings: Settings) -> Path | None:
    with suppress(StoreError):  # what is wrong with the URL is told by the database itself
        return database_file(parse_url(settings.store.url.get_secret_value()))
    return None
