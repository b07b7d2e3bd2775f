"""The configuration of a proxy in front of the ``acme`` domains, wired by the settings."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import certifi

from certwatch.core.model import TrackingDomain
from certwatch.deploy.nginx import Front, proxied, render
from certwatch.probes.resolver import system_nameservers
from certwatch.resources import resource

if TYPE_CHECKING:
    from certwatch.app import App

_SYSTEM_ROOTS = "/etc/ssl/certs/ca-certificates.crt"  # Debian's, kept up to date by its packages


def nginx(
    app: "App",
    domains: Iterable[TrackingDomain],
    *,
    resolvers: tuple[tuple[str, int], ...],
    listen: tuple[str, ...],
    user: str | None,
    hsts: int | None,
) -> tuple[str, list[str]]:
    """The text, and the domains for which no origin is known."""
    settings = app.settings
    placed, left_out = proxied(domains, app.catalog)
    front = Front(
        directory=Path(settings.deploy.directory).absolute(),
        roots=_roots(settings.probe.trust_roots),
        challenge=settings.acme.challenge_listen,
        resolvers=resolvers or settings.dns.nameservers or system_nameservers(),
        https_port=settings.probe.https_port,
        http_port=settings.probe.http_port,
        hsts=hsts,
        user=user,
        **({"listen": listen} if listen else {}),
    )
    return render(placed, front, resource("reports")), left_out


def _roots(file: str) -> Path:
    """What origins are verified with. certifi's file comes last: an upgrade may move it."""
    system = Path(_SYSTEM_ROOTS)
    return Path(file or (system if system.is_file() else certifi.where())).absolute()
