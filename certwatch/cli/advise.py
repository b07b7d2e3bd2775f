"""``certwatch advise``: the message to a domain's owner."""

from collections.abc import Mapping
from typing import Any

import typer

from certwatch.cli.options import Json, Name
from certwatch.cli.output import print_json, say
from certwatch.cli.session import session_of


def advise(ctx: typer.Context, name: Name, json_: Json = False) -> None:
    """Write the message to a domain's owner.

    It says what is wrong and which record to set to what, as of the latest look; run
    `certwatch scan NAME` first for a fresh one.
    """
    from certwatch.cli.looks import current_of
    from certwatch.services.advise import advise as advice_for

    session = session_of(ctx)
    latest = current_of(session, name)
    advice = advice_for(latest, session.app.catalog, _write)
    if json_:
        document = {
            "domain": latest.domain.name,
            "to": advice.to,
            "subject": advice.subject,
            "body": advice.body,
        }
        print_json({"version": 1, **document})
        return
    if advice.to:
        say(f"To: {advice.to}")
    say(f"Subject: {advice.subject}\n\n{advice.body}")


def _write(values: Mapping[str, Any]) -> str:
    from certwatch.reporting.render import render
    from certwatch.resources import resource

    return "".join(render("advice.txt.j2", resource("reports"), **values))
