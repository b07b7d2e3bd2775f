"""A small certificate authority that issues good certificates and every kind of bad one.

``Authority.root`` starts a hierarchy, ``intermediate`` and ``issue`` go down it. A server is given
a ``Credential``: the chain as it shall be served, leaf first, and the leaf's key. Faults of a chain
are made with ``Credential.serving``; faults of a leaf are arguments of ``issue``.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Span = tuple[datetime, datetime]  # not before, not after

_SHA256_WITH_RSA = bytes.fromhex("06092a864886f70d01010b")  # RFC 8017 appendix C, as DER
_SHA1_WITH_RSA = bytes.fromhex("06092a864886f70d010105")


def new_key() -> PrivateKey:
    """An ECDSA P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int) -> PrivateKey:
    """An RSA key of so many bits; 1,024 is the least that can be had."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def life(now: datetime, days: float, left: float) -> Span:
    """A validity period of so many days of which so many are left; negative when it is over."""
    end = now.replace(microsecond=0) + timedelta(days=left)
    return end - timedelta(days=days), end


@dataclass(frozen=True, slots=True)
class Credential:
    """What a server holds: the chain that it sends, leaf first, and the leaf's key."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)

    @property
    def leaf(self) -> x509.Certificate:
        """The server's own certificate."""
        return self.chain[0]

    def serving(self, *above: x509.Certificate) -> "Credential":
        """The same leaf, sent with these certificates above it."""
        return replace(self, chain=(self.leaf, *above))

    def pem(self) -> bytes:
        """Key and chain as one PEM file, the form that servers load."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return key + pem(self.chain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A root or an intermediate. ``above`` is what a tidy server sends after the leaf.

    ``crl_url`` and ``issuer_url`` are put into every certificate issued here, where given.
    """

    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)
    crl_url: str | None = None
    issuer_url: str | None = None

    @classmethod
    def root(cls, name: str, organization: str, span: Span) -> "Authority":
        """A new self-signed root."""
        key, subject = new_key(), _name(name, organization)
        builder = _ca(_begin(subject, subject, key, span)).add_extension(_key_id(key), False)
        return cls(certificate=builder.sign(key, hashes.SHA256()), above=(), key=key)

    def intermediate(
        self,
        name: str,
        organization: str,
        span: Span,
        *,
        key: PrivateKey | None = None,
        crl_url: str | None = None,
        issuer_url: str | None = None,
    ) -> "Authority":
        """A new authority under this one."""
        key = key or new_key()
        builder = _ca(_begin(_name(name, organization), self._subject, key, span))
        builder = builder.add_extension(_key_id(key), False).add_extension(self._key_id, False)
        certificate = builder.sign(self.key, hashes.SHA256())
        return Authority(
            certificate=certificate,
            above=(certificate, *self.above),
            key=key,
            crl_url=crl_url,
            issuer_url=issuer_url,
        )

    def issue(
        self,
        *names: str,
        span: Span,
        key: PrivateKey | None = None,
        subject: str | None = None,
        sha1: bool = False,
    ) -> Credential:
        """A server certificate for these DNS names; ``subject`` is its CN where not the first one.

        ``sha1`` needs an authority with an RSA key.
        """
        key = key or new_key()
        builder = _server(_begin(_name(subject or names[0]), self._subject, key, span), names)
        builder = builder.add_extension(self._key_id, False)
        if self.crl_url:
            builder = builder.add_extension(_crl_point(self.crl_url), False)
        if self.issuer_url:
            builder = builder.add_extension(_issuer_point(self.issuer_url), False)
        leaf = builder.sign(self.key, hashes.SHA256())
        return Credential((_with_sha1(leaf, self.key) if sha1 else leaf, *self.above), key)

    def crl(self, revoked: Iterable[x509.Certificate], span: Span) -> bytes:
        """The CRL of this authority as DER: thisUpdate and nextUpdate are the span."""
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=self._subject, last_update=span[0], next_update=span[1]
        ).add_extension(self._key_id, False)
        for certificate in revoked:
            entry = x509.RevokedCertificateBuilder(certificate.serial_number, span[0])
            builder = builder.add_revoked_certificate(entry.build())
        signed = builder.add_extension(x509.CRLNumber(1), False).sign(self.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

    @property
    def _subject(self) -> x509.Name:
        return self.certificate.subject

    @property
    def _key_id(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


def self_signed(*names: str, organization: str, span: Span) -> Credential:
    """A server certificate signed by its own key."""
    key, subject = new_key(), _name(names[0], organization)
    builder = _server(_begin(subject, subject, key, span), names)
    return Credential((builder.sign(key, hashes.SHA256()),), key)


def pem(certificates: Iterable[x509.Certificate]) -> bytes:
    """Certificates as one PEM file, in this order."""
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


def _name(common_name: str, organization: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _begin(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, span: Span
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=span[0],
        not_valid_after=span[1],
    )


def _ca(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    return builder.add_extension(x509.BasicConstraints(True, None), True).add_extension(
        _usage(signs_certificates=True), True
    )


def _server(builder: x509.CertificateBuilder, names: Sequence[str]) -> x509.CertificateBuilder:
    alternatives = x509.SubjectAlternativeName([_san(name) for name in names])
    return (
        builder.add_extension(alternatives, False)
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(_usage(signs_certificates=False), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    )


def _san(name: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ip_address(name))
    return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_id(key: PrivateKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def _crl_point(url: str) -> x509.CRLDistributionPoints:
    name = x509.UniformResourceIdentifier(url)
    return x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None)])


def _issuer_point(url: str) -> x509.AuthorityInformationAccess:
    name = x509.UniformResourceIdentifier(url)
    method = AuthorityInformationAccessOID.CA_ISSUERS
    return x509.AuthorityInformationAccess([x509.AccessDescription(method, name)])


def _with_sha1(leaf: x509.Certificate, key: PrivateKey) -> x509.Certificate:
    """The certificate signed again with SHA-1, which ``cryptography`` refuses to do itself.

    Both algorithm identifiers are equally long, so that no DER length changes.
    """
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("only an RSA key can sign with SHA-1 here")
    body = leaf.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    signature = key.sign(body, padding.PKCS1v15(), hashes.SHA1())
    der = leaf.public_bytes(serialization.Encoding.DER)
    der = der.replace(leaf.tbs_certificate_bytes, body).replace(leaf.signature, signature)
    return x509.load_der_x509_certificate(der.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA))
