"""A small certificate authority for tests of the network look."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from certwatch.core.model import Certificate
from certwatch.core.x509 import parse_certificate

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    @property
    def parsed(self) -> Certificate:
        return parse_certificate(self.der)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def save(self, folder: Path, *chain: "Issued") -> Path:
        """Certificate, chain and key in one PEM file, as servers load them."""
        path = folder / f"{self.certificate.serial_number:x}.pem"
        pem = serialization.Encoding.PEM
        parts = [one.certificate.public_bytes(pem) for one in (self, *chain)]
        plain = serialization.NoEncryption()
        parts.append(self.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
        path.write_bytes(b"".join(parts))
        return path


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


@cache
def root(common: str = "Test Root") -> Issued:
    return issue(common, ca=True)


def issue(
    common: str,
    issuer: Issued | None = None,
    *,
    ca: bool = False,
    crl_url: str | None = None,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
) -> Issued:
    """A certificate for a name, by an issuer or by itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    parent = issuer.certificate.subject if issuer else name(common)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(parent)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 10 * DAY)
        .not_valid_after(NOW + 80 * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(common)]), False)
    if crl_url:
        uri = x509.UniformResourceIdentifier(crl_url)
        point = x509.DistributionPoint([uri], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def revocation_list(
    issuer: Issued,
    *revoked: Issued,
    this_update: datetime = NOW - DAY,
    next_update: datetime = NOW + DAY,
    extension: x509.ExtensionType | None = None,
) -> bytes:
    """A list in DER, signed by the issuer."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(this_update)
        .next_update(next_update)
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(NOW - 2 * DAY).build())
    if extension is not None:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
