"""Latest looks for tests of what is made of them."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from certwatch.core.model import Finding, Judged, Mode, Severity, State, TrackingDomain, worst
from certwatch.ports import Latest, OpenFinding
from tests.factories import NAME, NOW, certificate, observation, tls

TEMPLATES = Path(__file__).parents[2] / "reports"


def finding(check: str = "expired", severity: Severity = Severity.CRITICAL, **facts) -> Finding:
    """A finding in a few words."""
    return Finding(check, severity, f"{check} it is", f"mend {check}", facts)


def latest(
    *findings: Finding,
    name: str = NAME,
    state: State | None = None,
    days_left: float = 45,
    opened_ago: timedelta = timedelta(days=3),
    owner: str | None = None,
    seen_ago: timedelta = timedelta(0),
    fingerprint: str = "ab" * 32,
) -> Latest:
    """A domain behind CloudFront that was looked at, and what was found."""
    domain = TrackingDomain(name=name, provider="sparkpost", owner=owner)
    leaf = certificate(name, not_after=NOW + timedelta(days=days_left), fingerprint=fingerprint)
    look = observation(domain=name, observed_at=NOW - seen_ago, tls=(tls(leaf),))
    judged = Judged(
        domain=domain,
        observation=look,
        provider="sparkpost",
        edge="cloudfront",
        mode=Mode.CDN,
        state=state or worst(findings),
        findings=findings,
    )
    since = NOW - opened_ago
    opened = tuple(OpenFinding(finding=each, opened_at=since) for each in findings)
    return Latest(domain=domain, judged=judged, since=since, findings=opened)


def unseen(name: str = "new.brand.test") -> Latest:
    """A domain that was never looked at."""
    return Latest(domain=TrackingDomain(name=name), judged=None, since=None)


def blinded(look: Latest, since: datetime) -> Latest:
    """The same domain as the store gives it while our side sees nothing."""
    assert look.judged is not None
    judged = replace(look.judged, state=State.UNKNOWN, findings=())
    return replace(look, judged=judged, since=since)
