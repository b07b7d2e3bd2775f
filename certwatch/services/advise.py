"""The message to a domain's owner: what is wrong, what to set, and how to see that it worked.

It asks of the owner only what an owner can do: DNS records, the CDN or proxy, a certificate of
their own. Whoever terminates TLS mends what is served; where that is the provider or certwatch,
the message says so.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from certwatch.checks import addresses, certificate, chain, ours
from certwatch.checks.dns import expected_target
from certwatch.checks.registry import codes_of
from certwatch.core.catalog import Catalog
from certwatch.core.escape import visible
from certwatch.core.model import Memory, Mode, Severity, State
from certwatch.core.policy import HousePolicy, Policy, policy_for
from certwatch.ports import Latest, OpenFinding

Write = Callable[[Mapping[str, Any]], str]
"""Fills in the template ``advice.txt.j2``."""

_SERVED = {code.code for family in (certificate, chain, addresses) for code in codes_of(family)}
_OURS = {code.code for code in codes_of(ours)}
_SERVER = {Mode.ACME: "us", Mode.PROVIDER: "provider"}  # any other mode is the owner's own
_RECORD = {  # findings that one CNAME record mends
    "cname_missing",
    "cname_wrong",
    "cname_to_provider",
    "cname_dangling",
    "cname_loop",
    "zone_appended",
    "wrong_region",
}
_TIMED = {"expiring", "renewal_overdue", "intermediate_expiring", "caa_blocks"}


@dataclass(frozen=True, slots=True)
class Advice:
    """A message, ready for a mail: every character of it can be seen."""

    subject: str
    body: str


def advise(latest: Latest, catalog: Catalog, write: Write) -> Advice:
    """Write to the owner of a domain about its latest look."""
    policy = _policy(latest, catalog)
    findings = sorted(latest.findings, key=lambda each: -each.finding.severity.rank)
    faults = [each for each in findings if each.finding.severity is not Severity.INFO]
    asked = [each for each in faults if _who(each, policy) == "owner"]
    body = write(
        {
            "domain": latest.domain.name,
            "observed_at": latest.judged.observation.observed_at if latest.judged else None,
            "seen": latest.judged is not None and latest.judged.state is not State.UNKNOWN,
            "provider": policy.provider.title if policy and policy.provider else None,
            "asked": asked,
            "of_provider": [each for each in faults if _who(each, policy) == "provider"],
            "of_us": [each for each in faults if _who(each, policy) == "us"],
            "notes": [each for each in findings if each not in faults],
            "target": _target(asked, policy),
            "urgent": any(each.finding.severity is Severity.CRITICAL for each in faults),
            "ends_at": _ends_at(latest) if _TIMED & {e.finding.check for e in asked} else None,
        }
    )
    return Advice(visible(f"{latest.domain.name}: {_gist(latest, faults)}"), body)


def _policy(latest: Latest, catalog: Catalog) -> Policy | None:
    """What the domain stands on by its latest look; None when it was never looked at."""
    if latest.judged is None:
        return None
    observation = latest.judged.observation
    return policy_for(HousePolicy(catalog=catalog), latest.domain, observation, Memory(), 1)


def _who(opened: OpenFinding, policy: Policy | None) -> str:
    """Who can mend it: ``us``, the ``provider`` or the ``owner``."""
    code, mode = opened.finding.check, policy.mode if policy else None
    if code in _OURS:
        return "us"
    return _SERVER.get(mode, "owner") if mode and code in _SERVED else "owner"


def _target(asked: Iterable[OpenFinding], policy: Policy | None) -> str | None:
    """The CNAME target to set, where a record is the remedy and its target is known."""
    for opened in asked:
        if opened.finding.check in _RECORD:
            facts = opened.finding.facts
            meant = facts.get("meant") or facts.get("expected")
            return str(meant) if meant else expected_target(policy) if policy else None
    return None


def _ends_at(latest: Latest) -> datetime | None:
    """When the served certificate ends."""
    leaf = latest.judged.observation.leaf if latest.judged else None
    return leaf.not_after if leaf else None


def _gist(latest: Latest, faults: Iterable[OpenFinding]) -> str:
    """The subject's second half: the gravest fault, or that there is none."""
    if latest.judged is None:
        return "not looked at yet"
    if latest.judged.state is State.UNKNOWN:
        return "could not be seen at the latest look"
    return next((each.finding.summary for each in faults), "links work, nothing to do")
