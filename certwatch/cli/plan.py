"""``certwatch plan``: the renewal calendar of the inventory, or of a fleet on paper."""

import gc
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from certwatch.cli.options import FINDINGS, Json, duration
from certwatch.cli.output import json_lists, note
from certwatch.cli.session import session_of
from certwatch.errors import InventoryError, UsageError

if TYPE_CHECKING:
    from certwatch.core.renewal import Allowance
    from certwatch.reporting.plan import Forecast
    from certwatch.services.plan import Outlook

FLEET_BUDGET, FLEET_WINDOW = 20, timedelta(days=7)
FLEET_LIFETIME, FLEET_HORIZON = timedelta(days=90), timedelta(days=365)
LIVE_HORIZON = timedelta(days=90)
_SPANS = {  # what an option allows: shorter ones make plans without end, longer ones say nothing
    "--window": (timedelta(minutes=1), timedelta(days=3660)),
    "--lifetime": (timedelta(hours=1), timedelta(days=3660)),
    "--horizon": (timedelta(hours=1), timedelta(days=3660)),
}
_LAST_YEAR = 2999


def plan(
    ctx: typer.Context,
    fleet: Annotated[
        Path | None,
        typer.Option(
            "--fleet",
            metavar="FILE",
            help="A fleet on paper instead of the inventory: CSV, domain,not_after[,not_before].",
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            "--budget",
            min=1,
            metavar="N",
            help="Certificates per window; else the settings' (fleet: 20).",
        ),
    ] = None,
    window: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="SPAN",
            help="The budget's window; else the settings' (fleet: 7d).",
        ),
    ] = None,
    reserve: Annotated[
        int | None,
        typer.Option(
            "--reserve",
            min=0,
            metavar="N",
            help="Places held for emergencies; else the settings' (fleet: 0).",
        ),
    ] = None,
    lifetime: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="SPAN",
            help="What if certificates lived 45d? Else as long as the CA's (fleet: 90d).",
        ),
    ] = None,
    horizon: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="SPAN", help="How far to plan; 90d (fleet: 365d)."),
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="With --fleet: plan from then on.")
    ] = None,
    json_: Json = False,
) -> None:
    """Show who is renewed when, inside the budget, and who would lapse.

    Exit code 1 when a lapse is forecast. With --fleet neither settings nor database are read.
    """
    gc.disable()  # a plan is millions of values without a cycle: looking for one costs a third
    ctx.call_on_close(gc.enable)
    for option, span in (("--window", window), ("--lifetime", lifetime), ("--horizon", horizon)):
        _check_span(option, span)
    if fleet is not None:
        outlook = _on_paper(fleet, budget, window, reserve, lifetime, horizon, at)
    elif at is not None:
        raise UsageError("--at goes with --fleet; the inventory is planned from now on")
    else:
        session = session_of(ctx)
        outlook = session.app.outlook(
            session.store,
            at=session.app.clock.now(),
            horizon=horizon or LIVE_HORIZON,
            allowance=_what_if(session.app.allowance, budget, window, reserve),
            lifetime=lifetime,
        )
    _show(outlook, json_)
    if not outlook.plan.feasible:
        raise typer.Exit(FINDINGS)


def _check_span(option: str, span: timedelta | None) -> None:
    from certwatch.core.durations import format_duration

    least, most = _SPANS[option]
    if span is not None and not least <= span <= most:
        allowed = f"{format_duration(least)} to {format_duration(most)}"
        raise UsageError(f"{option} {format_duration(span)} is out of range; allowed: {allowed}")


def _on_paper(
    path: Path,
    budget: int | None,
    window: timedelta | None,
    reserve: int | None,
    lifetime: timedelta | None,
    horizon: timedelta | None,
    at: str | None,
) -> "Outlook":
    from certwatch.core.renewal import Allowance
    from certwatch.services.plan import fleet_outlook

    allowance = Allowance(
        certificates=budget or FLEET_BUDGET, window=window or FLEET_WINDOW, reserve=reserve or 0
    )
    return fleet_outlook(
        path,
        at=_instant(at),
        horizon=horizon or FLEET_HORIZON,
        allowance=_sound(allowance),
        life=lifetime or FLEET_LIFETIME,
    )


def _instant(text: str | None) -> datetime:
    from certwatch.clock import SystemClock
    from certwatch.core.fleet import parse_instant

    if text is None:
        return SystemClock().now()
    try:
        at = parse_instant("--at", text)
    except InventoryError as error:
        raise UsageError(str(error)) from None
    if not 1970 <= at.year <= _LAST_YEAR:
        raise UsageError(f"--at {text} is out of range; allowed: 1970 to {_LAST_YEAR}")
    return at


def _what_if(
    house: "Allowance", budget: int | None, window: timedelta | None, reserve: int | None
) -> "Allowance":
    """The budget of the settings, or what the options put in its place."""
    changed = replace(
        house,
        certificates=budget or house.certificates,
        window=window or house.window,
        reserve=house.reserve if reserve is None else reserve,
    )
    return _sound(changed)


def _sound(allowance: "Allowance") -> "Allowance":
    if allowance.reserve >= allowance.certificates:
        raise UsageError(
            f"a reserve of {allowance.reserve} leaves nothing of a budget of"
            f" {allowance.certificates}; write a larger --budget or a smaller --reserve"
        )
    return allowance


def forecast_of(outlook: "Outlook") -> "Forecast":
    """What a plan comes to, for people."""
    from certwatch.reporting.plan import make_forecast

    return make_forecast(
        outlook.plan,
        domains=outlook.domains,
        lifetimes=outlook.lifetimes,
        quarantined=outlook.quarantined,
    )


def _show(outlook: "Outlook", json_: bool) -> None:
    from certwatch.cli.calendar import print_forecast
    from certwatch.reporting.plan_documents import plan_head, plan_lists

    if json_:
        head = plan_head(outlook.plan, outlook.quarantined)
        sys.stdout.writelines(json_lists(head, plan_lists(outlook.plan)))
        return
    if not outlook.domains and not outlook.quarantined:
        note("no domain is in mode acme; `certwatch enable NAME` makes it so")
        return
    print_forecast(forecast_of(outlook))
