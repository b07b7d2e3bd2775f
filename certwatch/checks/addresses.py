"""The addresses of a domain: do all answer, under TLS, and alike?"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from certwatch.checks.registry import Problem, check
from certwatch.checks.remedies import have
from certwatch.checks.served import instant, listed, newest
from certwatch.core.model import Failure, Mode, Observation, Severity, TlsView, Trouble
from certwatch.core.policy import Policy

_NOT_CONNECTED = (Failure.REFUSED, Failure.UNREACHABLE, Failure.FORBIDDEN)
_NEEDS_A_NAME = (Failure.ALERT, Failure.EOF, Failure.RESET, Failure.NOT_TLS)
_WORDS = {
    Failure.REFUSED: "the connection is refused",
    Failure.RESET: "the connection is reset",
    Failure.TIMEOUT: "no answer in time",
    Failure.UNREACHABLE: "the address is unreachable",
    Failure.ALERT: "a TLS alert",
    Failure.EOF: "the connection is closed during the handshake",
    Failure.NOT_TLS: "the answer is not TLS",
    Failure.MALFORMED: "the answer is unreadable",
    Failure.FORBIDDEN: "a private or reserved address, which the public cannot reach",
}


@check("handshake_failed", Severity.CRITICAL, "no TLS on an address, or no HTTPS on any")
def handshake_failed(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Speaks where TCP works and TLS does not, and where no address at all has HTTPS."""
    views = _judged(observation)
    failed = [view for view in views if view.trouble and not _down(view.trouble)]
    if not failed and all(view.trouble for view in views):
        failed = [v for v in views if v.trouble and v.trouble.kind is not Failure.FORBIDDEN]
    if failed:
        alone = len(failed) < len(observation.tls)
        yield Problem(
            f"no TLS handshake for {observation.domain}"
            f"{f' on {listed(v.address for v in failed)}' if alone else ''}: {_why(failed)}",
            have(
                policy,
                f"have port {failed[0].port} answer TLS for {observation.domain}: the host set up, "
                "a certificate in place, TLS 1.2 or 1.3 enabled",
            ),
            _facts(failed),
        )


