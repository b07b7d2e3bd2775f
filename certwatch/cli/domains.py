"""``certwatch domains``: the inventory."""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from certwatch.cli.files import whole_file
from certwatch.cli.options import Json, Name, choice, words
from certwatch.cli.output import Column, json_parts, note, print_json, say, table
from certwatch.cli.session import session_of
from certwatch.core.model import Memory, Mode, State
from certwatch.core.names import normalise

if TYPE_CHECKING:
    from certwatch.ports import Latest

app = typer.Typer(help="The inventory of tracking domains.", no_args_is_help=True)

EVER = datetime.min.replace(tzinfo=UTC)
COLUMNS = (
    Column("domain"),
    Column("state", stated=True, whole=True),
    Column("provider"),
    Column("mode"),
    Column("edge"),
    Column("owner"),
    Column("tags"),
)


class Format(StrEnum):
    """How an inventory is written."""

    CSV = "csv"
    JSON = "json"
    TOML = "toml"


@app.command()
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tracking domain.")],
    provider: Annotated[str | None, typer.Option(metavar="P", help="The e-mail service.")] = None,
    mode: Annotated[
        str | None,
        typer.Option(metavar="M", help="Who terminates TLS: acme, provider, cdn, proxy."),
    ] = None,
    edge: Annotated[str | None, typer.Option(metavar="E", help="The CDN in front.")] = None,
    origin: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where the edge forwards to.")
    ] = None,
    cname: Annotated[
        str | None, typer.Option(metavar="TARGET", help="The CNAME target that DNS should show.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="MAIL", help="Who can change its DNS or CDN.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="T", help="A tag; repeatable.")] = None,
    sample_link: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A real tracked link, to prove the round trip."),
    ] = None,
) -> None:
    """Add one tracking domain.

    What is not declared is found out by looking.
    """
    from certwatch.services.declaration import parse_row

    row = {
        "domain": name,
        "provider": provider,
        "mode": mode,
        "edge": edge,
        "origin": origin,
        "cname": cname,
        "owner": owner,
        "tags": " ".join(tag or ()),
        "sample_link": sample_link,
    }
    session = session_of(ctx)
    domain = parse_row({key: value for key, value in row.items() if value}, session.app.catalog)
    session.store.add(domain, session.app.clock.now())
    step = "enable" if domain.mode is Mode.ACME else "scan"
    say(f"added {domain.name}\nnext: certwatch {step} {domain.name}")


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON or TOML.")],
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove the domains that FILE does not name.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check FILE and count; change nothing.")
    ] = False,
) -> None:
    """Add or update the domains of a file.

    All rows are taken or none; a bad one is named with its line and reason.

    A CSV file has the header `domain` and any of provider, mode, edge, origin, cname, owner, tags
    (separated by spaces) and sample_link.
    """
    from certwatch.services.inventory import read_inventory

    session = session_of(ctx)
    rows = read_inventory(file, session.app.catalog)
    now = session.app.clock.now()
    counts = session.store.import_all(rows, now, prune=prune, dry_run=dry_run)
    told = ", ".join(f"{number:,} {outcome}" for outcome, number in counts.items())
    say(f"{'would be: ' if dry_run else ''}{told}")


@app.command("list")
def list_(
    ctx: typer.Context,
    tag: Annotated[str | None, typer.Option(metavar="T", help="Only those with this tag.")] = None,
    provider: Annotated[
        str | None, typer.Option(metavar="P", help="Only those of this provider.")
    ] = None,
    state: Annotated[
        State | None,
        typer.Option(parser=choice(State), metavar=words(State), help="Only those in this state."),
    ] = None,
    json_: Json = False,
) -> None:
    """List the inventory and its latest states."""
    from certwatch.cli.looks import HOW_TO_ADD, current, state_of
    from certwatch.reporting.documents import VERSION, inventory_entry

    wanted = (
        latest
        for latest in current(session_of(ctx))
        if (tag is None or tag in latest.domain.tags)
        and (provider is None or provider == _provider(latest))
        and (state is None or state is state_of(latest))
    )
    if json_:
        entries = ({**inventory_entry(each.domain), "state": state_of(each)} for each in wanted)
        sys.stdout.writelines(json_parts({"version": VERSION}, "domains", entries))
    elif not table(COLUMNS, map(_row, wanted)):
        note("no domain" if tag or provider or state else HOW_TO_ADD)


def _provider(latest: "Latest") -> str | None:
    return latest.judged.provider if latest.judged else latest.domain.provider


def _row(latest: "Latest") -> tuple[str, ...]:
    from certwatch.cli.looks import state_of

    domain, of = latest.domain, latest.judged or latest.domain
    return (
        domain.name,
        state_of(latest).value,
        of.provider or "",
        of.mode or "",
        of.edge or "",
        domain.owner or "",
        " ".join(domain.tags),
    )


@app.command()
def show(ctx: typer.Context, name: Name, json_: Json = False) -> None:
    """Show one domain.

    As declared, how its renewal stands, as seen last, its findings, certificates and changes of
    state.
    """
    from certwatch.cli.looks import current_of
    from certwatch.cli.show import Past, show_domain, shown_document
    from certwatch.reporting.render import titles_of

    session = session_of(ctx)
    latest = current_of(session, name)
    name = latest.domain.name
    memory = session.store.memories([name]).get(name, Memory())
    changes = tuple(session.store.state_changes(EVER, name))
    sweep = session.store.last_sweep()
    renewal = next(iter(session.store.open_renewals([name])), None)
    past = Past(sightings=memory.sightings, changes=changes, sweep=sweep, renewal=renewal)
    if json_:
        print_json(shown_document(latest, past))
    else:
        show_domain(latest, past, titles_of(session.app.catalog))


@app.command()
def remove(ctx: typer.Context, name: Name) -> None:
    """Remove one domain and all that is remembered of it."""
    normal = normalise(name)
    session_of(ctx).store.remove(normal)
    say(f"removed {normal}")


@app.command()
def export(
    ctx: typer.Context,
    format_: Annotated[
        Format,
        typer.Option(
            "--format", parser=choice(Format), metavar=words(Format), help="csv, json or toml."
        ),
    ] = Format.CSV,
    out: Annotated[Path | None, typer.Option(metavar="PATH", help="A file; else stdout.")] = None,
) -> None:
    """Write the inventory to a file or stdout.

    `domains import` reads it back unchanged.
    """
    from certwatch.services.inventory import write_inventory

    domains = session_of(ctx).store.domains()
    if out is None:
        write_inventory(domains, sys.stdout, format_.value)
        return
    with whole_file(out) as file:
        write_inventory(domains, file, format_.value)
    say(f"wrote {out}")
