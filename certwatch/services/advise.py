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
_ORIGIN = {"origin_down", "origin_certificate"}
_TIMED = {"expiring", "renewal_overdue", "intermediate_expiring", "caa_blocks"}


@dataclass(frozen=True, slots=True)
class Advice:
    """A message, ready for a mail: every character of it can be seen. ``to`` is the declared owner,
    None when there is none."""

    subject: str
    body: str
    to: str | None = None


def advise(latest: Latest, catalog: Catalog, write: Write) -> Advice:
    """Write to the owner of a domain about its latest look."""
    policy = _policy(latest, catalog)
    findings = sorted(latest.findings, key=lambda each: -each.finding.severity.rank)
    faults = [each for each in findings if each.finding.severity is not Severity.INFO]
    asked = [each for each in faults if _who(each, policy) == "owner"]
    target = _target(asked, policy)
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
            "target": target,
            "in_words": {} if target else _in_words(asked, latest.domain.name, policy),
            "urgent": any(each.finding.severity is Severity.CRITICAL for each in faults),
            "ends_at": _ends_at(latest) if _TIMED & {e.finding.check for e in asked} else None,
        }
    )
    owner = latest.domain.owner
    return Advice(visible(_subject(latest, faults)), body, visible(owner) if owner else None)


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
    if code in _ORIGIN and policy and _of_provider(opened, policy):
        return "provider"
    return _SERVER.get(mode, "owner") if mode and code in _SERVED else "owner"


def _of_provider(opened: OpenFinding, policy: Policy) -> bool:
    """Whether the origin that fails is a host of the provider itself."""
    place = str(opened.finding.facts.get("origin") or "")
    host = place.rpartition(":")[0]
    targets = policy.provider.targets if policy.provider else ()
    return any(target.names(host) or target.origin == place for target in targets)


def _in_words(asked: Iterable[OpenFinding], name: str, policy: Policy | None) -> Mapping[str, str]:
    """By check: what to do about a record whose exact target only a settings page shows."""
    giver = (policy.edge or policy.provider) if policy else None
    place = f"the settings page of {giver.title if giver else 'your e-mail provider or CDN'}"
    record = f"the CNAME record of {name} must point at the target that {place} shows for it"
    words = dict.fromkeys((each.finding.check for each in asked), record)
    words["cname_dangling"] = f"{record}; or remove it: somebody else may claim its old target"
    return {code: text for code, text in words.items() if code in _RECORD}


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


def _subject(latest: Latest, faults: Iterable[OpenFinding]) -> str:
    """The gist, with the domain's name before it where it does not say it itself."""
    name, gist = latest.domain.name, _gist(latest, faults)
    return gist if name in gist else f"{name}: {gist}"


def _gist(latest: Latest, faults: Iterable[OpenFinding]) -> str:
    """The subject's second half: the gravest fault, or that there is none."""
    if latest.judged is None:
        return "not looked at yet"
    if latest.judged.state is State.UNKNOWN:
        return "could not be seen at the latest look"
    return next((each.finding.summary for each in faults), "links work, nothing to do")
