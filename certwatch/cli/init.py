"""``certwatch init``: a settings file to edit and a database to fill."""

import os
from pathlib import Path

import typer

from certwatch.cli.files import whole_file
from certwatch.cli.output import say
from certwatch.cli.session import session_of

OWNER_ONLY = 0o600  # the file may come to hold passwords and tokens


def init(ctx: typer.Context) -> None:
    """Write a settings file, make the database and the sealing key.

    The file is a commented certwatch.toml; the key seals private keys in the database. What is
    there is never touched, but for the database, which is upgraded. Running this again is harmless.
    """
    session = session_of(ctx)
    path = session.settings_file
    if _write_once(path):
        say(f"wrote {path}; every setting in it is explained and at its default")
    else:
        say(f"{path} is there already and stays as it is")
    say(session.app.upgrade_store())
    if session.app.make_sealing_key():
        key_file = session.app.settings.acme.key_file
        say(f"wrote {key_file}, which seals private keys: back it up, apart from the database")
    say("next: certwatch domains add click.brand.com   (or: certwatch domains import FILE.csv)")
    say("then: certwatch scan")


def _write_once(path: Path) -> bool:
    """Write the example settings unless the file exists; whether it was written."""
    from certwatch.settings_file import example_settings

    if os.path.exists(path):  # unlike Path's, never an error: writing will tell better
        return False
    with whole_file(path, OWNER_ONLY) as file:
        file.write(example_settings())
    return True
