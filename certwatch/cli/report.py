"""``certwatch report``: the state of all domains as a document."""

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from certwatch.cli.files import whole_file
from certwatch.cli.options import FailOn, FailOnOption, choice, duration, words
from certwatch.cli.output import json_parts, say
from certwatch.cli.session import Session, session_of
from certwatch.core.model import Mode
from certwatch.errors import CertwatchError, SettingsError, UsageError

if TYPE_CHECKING:
    from certwatch.reporting.model import Report
    from certwatch.reporting.plan import Forecast

STDOUT = Path("-")


class Format(StrEnum):
    """What a report is written as."""

    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"


def report(
    ctx: typer.Context,
    format_: Annotated[
        Format,
        typer.Option(
            "--format", parser=choice(Format), metavar=words(Format), help="html, md or json."
        ),
    ] = Format.HTML,
    since: Annotated[
        str, typer.Option(metavar="SPAN", help="How far back changes are told: 24h, 7d.")
    ] = "7d",
    out: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="The file; - for stdout; else in report.directory."),
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Send it (in a later version).")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print it as JSON on stdout.")] = False,
    fail_on: FailOnOption = FailOn.CRITICAL,
) -> None:
    """Write a report of the present state.

    It also tells what changed of late. Prints where the report is.
    """
    if send:
        raise UsageError("sending comes with a later version; write a file with --out PATH")
    session = session_of(ctx)
    built = build(session, duration(since))
    parts = _parts(session, built, Format.JSON if json_ else format_)
    if json_ or out == STDOUT:
        sys.stdout.writelines(parts)
    else:
        path = out or default_path(session, built.at, format_)
        write_whole(path, parts)
        say(str(path))
    fail_on.exit_on(built.severities)


def build(session: Session, window: timedelta) -> "Report":
    """The report of this instant; changes are told as far back as the window reaches."""
    from certwatch.cli.looks import current
    from certwatch.reporting.build import build_report

    now, store = session.app.clock.now(), session.store
    try:
        since = now - window
    except OverflowError:
        raise UsageError("--since reaches back before the year 1; write a shorter span") from None
    return build_report(
        current(session),
        now=now,
        since=since,
        past=store.past_findings(since),
        changes=store.state_changes(since),
        sweep=store.last_sweep(),
        plan=_plan(session),
    )


def _plan(session: Session) -> "Forecast | None":
    """The renewals to come; None when none of the domains is ours to renew."""
    from certwatch.cli.plan import LIVE_HORIZON, forecast_of

    if not any(domain.mode is Mode.ACME for domain in session.store.domains()):
        return None
    app = session.app
    return forecast_of(app.outlook(session.store, at=app.clock.now(), horizon=LIVE_HORIZON))


def default_path(session: Session, at: datetime, format_: Format) -> Path:
    """Where a report goes that was not told where: one file a day and format."""
    return Path(session.app.settings.report.directory) / f"certwatch-{at:%Y-%m-%d}.{format_}"


def page(session: Session, built: "Report", format_: Format) -> Iterator[str]:
    """The report as HTML or Markdown, in parts."""
    from certwatch.reporting.render import render, titles_of
    from certwatch.resources import resource

    zone = _zone(session.app.settings.report.timezone)
    titles = titles_of(session.app.catalog)
    return render(
        f"report.{format_}.j2", resource("reports"), report=built, zone=zone, titles=titles
    )


def write_whole(path: Path, parts: Iterable[str]) -> None:
    """Write a file whole or not at all, and its folder. Raises CertwatchError when it cannot."""
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CertwatchError(f"{folder} cannot be written ({error.strerror})") from None
    with whole_file(path) as file:
        file.writelines(parts)


def _parts(session: Session, built: "Report", format_: Format) -> Iterable[str]:
    if format_ is not Format.JSON:
        return page(session, built, format_)
    from certwatch.cli.looks import current, in_order
    from certwatch.reporting.documents import domain_document, report_head
    from certwatch.reporting.plan_documents import forecast_document

    looks = in_order(partial(current, session), built.order)
    head = report_head(built) | {"plan": forecast_document(built.plan)}
    return json_parts(head, "domains", map(domain_document, looks))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"[report] timezone: {name!r} is no time zone; write one such as Europe/Berlin"
        ) from None
