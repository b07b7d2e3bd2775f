"""``certwatch edge``: configurations for proxies that serve the ``acme`` domains."""

import ipaddress
import sys
from pathlib import Path
from typing import Annotated

import typer

from certwatch.cli.files import whole_file
from certwatch.cli.output import complain, counted, note
from certwatch.cli.session import session_of
from certwatch.settings import parse_endpoint

SHOWN = 5  # domains named in one notice

app = typer.Typer(help="Proxies of your own in front of the providers.", no_args_is_help=True)
render = typer.Typer(help="Write a proxy's configuration.", no_args_is_help=True)
app.add_typer(render, name="render")


def _resolver(text: str) -> tuple[str, int]:
    try:
        return parse_endpoint(text, 53)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no IP address; the ports are probe.http_port and probe.https_port"
        ) from None


@render.command()
def nginx(
    ctx: typer.Context,
    resolver: Annotated[
        list[str] | None,
        typer.Option(
            "--resolver",
            metavar="ADDRESS[:PORT]",
            help="Nameserver that nginx finds origins with; else dns.nameservers, else the"
            " system's. Can be repeated.",
        ),
    ] = None,
    listen: Annotated[
        list[str] | None,
        typer.Option(
            "--listen",
            metavar="ADDRESS",
            help="Address to listen on, at probe.http_port and probe.https_port; else all. Can be"
            " repeated.",
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            metavar="ACCOUNT",
            help="Account that nginx's workers run as: the one that certwatch runs as, which owns"
            " the private keys.",
        ),
    ] = None,
    hsts: Annotated[
        int | None,
        typer.Option(
            "--hsts",
            metavar="SECONDS",
            min=0,
            help="Send Strict-Transport-Security with this max-age.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write to this file instead of stdout."),
    ] = None,
) -> None:
    """Write the whole configuration of an nginx in front of the `acme` domains.

    It serves the certificates that certwatch puts in place, without a reload; hands challenges to
    certwatch, sends http to https, and everything else to the provider's origin as it came. Domains
    without a known origin are left out and named on stderr.
    """
    session = session_of(ctx)
    text, left_out = session.app.nginx(
        session.store.domains(),
        resolvers=tuple(map(_resolver, resolver or ())),
        listen=tuple(map(_address, listen or ())),
        user=user,
        hsts=hsts,
    )
    if left_out:
        more = ", ..." if len(left_out) > SHOWN else ""
        complain(
            f"left out, because no origin is known: {', '.join(left_out[:SHOWN])}{more}"
            f" ({counted(len(left_out), 'domain')}); declare a provider or an origin"
        )
    if out is None:
        sys.stdout.write(text)
        return
    with whole_file(out) as file:
        file.write(text)
    note(f"written to {out}")
