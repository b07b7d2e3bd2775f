"""The chain that a domain serves: where it leads, and whether it is in order."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from certwatch.checks.registry import Problem, check
from certwatch.checks.remedies import have, renew
from certwatch.checks.served import Served, day, facts_of, instant, served, where
from certwatch.core.model import Certificate, Observation, Path, Severity, TrustVerdict
from certwatch.core.policy import Policy
from certwatch.core.trust import out_of_date, shown
from certwatch.core.x509 import has_weak_key, has_weak_signature


@check("untrusted", Severity.CRITICAL, "no path leads to a trusted root, or a rule forbids it")
def untrusted(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Silent where ``weak_key``, ``weak_signature`` or ``name_mismatch`` tells the only cause."""
    faulty, path = _where(observation, lambda path: _distrusted(path, now))
    if faulty:
        yield Problem(
            f"browsers do not trust the certificate of {observation.domain}"
            f"{where(faulty, observation)}: {path.reason}",
            have(policy, "serve a certificate of a public CA with its own intermediates"),
            _facts(faulty, path),
        )


def _distrusted(path: Path, now: datetime) -> bool:
    if path.verdict is TrustVerdict.REJECTED:
        return not _told_elsewhere(path.certificates, now)
    return path.verdict in (TrustVerdict.UNTRUSTED, TrustVerdict.UNANCHORED)


def _told_elsewhere(certificates: tuple[Certificate, ...], now: datetime) -> bool:
    if not certificates or out_of_date(certificates, now):
        return False
    weak = any(map(has_weak_key, certificates[:-1] or certificates))
    return weak or any(map(has_weak_signature, certificates[:-1])) or not certificates[0].sans


@check("self_signed", Severity.CRITICAL, "the certificate is signed by itself")
def self_signed(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    faulty, path = _where(observation, lambda path: path.verdict is TrustVerdict.SELF_SIGNED)
    if faulty:
        yield Problem(
            f"the certificate of {observation.domain} is signed by itself"
            f"{where(faulty, observation)}: no browser trusts it",
            renew(policy),
            _facts(faulty, path),
        )


@check("chain_incomplete", Severity.CRITICAL, "an intermediate certificate is not served")
def chain_incomplete(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    """Of a lone leaf whose issuer nobody knows both this and ``untrusted`` are said: it may be of a
    private CA."""
    missing = (TrustVerdict.INCOMPLETE, TrustVerdict.UNANCHORED)
    faulty, path = _where(observation, lambda path: path.verdict in missing)
    if faulty:
        leaf = faulty[0].leaf
        yield Problem(
            f"the chain of {observation.domain} is incomplete{where(faulty, observation)}: "
            f"{path.reason}",
            have(policy, "serve the full chain: the certificate, then each intermediate above it"),
            _facts(faulty, path) | {"issuer_urls": list(leaf.issuer_urls)},
        )


@check("chain_untidy", Severity.INFO, "root included, duplicates, wrong order or extras")
def chain_untidy(observation: Observation, policy: Policy, now: datetime) -> Iterator[Problem]:
    for view in observation.tls:
        if faults := _untidiness(view.chain):
            same = (v for v in observation.tls if v.chain == view.chain)
            untidy = served(same)
            yield Problem(
                f"the chain of {observation.domain} is untidy{where(untidy, observation)}: "
                f"{', '.join(faults)}",
                have(policy, "serve the certificate, then each intermediate in order, no root"),
                facts_of(untidy)
                | {"faults": faults, "subjects": [shown(c.subject) for c in view.chain]},
            )
            return


def _untidiness(chain: tuple[Certificate, ...]) -> list[str]:
    """What is untidy above the leaf (RFC 8446 section 4.4.2), judged by names alone."""
    once = tuple({certificate.fingerprint: certificate for certificate in chain}.values())
    above = [certificate for certificate in once[1:] if not certificate.self_signed]
    issuers = {certificate.issuer for certificate in (*once[:1], *above)}
    related = [certificate for certificate in above if certificate.subject in issuers]
    faults = {
        "a certificate is sent twice": len(once) < len(chain),
        "the root is included": any(certificate.self_signed for certificate in once[1:]),
        "an unrelated certificate is sent": len(related) < len(above),
        "the order is wrong": not _in_order((*once[:1], *related)),
    }
    return [fault for fault, found in faults.items() if found]


def _in_order(chain: tuple[Certificate, ...]) -> bool:
    """Whether every certificate issues one before it."""
    wanted: set[str] = set()
    for position, certificate in enumerate(chain):
        if position and certificate.subject not in wanted:
            return False
        wanted.add(certificate.issuer)
    return True


@check("intermediate_expiring", Severity.WARNING, "an intermediate ends before the certificate")
def intermediate_expiring(
    observation: Observation, policy: Policy, now: datetime
) -> Iterator[Problem]:
    """Of the verified path only, its root left out: clients get new roots with their updates."""
    for view in observation.tls:
        if not view.leaf or not view.path or view.path.verdict is not TrustVerdict.TRUSTED:
            continue
        between = view.path.certificates[1:-1]
        first = min(between, key=lambda certificate: certificate.not_after, default=view.leaf)
        if first.not_after < view.leaf.not_after:
            faulty = served(v for v in observation.tls if v.leaf == view.leaf)
            yield Problem(
                f"the intermediate {shown(first.subject)} ends on {day(first.not_after)}, before "
                f"the certificate of {observation.domain}{where(faulty, observation)}",
                f"{renew(policy)}, so that a newer intermediate comes with it",
                facts_of(faulty)
                | {"intermediate": first.subject, "ends_at": instant(first.not_after)},
            )
            return


def _where(
    observation: Observation, is_faulty: Callable[[Path], bool]
) -> tuple[tuple[Served, ...], Path]:
    """The served certificates whose path is faulty, and the first such path."""
    views = [view for view in observation.tls if view.path and is_faulty(view.path)]
    path = next((view.path for view in views if view.path), Path(TrustVerdict.TRUSTED))
    return served(views), path


def _facts(faulty: tuple[Served, ...], path: Path) -> dict[str, Any]:
    return facts_of(faulty) | {"verdict": path.verdict.value, "reason": path.reason}
