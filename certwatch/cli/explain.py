"""A certificate chain in plain words, for people at a terminal."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from certwatch.cli.output import STYLES, minute, say
from certwatch.core.model import Certificate, Finding

if TYPE_CHECKING:
    from certwatch.services.inspect import Inspection

_NAMES_SHOWN = 10


def explain(inspection: "Inspection") -> None:
    """Print the verdict, the served chain, the verified path and the findings."""
    valid, host = inspection.valid, inspection.host or "any of its names"
    say("valid" if valid else "not valid", STYLES["ok" if valid else "critical"])
    say(f"for {host} at {minute(inspection.at)}: {inspection.reason}")
    _chain(inspection.chain, inspection.at)
    if inspection.path:
        _path(inspection.path)
    for finding in inspection.findings:
        finding_lines(finding)


def _chain(chain: Sequence[Certificate], at: datetime) -> None:
    say("\nchain as served")
    for number, certificate in enumerate(chain, start=1):
        say(f"  {number}  {certificate.subject or '(no subject)'}")
        for label, value in facts_of(certificate, at):
            say(f"     {label:<10} {value}")


def facts_of(certificate: Certificate, at: datetime) -> list[tuple[str, str]]:
    """What matters of a certificate at that time, as (label, text)."""
    until, since = certificate.not_after, certificate.not_before
    facts = [
        ("issued by", certificate.issuer),
        ("valid", f"{minute(since)} to {minute(until)}, {_standing(certificate, at)}"),
        ("key", f"{certificate.key}, signed with {certificate.signature}"),
        ("serial", certificate.serial),
        ("SHA-256", certificate.fingerprint),
    ]
    return [("names", _names(certificate.sans)), *facts] if certificate.sans else facts


def _standing(certificate: Certificate, at: datetime) -> str:
    if at < certificate.not_before:
        return f"begins in {_span(certificate.not_before - at)}"
    if at > certificate.not_after:
        return f"ended {_span(at - certificate.not_after)} ago"
    return f"{_span(certificate.not_after - at)} left"


def _span(span: timedelta) -> str:
    return f"{span.days} days" if span.days > 1 else f"{span.total_seconds() / 3600:.0f} hours"


def _names(sans: Sequence[str]) -> str:
    more = len(sans) - _NAMES_SHOWN
    return ", ".join(sans[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _path(path: Sequence[Certificate]) -> None:
    say("\nverified path")
    for depth, certificate in enumerate(path):
        say(f"  {'  ' * depth}{certificate.subject or '(no subject)'}")


def finding_lines(finding: Finding, opened_at: datetime | None = None) -> None:
    """Print one finding: what is wrong, since when, and what to do."""
    since = f", since {minute(opened_at)}" if opened_at else ""
    say(
        f"\n{finding.severity}: {finding.summary} [{finding.check}{since}]",
        STYLES[finding.severity],
    )
    say(f"  {finding.remedy}")
