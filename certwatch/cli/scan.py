"""``certwatch scan``: look now, store what was seen, print the worst first."""

import sys
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from certwatch.cli.looks import FAULTY, HOW_TO_ADD, in_order, print_looks, worst_first
from certwatch.cli.options import FailOn, FailOnOption, Json, severities
from certwatch.cli.output import complain, counted, json_parts, note, progress, say
from certwatch.cli.session import session_of
from certwatch.core.model import Mode, Severity, TrackingDomain
from certwatch.errors import CertwatchError, ListenError
from certwatch.reporting.model import ORDER

if TYPE_CHECKING:
    from certwatch.app import App
    from certwatch.services.scan import Sweep
    from certwatch.services.workshop import WholeStore


def scan(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Only these domains; else all.")
    ] = None,
    json_: Json = False,
    fail_on: FailOnOption = FailOn.CRITICAL,
) -> None:
    """Look now, store it, print the worst first.

    Exit code 1 when something is found at or above --fail-on, 3 when certwatch itself could not
    see (its resolver or its network failed).
    """
    session = session_of(ctx)
    app, store = session.app, session.store
    domains = _chosen(store, names or [])
    sweep = sweep_over(app, store, domains)
    store.prune(sweep.finished_at - app.settings.store.keep)
    if json_:
        _print_document(store, sweep)
    elif domains:
        _print_table(store, sweep)
    else:
        note(HOW_TO_ADD)
    _end(sweep, fail_on)


def sweep_over(app: "App", store: "WholeStore", domains: Sequence[TrackingDomain]) -> "Sweep":
    """One sweep with a progress bar; no domains, no network."""
    from certwatch.app import run
    from certwatch.services.scan import Sweep
    from certwatch.services.scan import scan as look_at_all

    if not domains:
        now = app.clock.now()
        return Sweep(started_at=now, finished_at=now, states={}, findings=(), sick=False)
    try:
        with progress("looking", len(domains)) as step:
            journey = look_at_all(
                domains,
                store=store,
                prober=app.prober(),
                clock=app.clock,
                house=app.house,
                concurrency=app.settings.probe.concurrency,
                on_look=step,
            )
            return run(_answering(app, store, domains, journey))
    except KeyboardInterrupt:
        complain("what was seen so far is kept")
        raise


async def _answering(
    app: "App", store: "WholeStore", domains: Sequence[TrackingDomain], journey: Awaitable["Sweep"]
) -> "Sweep":
    """The journey, with the challenge path of ``acme`` domains answered while they are looked at:
    between two renewals no other certwatch may be there to do it."""
    if not any(domain.mode is Mode.ACME for domain in domains):
        return await journey
    async with AsyncExitStack() as stack:
        with suppress(ListenError):  # then what is seen of the path tells what stands there
            await stack.enter_async_context(app.answering(store, lambda text: None))
        return await journey


def _chosen(store: "WholeStore", names: Sequence[str]) -> list[TrackingDomain]:
    """The domains to look at. Raises InventoryError for a name that is not in the inventory."""
    from certwatch.core.names import normalise

    if not names:
        return list(store.domains())
    return [store.domain(name) for name in dict.fromkeys(map(normalise, names))]


def _print_document(store: "WholeStore", sweep: "Sweep") -> None:
    from certwatch.reporting.documents import domain_document, scan_head

    looks = in_order(store.latest, worst_first(sweep.states))
    sys.stdout.writelines(json_parts(scan_head(sweep), "domains", map(domain_document, looks)))


def _print_table(store: "WholeStore", sweep: "Sweep") -> None:
    order = worst_first(sweep.states)
    print_looks(in_order(store.latest, order), sweep.finished_at)
    say()
    say(_counts(sweep))
    if order and sweep.states[order[0]] in FAULTY:
        say(f"next: certwatch advise {order[0]}   (what its owner has to do)")


def _counts(sweep: "Sweep") -> str:
    parts = (f"{sweep.counts[state]:,} {state}" for state in ORDER if sweep.counts.get(state))
    return f"{counted(len(sweep.states), 'domain')}: {', '.join(parts)} (in {seconds(sweep):.1f} s)"


def seconds(sweep: "Sweep") -> float:
    """How long a sweep took."""
    return (sweep.finished_at - sweep.started_at).total_seconds()


def _end(sweep: "Sweep", fail_on: FailOn) -> None:
    """The exit code: our own failure first, then what the domains have."""
    for finding in sweep.findings:
        complain(f"{finding.severity}: {finding.summary}; {finding.remedy}")
    if sweep.sick:
        raise typer.Exit(CertwatchError.exit_code)
    of_domains = (Severity(state.value) for state in FAULTY if sweep.counts.get(state))
    fail_on.exit_on((*severities(sweep.findings), *of_domains))
