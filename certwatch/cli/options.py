"""Options that several commands share, so that they read and act alike everywhere."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from certwatch.core.durations import parse_duration
from certwatch.core.model import Finding, Severity

FINDINGS = 1  # exit code: findings at or above --fail-on


Choice = TypeVar("Choice", bound=StrEnum)


class FailOn(StrEnum):
    """The least severity that makes a command exit with 1."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"
    NEVER = "never"

    def reached(self, severities: Iterable[Severity]) -> bool:
        """Whether one of these severities is at or above the limit."""
        if self is FailOn.NEVER:
            return False
        limit = Severity(self.value)
        return any(severity.rank >= limit.rank for severity in severities)

    def exit_on(self, severities: Iterable[Severity]) -> None:
        """End the command with exit code 1 when the limit is reached."""
        if self.reached(severities):
            raise typer.Exit(FINDINGS)


def severities(findings: Iterable[Finding]) -> Iterable[Severity]:
    """The severities of findings."""
    return (finding.severity for finding in findings)


def choice(of: type[Choice]) -> Callable[[str], Choice]:
    """What reads an option that is one of few words; a usage error that names them otherwise."""

    def read(text: str) -> Choice:
        try:
            return of(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(of)}") from None

    return read


def words(of: type[StrEnum]) -> str:
    """The words of a choice as help and usage show them."""
    return f"<{'|'.join(of)}>"


def duration(text: str) -> timedelta:
    """A span for an option; a usage error that says what is allowed otherwise."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
FailOnOption = Annotated[
    FailOn,
    typer.Option(
        "--fail-on",
        parser=choice(FailOn),
        metavar=words(FailOn),
        help="Exit with 1 when a finding is at least this grave.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A tracking domain of the inventory.")]
