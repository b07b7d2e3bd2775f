"""Trust: does a served chain lead to a trusted root, and if not, why not.

The verdict is that of ``cryptography``'s verifier (RFC 5280 section 6 as the web uses it), without
leniency. What this module adds is two questions instead of one, an explanation where there is no
path, and a memory of answers: a verdict depends on the time only through the moments at which some
certificate begins or ends, so between two such moments it cannot change.
"""

import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from math import floor, inf

from cryptography import x509
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    ServerVerifier,
    Store,
    Subject,
)

from certwatch.core.model import Certificate, Path, TrustVerdict
from certwatch.core.x509 import covers, has_weak_key, has_weak_signature, issued_by, load
from certwatch.errors import CertificateError

ANSWERS_CAP = 20_000
LEARNED_CAP = 1_000
SHOWN_CAP = 120
CHAIN_CAP = 32  # certificates that are judged; real chains have five at most
STEPS_CAP = 10
_EE_POLICY = ExtensionPolicy.webpki_defaults_ee()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the verifier said, and the UNIX seconds between which it says the same."""

    issuers: tuple[Certificate, ...]  # the path above the leaf; empty when there is none
    refusal: str
    since: float
    until: float


class TrustStore:
    """Trusted roots, and the intermediates learned from the paths that were verified."""

    def __init__(self, roots: Iterable[Certificate]) -> None:
        """Trust these roots. Raises CertificateError when there is none."""
        self._roots = {load(root): root for root in roots}
        if not self._roots:
            raise CertificateError("there is no root certificate to trust; give at least one")
        self._store = Store(list(self._roots))
        self._ca_policy = ExtensionPolicy.webpki_defaults_ca().may_be_present(
            x509.KeyUsage, Criticality.AGNOSTIC, self._check_key_usage
        )
        self._moments = _moments(self._roots.values())
        self._answers: OrderedDict[tuple[str, ...], _Answer] = OrderedDict()
        self._learned: OrderedDict[str, Certificate] = OrderedDict()

    def verify(self, chain: Sequence[Certificate], at: datetime) -> Path:
        """Where a served chain leads, whatever the leaf's dates and names. ``chain``: leaf first,
        judged by its first ``CHAIN_CAP`` certificates.

        The time is moved into the leaf's validity, and the question is asked for a name of the
        leaf's own.
        """
        chain = chain[:CHAIN_CAP]
        moment = within_life(chain[0], at)
        answer = self._remembered(chain, moment)
        if not answer.issuers:
            return self._explain(chain, moment, answer.refusal)
        path = (chain[0], *answer.issuers)
        self.learn(path)
        return Path(TrustVerdict.TRUSTED, certificates=path)

    def verify_for(self, chain: Sequence[Certificate], host: str, at: datetime) -> Path:
        """The path that is right for a TLS server of that name or IP address at that time."""
        chain = chain[:CHAIN_CAP]
        issuers, refusal = self._path(chain, self._verifier(host, at))
        if issuers:
            return Path(TrustVerdict.TRUSTED, certificates=(chain[0], *issuers))
        path = self.verify(chain, at)
        if path.verdict is not TrustVerdict.TRUSTED:
            return path
        reason = _misfit(chain[0], host, at) or refusal
        return Path(TrustVerdict.REJECTED, reason, path.certificates)

    def learn(self, path: Sequence[Certificate]) -> None:
        """Remember the intermediates of a verified path (leaf first, root last)."""
        for certificate in path[1:-1]:
            self._learned[certificate.subject] = certificate
            self._learned.move_to_end(certificate.subject)
        while len(self._learned) > LEARNED_CAP:
            self._learned.popitem(last=False)

    def _remembered(self, chain: Sequence[Certificate], moment: datetime) -> _Answer:
        key = tuple(certificate.fingerprint for certificate in chain)
        second = floor(moment.timestamp())
        known = self._answers.get(key)
        if known is None or not known.since <= second < known.until:
            known = self._answers[key] = self._ask(chain, moment, second)
        self._answers.move_to_end(key)
        if len(self._answers) > ANSWERS_CAP:
            self._answers.popitem(last=False)
        return known

    def _ask(self, chain: Sequence[Certificate], moment: datetime, second: int) -> _Answer:
        # A wildcard's label is filled in: only hosts can be asked for.
        hosts = (re.sub(r"^\*\.", "host.", name) for name in chain[0].sans)
        verifiers = (self._verifier(host, moment) for host in hosts)
        issuers, refusal = self._path(chain, next(filter(None, verifiers), None))
        spans = (_span(self._moments, second), _span(_moments(chain), second))
        return _Answer(issuers, refusal, max(s for s, _ in spans), min(u for _, u in spans))

    def _verifier(self, host: str, at: datetime) -> ServerVerifier | None:
        """What judges paths for a DNS name or IP address; None where no client can ask for it."""
        policy = PolicyBuilder().store(self._store).time(at)
        policy = policy.extension_policies(ca_policy=self._ca_policy, ee_policy=_EE_POLICY)
        try:
            return policy.build_server_verifier(_subject(host))
        except ValueError:
            return None

    def _path(
        self, chain: Sequence[Certificate], verifier: ServerVerifier | None
    ) -> tuple[tuple[Certificate, ...], str]:
        """The certificates above the leaf, or none and the verifier's reason."""
        if verifier is None:
            return (), "there is no host name that a TLS client could ask for"
        try:
            leaf, *above = map(load, chain)
            path = verifier.verify(leaf, above)
        except Exception as error:  # the verifier promises no closed list for hostile bytes
            return (), _plain(str(error))
        served = dict(zip(above, chain[1:], strict=True))
        return tuple(served.get(one) or self._roots[one] for one in path[1:]), ""

    def _check_key_usage(
        self, policy: Policy, certificate: x509.Certificate, usage: x509.KeyUsage | None
    ) -> None:
        """What a CA's keyUsage must allow (RFC 5280 section 6.1.4 (n)).

        A root may lack it: a trust anchor is a name and a key (section 6.1.1 (d)), and roots made
        by ``openssl req`` have none.
        """
        if usage is None and certificate not in self._roots:
            raise ValueError("a CA certificate above the leaf has no keyUsage")
        if usage is not None and not usage.key_cert_sign:
            raise ValueError("a CA certificate may not sign certificates (keyUsage)")

    def _explain(self, chain: Sequence[Certificate], moment: datetime, refusal: str) -> Path:
        """Why there is no path: follow issuers among what is served and trusted to the end."""
        walked = self._walk(chain, moment)
        end = walked[-1]
        if end in self._roots.values():
            return Path(TrustVerdict.REJECTED, _cause(walked, moment) or refusal, walked)
        if end.self_signed:
            verdict = TrustVerdict.UNTRUSTED if len(walked) > 1 else TrustVerdict.SELF_SIGNED
            return Path(verdict, f"{shown(end.subject)} is signed by itself and not a trusted root")
        missing = f"the issuer {shown(end.issuer)} is not served"
        if self._knows_issuer(end) or (len(walked) == 1 and end.issuer_urls):
            return Path(TrustVerdict.INCOMPLETE, missing)
        verdict = TrustVerdict.UNTRUSTED if len(walked) > 1 else TrustVerdict.UNANCHORED
        return Path(verdict, f"{missing}, nor is it a trusted root")

    def _walk(self, chain: Sequence[Certificate], moment: datetime) -> tuple[Certificate, ...]:
        walked = [chain[0]]
        while not walked[-1].self_signed and len(walked) <= STEPS_CAP:
            known = [*self._roots.values(), *chain]
            named = [c for c in known if c.subject == walked[-1].issuer and c not in walked]
            named.sort(key=lambda certificate: not _alive(certificate, moment))
            issuer = next((c for c in named if issued_by(walked[-1], c)), None)
            if issuer is None:
                break
            walked.append(issuer)
        return tuple(walked)

    def _knows_issuer(self, child: Certificate) -> bool:
        learned = self._learned.get(child.issuer)
        return learned is not None and issued_by(child, learned)


