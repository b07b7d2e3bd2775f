"""``certwatch db``: the database's schema, health and copies."""

from pathlib import Path
from typing import Annotated

import typer

from certwatch.cli.options import Json
from certwatch.cli.output import print_json, say
from certwatch.cli.session import session_of

app = typer.Typer(help="The database: upgrade, check, back up.", no_args_is_help=True)


@app.command()
def upgrade(ctx: typer.Context) -> None:
    """Bring the database to this version.

    It is created where there is none; nothing is lost.
    """
    say(session_of(ctx).app.upgrade_store())


@app.command()
def check(ctx: typer.Context, json_: Json = False) -> None:
    """Check the database.

    Integrity and version; exit code 3 when something is wrong.
    """
    sound = session_of(ctx).app.check_store()
    if json_:
        print_json({"version": 1, "message": sound})
    else:
        say(sound)


@app.command()
def backup(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file that does not exist yet.")],
) -> None:
    """Copy the database while it is in use."""
    session_of(ctx).app.back_up_store(path)
    say(f"backed up to {path}")
