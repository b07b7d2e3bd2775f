"""The lab's authorities, and the certificates that they issue for plants and places."""

from collections.abc import Mapping
from datetime import datetime

from cryptography import x509

from certwatch.lab.pki import Authority, Credential, life, rsa_key, self_signed
from certwatch.lab.truth import Issuer, Leaf, Sent

ORGANIZATION = "Certwatch Lab"
CRL_PATH = "/lab.crl"

_YEAR = 365


class Authorities:
    """One trusted root with its intermediates, and one that nobody trusts.

    ``now`` is the instant from which lifetimes count; ``base`` is the URL under which the lab
    serves the CRL of its good intermediate.
    """

    def __init__(self, now: datetime, base: str) -> None:
        long = life(now, 10 * _YEAR, 8 * _YEAR)
        self._now = now
        self.root = Authority.root("Certwatch Lab Root", ORGANIZATION, long)
        stranger = Authority.root("Stranger Root", ORGANIZATION, long)
        self._revoked: list[x509.Certificate] = []
        self._issued: dict[tuple[str, Leaf], Credential] = {}
        issuer_url = f"{base}/issuer.der"
        self._by_issuer: Mapping[Issuer, Authority] = {
            Issuer.LAB: self.root.intermediate(
                "Lab CA 1", ORGANIZATION, long, crl_url=base + CRL_PATH, issuer_url=issuer_url
            ),
            Issuer.SILENT: self.root.intermediate(
                "Lab CA 2", ORGANIZATION, long, crl_url=f"{base}/no-such.crl"
            ),
            Issuer.RSA: self.root.intermediate("Lab CA R", ORGANIZATION, long, key=rsa_key(2048)),
            Issuer.OTHER: self.root.intermediate("Other CA 1", "Other CA Inc.", long),
            Issuer.DYING: self.root.intermediate(
                "Lab CA 0", ORGANIZATION, life(now, 5 * _YEAR, 20)
            ),
            Issuer.STRANGER: stranger.intermediate("Stranger CA", ORGANIZATION, long),
        }

    def credential(self, name: str, leaf: Leaf) -> Credential:
        """The certificate of that kind for a host; asked for again it is the same one."""
        if (name, leaf) not in self._issued:
            self._issued[name, leaf] = self._issue(name, leaf)
        return self._issued[name, leaf]

    def crl(self) -> bytes:
        """The good intermediate's CRL as of now, as DER."""
        return self._by_issuer[Issuer.LAB].crl(self._revoked, life(self._now, 7, 6))

    def _issue(self, name: str, leaf: Leaf) -> Credential:
        span = life(self._now, leaf.days, leaf.left)
        names = leaf.names or (name,)
        if leaf.issuer is Issuer.SELF:
            return self_signed(*names, organization=ORGANIZATION, span=span)
        authority = self._by_issuer[leaf.issuer]
        issued = authority.issue(
            *names,
            span=span,
            key=rsa_key(leaf.rsa_bits) if leaf.rsa_bits else None,
            subject=leaf.subject,
            sha1=leaf.sha1,
        )
        if leaf.revoked:
            self._revoked.append(issued.leaf)
        if leaf.sent is Sent.BARE:
            return issued.serving()
        if leaf.sent is Sent.WITH_ROOT:
            return issued.serving(*authority.above, *authority.above, self.root.certificate)
        return issued