def within_life(certificate: Certificate, at: datetime) -> datetime:
    """The instant nearest to ``at`` at which the certificate is within its dates."""
    return min(max(at, certificate.not_before), certificate.not_after)


def out_of_date(path: Sequence[Certificate], at: datetime) -> Certificate | None:
    """The first certificate above the leaf that is not valid when the leaf is."""
    moment = within_life(path[0], at)
    return next((c for c in path[1:] if not _alive(c, moment)), None)


def shown(name: str) -> str:
    """A distinguished name, short enough for a sentence."""
    return name if len(name) <= SHOWN_CAP else name[:SHOWN_CAP] + "..."


def _cause(path: Sequence[Certificate], moment: datetime) -> str | None:
    """The fault of a path that leads to a root, where it is one that people can act on."""
    if late := out_of_date(path, moment):
        return _dates(late, moment)
    for certificate in path:
        if has_weak_key(certificate):
            return f"{shown(certificate.subject)} has a weak key ({certificate.key})"
    for certificate in path[:-1]:
        if has_weak_signature(certificate):
            return f"{shown(certificate.subject)} has a weak signature ({certificate.signature})"
    return None


def _misfit(leaf: Certificate, host: str, at: datetime) -> str | None:
    if not _alive(leaf, at):
        return _dates(leaf, at)
    return None if covers(leaf, host) else f"the certificate does not cover {host}"


def _dates(certificate: Certificate, moment: datetime) -> str:
    name = shown(certificate.subject)
    if moment < certificate.not_before:
        return f"{name} is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC"
    return f"{name} expired on {certificate.not_after:%Y-%m-%d %H:%M} UTC"


def _alive(certificate: Certificate, moment: datetime) -> bool:
    return certificate.not_before <= moment <= certificate.not_after


def _subject(host: str) -> Subject:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _plain(text: str) -> str:
    """The verifier's reason without its own wrapping."""
    text = text.partition(" (encountered processing")[0]
    return text.removeprefix("validation failed: ").removeprefix("candidates exhausted: ")[:300]


def _moments(certificates: Iterable[Certificate]) -> list[float]:
    """The UNIX seconds at which one of them becomes valid or stops being so, ascending."""
    begins = {certificate.not_before.timestamp() for certificate in certificates}
    ends = {certificate.not_after.timestamp() + 1 for certificate in certificates}
    return sorted(begins | ends)


def _span(moments: Sequence[float], second: float) -> tuple[float, float]:
    index = bisect_right(moments, second)
    since = moments[index - 1] if index else -inf
    return since, moments[index] if index < len(moments) else inf