@check("address_down", Severity.WARNING, "an address takes no connection; critical if all")
def address_down(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    views = _judged(observation)
    down = [view for view in views if view.trouble and _down(view.trouble)]
    if down:
        every = len(down) == len(views)
        addresses = listed(view.address for view in down)
        yield Problem(
            f"{len(down)} of {len(views)} addresses of {observation.domain} "
            f"({addresses}) {'take' if len(down) > 1 else 'takes'} no connection on port "
            f"{down[0].port}: {_why(down)}",
            _remedy_down(down, policy),
            _facts(down),
            severity=Severity.CRITICAL if every else None,
        )


def _remedy_down(down: Sequence[TlsView], policy: Policy) -> str:
    hidden = [v.address for v in down if v.trouble and v.trouble.kind is Failure.FORBIDDEN]
    if hidden:
        return (
            f"publish no private address in public DNS: remove {listed(hidden)}; where it is "
            "meant, set probe.allow_private_addresses = true"
        )
    addresses = listed(view.address for view in down)
    task = f"bring {addresses} back on port {down[0].port}, or take it out of DNS"
    return have(policy, task)


@check("edge_mismatch", Severity.WARNING, "addresses serve different certificates for too long")
def edge_mismatch(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Silent during the rollout grace, and where ``family_mismatch`` tells the difference."""
    leaves = observation.leaves
    if len(leaves) < 2 or _rolling_out(observation, policy, now) or _disjoint(observation):
        return
    yield Problem(
        f"the addresses of {observation.domain} serve {len(leaves)} different certificates",
        have(policy, "put the newest certificate on every address and reload"),
        _who_serves_what(observation),
    )


@check("family_mismatch", Severity.WARNING, "IPv4 and IPv6 differ")
def family_mismatch(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """One family fails wholly while the other works, or they serve different certificates beyond
    the rollout grace."""
    families = _families(observation)
    broken = [name for name, views in families.items() if all(v.trouble for v in views)]
    if len(families) == 2 and len(broken) == 1:
        views = families[broken[0]]
        yield Problem(
            f"{observation.domain} has no HTTPS over {broken[0]}, only over the other family: "
            f"{_why(views)}",
            have(policy, f"have {listed(v.address for v in views)} answer, or remove it from DNS"),
            _facts(views) | {"family": broken[0]},
        )
    elif _disjoint(observation) and not _rolling_out(observation, policy, now):
        yield Problem(
            f"{observation.domain} serves one certificate over IPv4 and another over IPv6",
            have(policy, "put the newest certificate on the addresses of both families"),
            _who_serves_what(observation),
        )


@check("protocol_legacy", Severity.INFO, "TLS 1.0 or 1.1 is still accepted")
def protocol_legacy(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Both are deprecated by RFC 8996."""
    old = {v.address: v.legacy_version for v in observation.addresses if v.legacy_version}
    if old:
        yield Problem(
            f"{listed(old)} still accepts {min(old.values())}",
            have(policy, "switch TLS 1.0 and 1.1 off"),
            {"versions": old},
        )


@check("sni_required", Severity.INFO, "clients that send no server name get no certificate")
def sni_required(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Only where the handshake without a name fails; another default certificate is usual. Silent
    in mode ``acme``, whose edge rejects unknown names by design (``edge render nginx``)."""
    if policy.mode is Mode.ACME:
        return
    working = {view.address for view in observation.tls if view.leaf and not view.trouble}
    nameless = {
        view.address: view.default_trouble
        for view in observation.addresses
        if view.address in working
        and view.default_trouble is not None
        and view.default_trouble.kind in _NEEDS_A_NAME
    }
    if nameless:
        yield Problem(
            f"{listed(nameless)} answers TLS only to clients that send a server name (SNI)",
            "nothing, unless very old clients matter; every current one sends it",
            {"failures": {address: trouble.kind.value for address, trouble in nameless.items()}},
        )


def _judged(observation: Observation) -> list[TlsView]:
    """The views that say something about the other side."""
    return [v for v in observation.tls if v.trouble is None or v.trouble.kind is not Failure.LOCAL]


def _down(trouble: Trouble) -> bool:
    """Whether there was no TCP connection; a handshake that stalls has one."""
    stalled = "handshake" in trouble.detail
    return trouble.kind in _NOT_CONNECTED or (trouble.kind is Failure.TIMEOUT and not stalled)


def _why(views: Iterable[TlsView]) -> str:
    """The most frequent trouble, in words."""
    troubles = Counter(view.trouble for view in views if view.trouble)
    trouble = troubles.most_common(1)[0][0]
    told = trouble.kind in (Failure.REFUSED, Failure.RESET) or not trouble.detail
    detail = "" if told else f" ({trouble.detail[:200]})"
    return f"{_WORDS.get(trouble.kind, trouble.kind.value)}{detail}"


def _facts(views: Iterable[TlsView]) -> dict[str, Any]:
    troubles = {view.address: view.trouble for view in views if view.trouble}
    common = Counter(troubles.values()).most_common(1)[0][0]
    facts: dict[str, Any] = {
        "kind": common.kind.value,
        "failures": {address: trouble.kind.value for address, trouble in troubles.items()},
    }
    if common.kind is Failure.ALERT:
        facts["alert"] = common.detail
    return facts


def _families(observation: Observation) -> dict[str, list[TlsView]]:
    families: dict[str, list[TlsView]] = {}
    for view in _judged(observation):
        families.setdefault("IPv6" if ":" in view.address else "IPv4", []).append(view)
    return families


def _disjoint(observation: Observation) -> bool:
    """Whether both families serve certificates, and none in common."""
    sets = [{v.leaf for v in views if v.leaf} for views in _families(observation).values()]
    return len(sets) == 2 and all(sets) and not set.intersection(*sets)


def _rolling_out(observation: Observation, policy: Policy, now: datetime) -> bool:
    """Whether the newest certificate came so recently that addresses may still differ.

    It came when it was first seen; now, where it is new to a domain that was looked at before; else
    when it was made.
    """
    leaf, memory = newest(observation), policy.memory
    if leaf is None:
        return False
    known = (s for s in memory.sightings if s.certificate.fingerprint == leaf.fingerprint)
    since = next((sighting.first_seen_at for sighting in known), None)
    if since is None:
        since = now if memory.observed_at else leaf.not_before
    return now - since <= policy.thresholds.rollout_grace


def _who_serves_what(observation: Observation) -> dict[str, Any]:
    return {
        "certificates": [
            {
                "fingerprint_sha256": leaf.fingerprint,
                "not_after": instant(leaf.not_after),
                "addresses": [v.address for v in observation.tls if v.leaf == leaf],
            }
            for leaf in observation.leaves
        ]
    }
