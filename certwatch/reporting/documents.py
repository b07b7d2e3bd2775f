"""The JSON documents of the command line and the API, as plain dictionaries.

Instants are RFC 3339 in UTC with ``Z``, to the second; serials and fingerprints are lower-case hex.
Every whole document has ``version`` 1: keys may be added to it, never renamed. Text is as it came
from the network; whoever shows a document to people escapes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol

from certwatch.core.model import (
    Certificate,
    Finding,
    Observation,
    State,
    TlsView,
    TrackingDomain,
    Trouble,
    worst,
)
from certwatch.ports import Latest
from certwatch.reporting.build import last_known
from certwatch.reporting.model import Blind, Report

VERSION = 1

Document = dict[str, Any]


class SweepResult(Protocol):
    """What a sweep came to."""

    @property
    def started_at(self) -> datetime:
        """When its first look began."""
        ...

    @property
    def finished_at(self) -> datetime:
        """When its last look was stored."""
        ...

    @property
    def counts(self) -> Mapping[State, int]:
        """How many domains are in each state."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """The findings about our own side."""
        ...


class InspectResult(Protocol):
    """What the inspection of one chain came to."""

    @property
    def host(self) -> str | None:
        """The name that the chain was judged for, if one was given."""
        ...

    @property
    def at(self) -> datetime:
        """The instant that it was judged for."""
        ...

    @property
    def valid(self) -> bool:
        """Whether a right path exists."""
        ...

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        ...

    @property
    def findings(self) -> Sequence[Finding]:
        """The judgements on it."""
        ...

    @property
    def chain(self) -> Sequence[Certificate]:
        """As served, leaf first."""
        ...

    @property
    def path(self) -> Sequence[Certificate]:
        """Leaf first, root last; empty when there is none."""
        ...


def instant(at: datetime) -> str:
    """RFC 3339 in UTC with ``Z``, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def certificate_document(certificate: Certificate) -> Document:
    """One certificate."""
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": certificate.serial,
        "sans": list(certificate.sans),
        "not_before": instant(certificate.not_before),
        "not_after": instant(certificate.not_after),
        "fingerprint_sha256": certificate.fingerprint,
        "key": certificate.key,
        "signature": certificate.signature,
    }


def finding_document(finding: Finding, opened_at: datetime | None = None) -> Document:
    """One finding; ``opened_at`` is null when the store does not know it."""
    return {
        "check": finding.check,
        "severity": finding.severity.value,
        "summary": finding.summary,
        "remedy": finding.remedy,
        "facts": dict(finding.facts),
        "opened_at": _maybe(opened_at),
    }


def domain_document(latest: Latest) -> Document:
    """One domain with its latest look; ``unknown`` and mostly empty when it was never looked at."""
    judged, domain = latest.judged, latest.domain
    opened_at = {each.finding.check: each.opened_at for each in latest.findings}
    return {
        "domain": domain.name,
        "state": judged.state.value if judged else State.UNKNOWN.value,
        "since": _maybe(latest.since),
        "observed_at": _maybe(judged.observation.observed_at if judged else None),
        "provider": judged.provider if judged else domain.provider,
        "mode": judged.mode if judged else domain.mode,
        "edge": judged.edge if judged else domain.edge,
        "owner": domain.owner,
        "tags": list(domain.tags),
        **_seen(judged.observation if judged else None),
        "findings": [
            finding_document(finding, opened_at.get(finding.check))
            for finding in (judged.findings if judged else ())
        ],
        "last_known": _last_known(latest),
    }


def _last_known(latest: Latest) -> Document | None:
    """What was found before the domain went out of sight; null while it can be seen."""
    if not (last := last_known(latest)):
        return None
    return {
        "state": worst(tuple(each.finding for each in last)).value,
        "until": _maybe(latest.since),
        "findings": [finding_document(each.finding, each.opened_at) for each in last],
    }


