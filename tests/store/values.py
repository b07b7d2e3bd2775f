"""Looks to save: one domain, changed one thing at a time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from certwatch.core.model import (
    Certificate,
    DnsStatus,
    DnsView,
    Finding,
    Judged,
    Mode,
    Observation,
    Severity,
    State,
    TrackingDomain,
    worst,
)
from tests import factories
from tests.factories import NAME, NOW, dns, tls

HOSTILE = "<script>=cmd()\x00\x1b[31m\ud800‮"


def domain(name: str = NAME, **declared: Any) -> TrackingDomain:
    return TrackingDomain(name=name, **declared)


def leaf(number: int = 1, **changes: Any) -> Certificate:
    """A certificate that differs from those of other numbers."""
    fingerprint = f"{number:064x}"
    return factories.certificate(fingerprint=fingerprint, der=b"der" * number, **changes)


def finding(check: str = "expired", summary: str = "it has expired", **facts: Any) -> Finding:
    return Finding(check, Severity.CRITICAL, summary, "renew it", facts)


def look(
    hours: float = 0,
    *found: Finding,
    name: str = NAME,
    leaves: Sequence[Certificate] = (leaf(),),
    target: str = "d1.cloudfront.net",
    **changes: Any,
) -> Judged:
    """A look some hours after NOW, with these findings and served certificates."""
    views = tuple(tls(each, f"192.0.2.{place}") for place, each in enumerate(leaves))
    observation = replace(factories.observation(), domain=name, observed_at=at(hours), tls=views)
    judged = Judged(
        domain=domain(name),
        observation=replace(observation, dns=dns(target)),
        provider="sparkpost",
        edge="cloudfront",
        mode=Mode.CDN,
        state=worst(found),
        findings=found,
    )
    return replace(judged, **changes)


def spoiled(hours: float, name: str = NAME) -> Judged:
    """A look at which our own side saw nothing."""
    nothing = Observation(
        domain=name, observed_at=at(hours), dns=DnsView(status=DnsStatus.UNREACHABLE)
    )
    return replace(look(hours, name=name), observation=nothing, state=State.UNKNOWN)


def at(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)
