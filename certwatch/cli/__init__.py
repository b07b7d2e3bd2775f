"""The command line: one file per command group, and one place where every error ends.

Exit codes: 0 fine; 1 findings at or above ``--fail-on``; 2 wrong usage or settings; 3 it could not
do its work; 130 interrupted; 143 terminated. Modules that take long to import are imported inside
the commands, so that ``--help`` stays quick.
"""

import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Annotated, Any, TextIO, cast

import typer
from typer.core import TyperGroup

from certwatch import __version__
from certwatch.cli import (
    advise,
    budget,
    db,
    demo,
    doctor,
    domains,
    edge,
    init,
    inspect,
    plan,
    renew,
    report,
    scan,
)
from certwatch.cli.output import Stdout, StdoutError, complain
from certwatch.cli.session import Session, session_of
from certwatch.errors import CertwatchError

INTERRUPTED = 130  # 128 + SIGINT, as shells count
READER_GONE = 141  # 128 + SIGPIPE
TERMINATED = 143  # 128 + SIGTERM
_terminated = Event()


class _Commands(TyperGroup):
    """The top of the command tree: whatever fails below ends as one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except (typer.Exit, typer.Abort, typer.TyperException, StdoutError):
            raise
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(TERMINATED if _terminated.is_set() else INTERRUPTED) from None
        except BrokenPipeError:
            _swallow_output()
            raise typer.Exit(READER_GONE) from None
        except CertwatchError as error:
            complain(str(error))
            raise typer.Exit(error.exit_code) from None
        except Exception as error:
            _own_up(error, ctx)
            raise typer.Exit(CertwatchError.exit_code) from None


def _swallow_output() -> None:
    """Nobody takes our output any more: nothing more is written, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _own_up(error: Exception, ctx: typer.Context) -> None:
    complain(
        f"a bug in certwatch {__version__}: {type(error).__name__}; run again with"
        " `certwatch --verbose ...` and report what it shows"
    )
    if session_of(ctx).verbose:
        traceback.print_exception(error, file=sys.stderr)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"certwatch {__version__}")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Settings file; else CERTWATCH_CONFIG, else certwatch.toml here, else defaults.",
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Say more on stderr; show where a bug struck.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Watches and renews the HTTPS of e-mail tracking domains, and says how to mend it."""
    logging.basicConfig(level=logging.WARNING if verbose else logging.CRITICAL)
    ctx.obj = session = Session(config=config, verbose=verbose)
    ctx.call_on_close(session.close)


app = typer.Typer(
    cls=_Commands,
    callback=_root,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("init")(init.init)
app.add_typer(domains.app, name="domains")
app.command("scan")(scan.scan)
app.command("inspect")(inspect.inspect)
app.command("plan")(plan.plan)
app.command("budget")(budget.budget)
app.command("enable")(renew.enable)
app.command("renew")(renew.renew)
app.add_typer(edge.app, name="edge")
app.command("report")(report.report)
app.command("advise")(advise.advise)
app.command("doctor")(doctor.doctor)
app.add_typer(db.app, name="db")
app.command("demo")(demo.demo)


def main() -> None:
    """Run the command that ``sys.argv`` names, and exit with its code."""
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # LANG=C must not end a report
    if sys.stdout is None:
        complain("stdout cannot be written (it is closed); send it to /dev/null instead")
        sys.exit(StdoutError.exit_code)
    sys.stdout = cast(TextIO, Stdout(sys.stdout))
    try:
        typer.main.get_command(app)(prog_name="certwatch")
    except StdoutError as error:
        complain(str(error))
        _swallow_output()
        sys.exit(error.exit_code)


def _terminate(number: int, frame: FrameType | None) -> None:
    """End as an interrupt from the keyboard does, so that what was begun is tidied up."""
    _terminated.set()
    interrupt = signal.getsignal(signal.SIGINT)  # asyncio has its own while it runs
    if not callable(interrupt):  # a shell ignores it for what runs in the background
        interrupt = signal.default_int_handler
    interrupt(number, frame)
