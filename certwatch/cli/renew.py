"""``certwatch renew`` and ``certwatch enable``: certificates ordered, put in place, seen served."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from certwatch.cli.options import Name, duration
from certwatch.cli.output import Column, complain, counted, minute, note, say, table
from certwatch.cli.session import Session, session_of
from certwatch.core.model import Mode, TrackingDomain
from certwatch.core.names import normalise
from certwatch.core.renewal import Renewal, Step
from certwatch.errors import CertwatchError, UsageError

if TYPE_CHECKING:
    from certwatch.services.renew import Renewing
    from certwatch.services.workshop import Outcome

_SAID = {
    Step.QUEUED: "waits",
    Step.RESERVED: "has a place in the budget; prechecking, then ordering",
    Step.ORDERED: "ordered; the CA validates",
    Step.FINALIZED: "validated; the CA issues",
    Step.ISSUED: "issued; putting it in place",
    Step.DEPLOYED: "in place; waiting for every address to serve it",
    Step.DONE: "done: every address serves it",
    Step.QUARANTINED: "quarantined: it waits for a person",
}
_PATIENCE = timedelta(minutes=20)  # of who follows a domain
_COLUMNS = (
    Column("domain"),
    Column("result", whole=True),
    Column("next try", whole=True),
    Column("blocked by", prose=True),
)


def renew(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Only these domains; else all.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Renew the named domains now, whatever the plan says.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be worked on now.")
    ] = False,
) -> None:
    """Work the queue once.

    What the plan grants now is queued; every renewal that is due is ordered, put in place and
    looked at until every address serves it. Exit code 3 when one of them failed.
    """
    from certwatch.app import run

    session = session_of(ctx)
    chosen = [domain.name for domain in _acme_domains(session, names or [])]
    if force and not names:
        raise UsageError("--force needs names: all at once would spend the whole budget")
    if not chosen:
        note("no domain is in mode acme; `certwatch enable NAME` makes it so")
        return
    renewing = session.app.renewing(session.store, on_step=_tell, on_trouble=note)
    limited, forced = (chosen if names else None), (chosen if force else [])
    if dry_run:
        _preview(renewing, limited, forced)
    else:
        _end(run(renewing.once(limited, forced)))


def enable(
    ctx: typer.Context,
    name: Name,
    within: Annotated[
        timedelta | None,
        typer.Option("--within", parser=duration, metavar="SPAN", help="The longest wait; 20m."),
    ] = None,
) -> None:
    """Ask for HTTPS on a domain now, and follow it until it is active.

    Puts the domain in mode acme. Exit code 3 when it is not active in time, with what blocks it.
    """
    from certwatch.app import run

    session = session_of(ctx)
    domain = session.store.domain(normalise(name))
    if domain.mode not in (None, Mode.ACME):
        raise UsageError(
            f"{domain.name} is in mode {domain.mode}: somebody else holds its certificate; to let"
            f" certwatch issue for it, import it again with mode acme"
        )
    renewing = session.app.renewing(session.store, on_step=_tell, on_trouble=note)
    if domain.mode is None:
        changed = [replace(domain, mode=Mode.ACME)]
        session.store.import_all(changed, session.app.clock.now(), prune=False, dry_run=False)
    outcome = run(renewing.follow(domain.name, within or _PATIENCE))
    if outcome is None:
        say(f"{domain.name} is active: {_SAID[Step.DONE].removeprefix('done: ')}")
        return
    _blocked(outcome)
    raise typer.Exit(CertwatchError.exit_code)


def _acme_domains(session: Session, names: Sequence[str]) -> Iterator[TrackingDomain]:
    if not names:
        yield from (domain for domain in session.store.domains() if domain.mode is Mode.ACME)
        return
    for domain in map(session.store.domain, dict.fromkeys(map(normalise, names))):
        if domain.mode is not Mode.ACME:
            raise UsageError(
                f"{domain.name} is not in mode acme, so certwatch holds no certificate for it;"
                f" `certwatch enable {domain.name}` asks for one"
            )
        yield domain


def standing(step: Step) -> str:
    """How far a renewal has come, for people."""
    return _SAID[step]


def _tell(renewal: Renewal) -> None:
    note(f"{renewal.domain}: {_SAID[renewal.step]}")


def _preview(renewing: "Renewing", names: Sequence[str] | None, forced: Sequence[str]) -> None:
    rows = [
        (one.domain, one.reason, minute(one.deadline_at), _SAID[one.step])
        for one in renewing.preview(names, forced)
    ]
    columns = (
        Column("would renew"),
        Column("why"),
        Column("expires", whole=True),
        Column("stands"),
    )
    if not table(columns, rows):
        say("nothing is due now; `certwatch plan` shows when")


def _end(outcomes: Sequence["Outcome"]) -> None:
    """The outcomes as a table, what failed last, and the exit code."""
    if not outcomes:
        say("nothing is due now; `certwatch plan` shows when")
    ordered = sorted(outcomes, key=lambda one: (not one.is_done, bool(one.blame), one.domain))
    table(
        _COLUMNS, ([one.domain, _came_to(one), minute(one.retry_at), _way(one)] for one in ordered)
    )
    failed = [one for one in outcomes if one.blame]
    if failed:
        complain(f"{counted(len(failed), 'renewal')} failed")
        raise typer.Exit(CertwatchError.exit_code)


def _came_to(outcome: "Outcome") -> str:
    return _SAID[outcome.step].partition(":")[0].partition(";")[0]


def _way(outcome: "Outcome") -> str:
    return "; ".join(part for part in (outcome.detail, outcome.remedy) if part)


def _blocked(outcome: "Outcome") -> None:
    complain(f"{outcome.domain} is not active yet: {outcome.detail or _SAID[outcome.step]}")
    if outcome.remedy:
        complain(f"what to do: {outcome.remedy}")
    if outcome.retry_at:
        complain(
            f"`certwatch renew` tries again from {minute(outcome.retry_at)} on;"
            f" `certwatch enable {outcome.domain}` does so at once"
        )
