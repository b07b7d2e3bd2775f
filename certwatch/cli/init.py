"""``certwatch init``: a settings file to edit and a database to fill."""

import os
from pathlib import Path

import typer

from certwatch.cli.output import say
from certwatch.cli.session import session_of
from certwatch.errors import CertwatchError

OWNER_ONLY = 0o600  # the file may come to hold passwords and tokens


def init(ctx: typer.Context) -> None:
    """Write a settings file, make the database.

    The file is a commented certwatch.toml; an existing one is never touched. The database is
    created or upgraded. Running this again is harmless.
    """
    session = session_of(ctx)
    path = session.settings_file
    if _write_once(path):
        say(f"wrote {path}; every setting in it is explained and at its default")
    else:
        say(f"{path} is there already and stays as it is")
    say(session.app.upgrade_store())
    say("next: certwatch domains add click.brand.com   (or: certwatch domains import FILE.csv)")
    say("then: certwatch scan")


def _write_once(path: Path) -> bool:
    """Write the example settings unless the file exists; whether it was written."""
    from certwatch.settings_file import example_settings

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(example_settings())
    except FileExistsError:
        return False
    except OSError as error:
        raise CertwatchError(f"{path} cannot be written ({error.strerror})") from None
    return True
