"""Everything certwatch knows of one domain: declared, seen, found, remembered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from certwatch.cli.explain import facts_of, finding_lines
from certwatch.cli.output import STYLES, minute, say
from certwatch.cli.renew import standing
from certwatch.core.model import Judged, Sighting, State, TlsView
from certwatch.core.renewal import Renewal, Step
from certwatch.ports import Latest, PastSweep, StateChange
from certwatch.reporting.build import blindness, last_known
from certwatch.reporting.documents import (
    VERSION,
    blind_document,
    certificate_document,
    domain_document,
    instant,
    inventory_entry,
    trouble_text,
)
from certwatch.reporting.model import Blind
from certwatch.reporting.plan_documents import renewal_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is remembered of a domain: certificates newest first, states oldest first; and of us:
    the sweep that ended last. ``renewal`` is the one that is not done yet."""

    sightings: Sequence[Sighting]
    changes: Sequence[StateChange]
    sweep: PastSweep | None = None
    renewal: Renewal | None = None


def shown_document(latest: Latest, past: Past) -> dict[str, Any]:
    """What ``domains show --json`` prints."""
    return {
        "version": VERSION,
        "blind": blind_document(_blind(latest, past)),
        **domain_document(latest),
        "declared": inventory_entry(latest.domain),
        "renewal": renewal_document(past.renewal) if past.renewal else None,
        "certificates": [_sighting_document(each) for each in past.sightings],
        "changes": [
            {"at": instant(each.at), "before": each.before, "after": each.after}
            for each in past.changes
        ],
    }


def _sighting_document(sighting: Sighting) -> dict[str, Any]:
    return {
        "certificate": certificate_document(sighting.certificate),
        "first_seen_at": instant(sighting.first_seen_at),
        "last_seen_at": instant(sighting.last_seen_at),
    }


def _blind(latest: Latest, past: Past) -> Blind | None:
    """That we see nothing, where that is why this domain is unknown."""
    unknown = latest.judged is not None and latest.judged.state is State.UNKNOWN
    return blindness(past.sweep, [latest.since]) if unknown else None


def show_domain(latest: Latest, past: Past, titles: Mapping[str, str] | None = None) -> None:
    """Print one domain for people, who call providers and edges by their titles."""
    judged = latest.judged
    if blind := _blind(latest, past):
        say(f"certwatch is blind since {minute(blind.since)}", STYLES["critical"])
        finding_lines(blind.finding)
        say("")
    say(latest.domain.name, "bold")
    _block("declared", _declared(latest))
    if past.renewal:
        _block("renewal", _standing(past.renewal))
    if judged is None:
        say(f"\nnever looked at\nnext: certwatch scan {latest.domain.name}")
        return
    since = f" since {minute(latest.since)}" if latest.since else ""
    say(f"\n{judged.state}{since}", STYLES[judged.state])
    _block(f"seen {minute(judged.observation.observed_at)}", _seen(judged, titles or {}))
    opened = {each.finding.check: each.opened_at for each in latest.findings}
    for finding in judged.findings:
        finding_lines(finding, opened.get(finding.check))
    if last := last_known(latest):
        say(f"\nlast known, before it went out of sight{since}:")
    for each in last:
        finding_lines(each.finding, each.opened_at)
    _block("certificates seen", _certificates(past))
    _block("changes of state", ((minute(c.at), f"{c.before} -> {c.after}") for c in past.changes))


def _block(title: str, facts: Iterator[tuple[str, str]]) -> None:
    if lines := [f"  {label:<20} {value}" for label, value in facts if value]:
        say("\n".join((f"\n{title}", *lines)))


def _declared(latest: Latest) -> Iterator[tuple[str, str]]:
    for key, value in inventory_entry(latest.domain).items():
        if key != "domain":
            yield key, " ".join(value) if isinstance(value, list) else str(value or "")


def _standing(renewal: Renewal) -> Iterator[tuple[str, str]]:
    yield "stands", standing(renewal.step)
    if renewal.setback:
        yield "blocked by", f"{renewal.setback.detail} ({minute(renewal.setback.at)})"
        yield "what to do", renewal.setback.remedy
    if renewal.step is Step.QUARANTINED:
        yield "next try", f"`certwatch enable {renewal.domain}` tries again when it is mended"
    else:
        yield "next try", minute(renewal.due_at)


def _seen(judged: Judged, titles: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    observation = judged.observation
    provider, edge = judged.provider or "", judged.edge or ""
    yield "provider", titles.get(provider, provider)
    yield "mode", judged.mode or ""
    yield "edge", titles.get(edge, edge)
    yield "DNS", " -> ".join((observation.domain, *observation.dns.cname_chain))
    for view in observation.tls:
        yield view.address, _address(view)
    if observation.leaf:
        yield from facts_of(observation.leaf, observation.observed_at)


def _address(view: TlsView) -> str:
    if view.trouble:
        return f"port {view.port}: {trouble_text(view.trouble)}"
    return f"port {view.port}: {view.version}, certificate {view.leaf.serial if view.leaf else '-'}"


def _certificates(past: Past) -> Iterator[tuple[str, str]]:
    for sighting in past.sightings:
        span = f"{minute(sighting.first_seen_at)} to {minute(sighting.last_seen_at)}"
        yield sighting.certificate.serial[:12], f"{span}, by {sighting.certificate.issuer}"
