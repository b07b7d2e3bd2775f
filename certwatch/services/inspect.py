"""One certificate chain explained: is it right for this name at this time, and what is wrong?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from certwatch.checks import certificate, chain
from certwatch.checks.registry import checks_of, judge
from certwatch.core.model import (
    Certificate,
    DnsStatus,
    DnsView,
    Finding,
    Memory,
    Observation,
    Path,
    Severity,
    TlsView,
    TrackingDomain,
    TrustVerdict,
)
from certwatch.core.policy import HousePolicy, policy_for
from certwatch.core.trust import TrustStore, shown

CHECKS = (*checks_of(certificate), *checks_of(chain))
_ABOUT_NAMES = ("name_mismatch", "default_certificate")
_NO_ADDRESS = "(inspected)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What one chain is worth. ``host`` is None when no name was asked for: then ``valid`` is about
    the chain and the time, for a name of the certificate's own. ``path`` is empty where none leads
    to a root; ``findings`` are worst first."""

    host: str | None
    at: datetime
    valid: bool
    reason: str
    findings: tuple[Finding, ...]
    chain: tuple[Certificate, ...]
    path: tuple[Certificate, ...]


def inspect_chain(
    chain: Sequence[Certificate],
    host: str | None,
    at: datetime,
    trust: TrustStore,
    house: HousePolicy,
) -> Inspection:
    """Judge a chain (leaf first) as a TLS client that asks for ``host`` at ``at`` would.

    ``host`` is a DNS name or an IP address; an empty chain is valid for nothing.
    """
    served = tuple(chain)
    if not served:
        return _nothing(host, at)
    name = host or _own_name(served[0])
    path = trust.verify_for(served, name, at)
    valid = path.verdict is TrustVerdict.TRUSTED
    findings = _judged(served, name, at, trust, house)
    if host is None:
        findings = tuple(f for f in findings if f.check not in _ABOUT_NAMES)
    return Inspection(
        host=host,
        at=at,
        valid=valid,
        reason=_why(path, name) if valid else _why_not(path, findings),
        findings=findings,
        chain=served,
        path=path.certificates if valid else (),
    )


def _nothing(host: str | None, at: datetime) -> Inspection:
    return Inspection(
        host=host,
        at=at,
        valid=False,
        reason="no certificate was served",
        findings=(),
        chain=(),
        path=(),
    )


def _own_name(leaf: Certificate) -> str:
    """A name that the certificate covers, its wildcard filled in; for the sentences about one that
    names no host, its subject."""
    if leaf.sans:
        return leaf.sans[0].replace("*", "any", 1)
    return shown(leaf.subject) or "an unnamed subject"


def _judged(
    served: tuple[Certificate, ...], name: str, at: datetime, trust: TrustStore, house: HousePolicy
) -> tuple[Finding, ...]:
    view = TlsView(
        address=_NO_ADDRESS, port=house.https_port, chain=served, path=trust.verify(served, at)
    )
    observation = Observation(
        domain=name, observed_at=at, dns=DnsView(status=DnsStatus.OK), tls=(view,)
    )
    policy = policy_for(house, TrackingDomain(name=name), observation, Memory(), 1)
    return judge(CHECKS, observation, policy, at)


def _why(path: Path, name: str) -> str:
    root = path.certificates[-1].subject if path.certificates else "a trusted root"
    return f"right for {name} at that time; its path leads to {root}"


def _why_not(path: Path, findings: Sequence[Finding]) -> str:
    """The gravest finding's own words, else the verifier's."""
    grave = [f.summary for f in findings if f.severity is Severity.CRITICAL]
    return grave[0] if grave else path.reason or "no path leads to a trusted root"
