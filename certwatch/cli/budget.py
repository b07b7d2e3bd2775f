"""``certwatch budget``: what is spent, what is left, and when the next place frees."""

from datetime import datetime
from typing import TYPE_CHECKING

import typer

from certwatch.cli.options import Json
from certwatch.cli.output import Column, minute, print_json, say, table
from certwatch.cli.session import Session, session_of

if TYPE_CHECKING:
    from certwatch.reporting.budget import Balance


def budget(ctx: typer.Context, json_: Json = False) -> None:
    """Show the places of the budget: spent, reserved, left, and when the next one frees."""
    from certwatch.reporting.plan_documents import budget_document

    session = session_of(ctx)
    acme, now = session.app.settings.acme, session.app.clock.now()
    balance = _balance(session, acme.directory, now)
    fallback = _balance(session, acme.fallback, now) if acme.fallback else None
    if json_:
        print_json(budget_document(balance, fallback))
        return
    for each in filter(None, (balance, fallback)):
        _print(each)


def _balance(session: Session, directory: str, now: datetime) -> "Balance":
    from certwatch.app import known_cas
    from certwatch.reporting.budget import find_bounds, make_balance

    allowance, store = session.app.allowance, session.store
    spends = store.spends(directory, now - allowance.window)
    names = dict.fromkeys(spend.domain for spend in spends)
    names |= dict.fromkeys(r.domain for r in store.open_renewals() if r.directory == directory)
    ledgers = {name: store.ledger(directory, name, now) for name in names}
    bounds = find_bounds(known_cas().buckets(directory), ledgers, now)
    return make_balance(spends, at=now, directory=directory, allowance=allowance, bounds=bounds)


def _print(balance: "Balance") -> None:
    from certwatch.core.durations import format_duration

    allowance = balance.allowance
    per = f"{allowance.certificates:,} certificates in any {format_duration(allowance.window)}"
    say(f"{balance.directory}: {per}")
    counts = f"{balance.spent:,} spent, {balance.reserved:,} reserved, {balance.left:,} left"
    say(counts + _held(balance))
    if balance.next_free_at:
        say(f"the next place frees at {minute(balance.next_free_at)}")
    for bound in balance.bounds:
        whose = f" for {bound.domain}" if bound.domain else ""
        say(f"{bound.reason}{whose} until {minute(bound.until_at)}")
    if balance.spends:
        say()
        columns = (Column("domain"), Column("at", whole=True), Column("state", whole=True))
        table(columns, ([s.domain, minute(s.at), _state(s.committed)] for s in balance.spends))
    say()


def _state(committed: bool) -> str:
    return "issued" if committed else "reserved"


def _held(balance: "Balance") -> str:
    reserve = balance.allowance.reserve
    return f" ({balance.ordinary:,} for renewals, the rest for emergencies)" if reserve else ""