def blind_document(blind: Blind | None) -> Document | None:
    """That we see nothing, and since when; null when we do."""
    if blind is None:
        return None
    return {"since": instant(blind.since), "finding": finding_document(blind.finding)}


def inventory_entry(domain: TrackingDomain) -> Document:
    """One domain as it is declared; null means "not declared"."""
    return {
        "domain": domain.name,
        "provider": domain.provider,
        "mode": domain.mode,
        "edge": domain.edge,
        "origin": domain.origin,
        "cname": domain.cname,
        "owner": domain.owner,
        "tags": list(domain.tags),
        "sample_link": domain.sample_link,
    }


def summary_document(counts: Mapping[State, int]) -> dict[str, int]:
    """How many domains there are, and how many in each state."""
    states = (State.OK, State.CRITICAL, State.WARNING, State.INFO, State.UNKNOWN)
    return {
        "domains": sum(counts.values()),
        **{state.value: counts.get(state, 0) for state in states},
    }


def scan_head(sweep: SweepResult) -> Document:
    """All of ``scan --json`` but its last member, ``domains``: that is long, and streamed."""
    return {
        "version": VERSION,
        "started_at": instant(sweep.started_at),
        "finished_at": instant(sweep.finished_at),
        "summary": summary_document(sweep.counts),
        "findings": [finding_document(finding) for finding in sweep.findings],
    }


def report_head(report: Report) -> Document:
    """All of ``report --format json`` but its last members: ``plan`` (see ``plan_documents``) and
    ``domains`` (as in ``scan --json``)."""
    return {
        "version": VERSION,
        "at": instant(report.at),
        "since": instant(report.since),
        "blind": blind_document(report.blind),
        "summary": summary_document(report.counts),
        "last_known": {
            state.value: report.last_known[state] for state in (State.CRITICAL, State.WARNING)
        },
        "kinds": [asdict(kind) for kind in report.kinds],
        "owners": [asdict(group) for group in report.owners],
        "places": [asdict(group) for group in report.places],
        "calendar": {
            "expired": report.calendar.expired,
            "weeks": [{**asdict(w), "monday": str(w.monday)} for w in report.calendar.weeks],
            "later": report.calendar.later,
        },
        "recovered": list(report.recovered),
        "quality": {
            "swept_at": _maybe(report.swept_at),
            "never": report.never,
            "stale": report.stale,
        },
        "findings": [finding_document(finding) for finding in report.ours],
    }


def inspect_document(inspection: InspectResult) -> Document:
    """What ``inspect --json`` prints."""
    return {
        "version": VERSION,
        "host": inspection.host,
        "at": instant(inspection.at),
        "valid": inspection.valid,
        "reason": inspection.reason,
        "checks": [finding.check for finding in inspection.findings],
        "findings": [finding_document(finding) for finding in inspection.findings],
        "chain": [certificate_document(each) for each in inspection.chain],
        "path": [certificate_document(each) for each in inspection.path],
    }


def _seen(observation: Observation | None) -> Document:
    if observation is None:
        return {"cname_chain": [], "certificate": None, "addresses": []}
    leaf = observation.leaf
    return {
        "cname_chain": list(observation.dns.cname_chain),
        "certificate": certificate_document(leaf) if leaf else None,
        "addresses": [_address(view) for view in observation.tls],
    }


def _address(view: TlsView) -> Document:
    return {
        "address": view.address,
        "port": view.port,
        "fingerprint_sha256": view.leaf.fingerprint if view.leaf else None,
        "tls": view.version,
        "error": trouble_text(view.trouble) if view.trouble else None,
    }


def trouble_text(trouble: Trouble) -> str:
    """``refused``, or ``alert: unrecognized_name`` where more is known."""
    return f"{trouble.kind.value}: {trouble.detail}" if trouble.detail else trouble.kind.value


def _maybe(at: datetime | None) -> str | None:
    return instant(at) if at else None
