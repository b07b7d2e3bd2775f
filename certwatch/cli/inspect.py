"""``certwatch inspect``: one certificate chain explained, of a host or a file; nothing is kept."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from certwatch.cli.options import FailOn, FailOnOption, Json, severities
from certwatch.cli.output import print_json
from certwatch.cli.session import session_of
from certwatch.core.model import Certificate, Observation, Severity, TrackingDomain
from certwatch.errors import CertificateError, CertwatchError, UsageError

if TYPE_CHECKING:
    from certwatch.app import App

Chain = tuple[Certificate, ...]


def inspect(
    ctx: typer.Context,
    target: Annotated[
        str | None, typer.Argument(metavar="HOST[:PORT]", help="A server to look at.")
    ] = None,
    pem: Annotated[
        Path | None, typer.Option("--pem", metavar="FILE", help="A chain in a file instead.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="HOST", help="The name it should be right for.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="Judge as of then (RFC 3339).")
    ] = None,
    roots: Annotated[
        Path | None, typer.Option("--roots", metavar="FILE", help="Trust these roots (PEM).")
    ] = None,
    json_: Json = False,
    fail_on: FailOnOption = FailOn.CRITICAL,
) -> None:
    """Explain one certificate chain, store nothing.

    Valid means: a path to the roots exists that is right for a TLS server of that name at that
    time. Exit code 1 when it is not valid (counted as critical) or by --fail-on.
    """
    from certwatch.cli.explain import explain
    from certwatch.reporting.documents import inspect_document
    from certwatch.services.inspect import inspect_chain

    if (target is None) == (pem is None):
        raise UsageError("give either HOST[:PORT] or --pem FILE")
    app = _trusting(session_of(ctx).app, roots)
    moment = _instant(at) if at else app.clock.now()
    host = _host(name) if name else None
    if pem is not None:
        chain = _chain_of_file(pem)
    else:
        served_host, chain = _chain_of_server(app, str(target), host)
        host = host or served_host
    inspection = inspect_chain(chain, host, moment, app.trust(), app.house)
    if json_:
        print_json(inspect_document(inspection))
    else:
        explain(inspection)
    invalid = () if inspection.valid else (Severity.CRITICAL,)
    fail_on.exit_on((*invalid, *severities(inspection.findings)))


def _trusting(app: "App", roots: Path | None) -> "App":
    return _probing(app, trust_roots=str(roots)) if roots else app


def _probing(app: "App", **changes: object) -> "App":
    """The same certwatch with other settings of ``[probe]``."""
    probe = app.settings.probe.model_copy(update=changes)
    return replace(app, settings=app.settings.model_copy(update={"probe": probe}))


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--at {text!r} is no time; write it as 2026-11-21T05:00:00Z") from None
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        raise UsageError(f"--at {text!r} is outside the years 1 to 9999") from None


def _host(text: str) -> str:
    """A DNS name in its normal form, or an IP address."""
    from certwatch.core.names import normalise

    text = text.strip("[]")
    return str(ip_address(text)) if _is_address(text) else normalise(text)


def _chain_of_file(path: Path) -> Chain:
    from certwatch.core.x509 import parse_pem

    try:
        return parse_pem(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from None
    except CertificateError as error:
        raise UsageError(f"{path}: {error}") from None


def _chain_of_server(app: "App", target: str, name: str | None) -> tuple[str, Chain]:
    """The host, and what the first of its addresses that answers serves.

    An address as target is asked for the name, if there is one: so a server can be inspected before
    DNS leads to it. Raises CertwatchError when none answers: then there is nothing to inspect.
    """
    from certwatch.app import run

    host, port = _server(target, app.settings.probe.https_port)
    seen = run(_look(_probing(app, https_port=port), host, name))
    served = next((view.chain for view in seen.tls if view.chain), None)
    if served is None:
        raise CertwatchError(f"{host}:{port} shows no certificate ({_why(seen)})")
    return host, served


def _server(target: str, default_port: int) -> tuple[str, int]:
    from certwatch.core.identify import host_port

    host, port = host_port(target)
    if port is not None and not 0 < port < 65536:
        raise UsageError(f"{target!r} has no port from 1 to 65535")
    return _host(host), default_port if port is None else port


async def _look(app: "App", host: str, name: str | None) -> Observation:
    now = app.clock.now()
    async with app.prober(certificates_only=True).sweep() as looks:
        if name and _is_address(host):
            return await looks.look_at(host, TrackingDomain(name=name), now)
        return await looks.look(TrackingDomain(name=host), now)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _why(seen: Observation) -> str:
    if not seen.tls:
        return f"DNS says {seen.dns.status}"
    troubles = ((view.address, view.trouble) for view in seen.tls)
    told = (f"{address}: {t.kind} {t.detail}".strip() for address, t in troubles if t)
    return "; ".join(told) or "no certificate came"
