"""``certwatch doctor``: whether certwatch itself is well, and what to do where it is not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from certwatch.cli.options import Json
from certwatch.cli.output import STYLES, print_json, say
from certwatch.cli.session import session_of
from certwatch.errors import CertwatchError

if TYPE_CHECKING:
    from certwatch.services.doctor import Diagnosis

WORDS = {True: "ok", False: "FAILS", None: "-"}  # None: not needed here, or it cannot be told
_COLOURS = {True: "ok", False: "critical", None: "info"}


def doctor(ctx: typer.Context, json_: Json = False) -> None:
    """Examine certwatch itself.

    Settings, database, DNS, CA, mail, chat, clock and file permissions: each is ok or says what
    to do. Exit code 3 when one fails.
    """
    from certwatch.app import run

    session = session_of(ctx)
    file = session.settings_file
    diagnoses = run(session.app.doctor(file if file.exists() else None))
    if json_:
        print_json({"version": 1, "diagnoses": [_document(each) for each in diagnoses]})
    else:
        _print(diagnoses)
    if any(each.ok is False for each in diagnoses):
        raise typer.Exit(CertwatchError.exit_code)


def _document(diagnosis: "Diagnosis") -> dict[str, Any]:
    return {
        "name": diagnosis.name,
        "ok": diagnosis.ok,
        "message": diagnosis.message,
        "remedy": diagnosis.remedy,
    }


def _print(diagnoses: "Sequence[Diagnosis]") -> None:
    width = max(len(each.name) for each in diagnoses)
    for each in diagnoses:
        line = f"{WORDS[each.ok]:<6} {each.name:<{width}}  {each.message}"
        say(line, "" if each.ok else STYLES[_COLOURS[each.ok]])
        if each.remedy:
            say(f"{'':<{width + 9}}{each.remedy}")
