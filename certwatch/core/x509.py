"""X.509 from bytes to values: DER and PEM in, ``Certificate`` out (RFC 5280).

Everything here was written by somebody else and may be hostile: a certificate is read field by
field, so that one unreadable part costs that part and not the certificate, and every text and
list is cut to a length that a report can bear. Nothing is escaped here; that is done where the
text is shown.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID, NameOID
from cryptography.x509.oid import SignatureAlgorithmOID as Signature

from certwatch.core import names
from certwatch.core.model import Certificate
from certwatch.errors import CertificateError

TEXT_CAP = 1000  # characters of one name, URL or SAN
SANS_CAP = 1000
URLS_CAP = 10

_CURVES = {"secp192r1": "P-192", "secp224r1": "P-224", "secp256r1": "P-256"} | {
    "secp384r1": "P-384",
    "secp521r1": "P-521",
}
_SIGNATURES = {
    Signature.RSA_WITH_MD5: "md5WithRSAEncryption",
    Signature.RSA_WITH_SHA1: "sha1WithRSAEncryption",
    Signature.RSA_WITH_SHA224: "sha224WithRSAEncryption",
    Signature.RSA_WITH_SHA256: "sha256WithRSAEncryption",
    Signature.RSA_WITH_SHA384: "sha384WithRSAEncryption",
    Signature.RSA_WITH_SHA512: "sha512WithRSAEncryption",
    Signature.RSASSA_PSS: "RSASSA-PSS",
    Signature.ECDSA_WITH_SHA1: "ecdsa-with-SHA1",
    Signature.ECDSA_WITH_SHA224: "ecdsa-with-SHA224",
    Signature.ECDSA_WITH_SHA256: "ecdsa-with-SHA256",
    Signature.ECDSA_WITH_SHA384: "ecdsa-with-SHA384",
    Signature.ECDSA_WITH_SHA512: "ecdsa-with-SHA512",
    Signature.DSA_WITH_SHA1: "dsa-with-sha1",
    Signature.DSA_WITH_SHA256: "dsa-with-sha256",
    Signature.ED25519: "Ed25519",
    Signature.ED448: "Ed448",
}
_MINIMUM_BITS = {"RSA": 2048, "ECDSA": 224}  # NIST SP 800-131A: 112 bits of strength
_WEAK_DIGESTS = ("md2", "md4", "md5", "sha1")

_Value = TypeVar("_Value")


def parse_certificate(der: bytes) -> Certificate:
    """One certificate from its DER bytes. Raises CertificateError when they are none."""
    try:
        with _quiet():
            return _certificate(x509.load_der_x509_certificate(der), der)
    except Exception as error:  # the parser promises no closed list of errors for hostile bytes
        raise CertificateError(f"not a readable X.509 certificate: {error}"[:300]) from None


def parse_pem(data: bytes) -> tuple[Certificate, ...]:
    """The certificates of a PEM file in their order, other PEM blocks left out; one DER also does.

    Raises CertificateError when there is none, or one of them is unreadable.
    """
    if b"-----BEGIN" not in data:
        return (parse_certificate(data),)
    if b"CERTIFICATE-----" not in data:
        held = "a private key" if b"PRIVATE KEY-----" in data else "something else"
        raise CertificateError(f"there is no certificate in this PEM, but {held}")
    try:
        with _quiet():
            loaded = x509.load_pem_x509_certificates(data)
            return tuple(_certificate(one, one.public_bytes(Encoding.DER)) for one in loaded)
    except Exception as error:
        reason = str(error).partition(" See https://")[0][:300]
        raise CertificateError(f"no readable certificates in this PEM: {reason}") from None


def covers(certificate: Certificate, host: str) -> bool:
    """Whether a subjectAltName names the host: a DNS name, or an IP address as text (RFC 9525)."""
    if literal := _literal(host):
        return literal in certificate.sans
    return any(names.matches(san, host) for san in certificate.sans)


def _literal(host: str) -> str | None:
    """The usual form of an IP address; None for a name, which is told without the cost of trying
    in nearly every case."""
    if ":" not in host and not host[-1:].isdigit():
        return None
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def issued_by(child: Certificate, parent: Certificate) -> bool:
    """Whether the parent's name is the child's issuer and its key made the child's signature.

    A signature of a kind that ``cryptography`` no longer verifies (SHA-1) is believed: this
    explains chains, it does not decide which are trusted.
    """
    if child.issuer != parent.subject:
        return False
    return _signed_by(load(child), load(parent))


def load(certificate: Certificate) -> x509.Certificate:
    """The ``cryptography`` object of a parsed certificate."""
    with _quiet():
        return x509.load_der_x509_certificate(certificate.der)


def has_weak_key(certificate: Certificate) -> bool:
    """RSA below 2048 bits, ECDSA below 224, any DSA."""
    algorithm = certificate.key.partition(" ")[0]
    return algorithm == "DSA" or certificate.key_bits < _MINIMUM_BITS.get(algorithm, 0)


def has_weak_signature(certificate: Certificate) -> bool:
    """Signed over an MD5 or SHA-1 digest, for which collisions can be made."""
    signature = certificate.signature.lower().replace("-", "")
    return any(digest in signature for digest in _WEAK_DIGESTS)


def _quiet() -> "warnings.catch_warnings[None]":
    # Odd certificates (serial 0, a country of three letters) are worth showing, not warning about.
    return warnings.catch_warnings(action="ignore")


def _certificate(loaded: x509.Certificate, der: bytes) -> Certificate:
    subject = _readable(lambda: loaded.subject, x509.Name([]))
    issuer = _readable(lambda: loaded.issuer, x509.Name([]))
    extensions = _extensions(loaded)
    key, bits = _key(loaded)
    return Certificate(
        fingerprint=hashlib.sha256(der).hexdigest(),
        subject=_name(subject),
        issuer=_name(issuer),
        issuer_organization=_organization(issuer),
        serial=_hex(loaded.serial_number)[:TEXT_CAP],
        sans=_sans(extensions.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ())),
        not_before=loaded.not_valid_before_utc,
        not_after=loaded.not_valid_after_utc,
        key=key,
        key_bits=bits,
        signature=_signature(loaded),
        is_ca=_is_ca(extensions.get(ExtensionOID.BASIC_CONSTRAINTS)),
        self_signed=subject == issuer and _signed_by(loaded, loaded),
        crl_urls=_urls(
            name
            for point in extensions.get(ExtensionOID.CRL_DISTRIBUTION_POINTS, ())
            for name in point.full_name or ()
        ),
        issuer_urls=_urls(
            access.access_location
            for access in extensions.get(ExtensionOID.AUTHORITY_INFORMATION_ACCESS, ())
            if access.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        ),
        der=der,
    )


def _hex(number: int) -> str:
    """Whole octets, as every tool prints a serial."""
    digits = f"{number:x}"
    return digits if len(digits) % 2 == 0 or number < 0 else f"0{digits}"


def _readable(read: Callable[[], _Value], otherwise: _Value) -> _Value:
    try:
        return read()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension):
        return otherwise


def _extensions(loaded: x509.Certificate) -> dict[x509.ObjectIdentifier, Any]:
    extensions = _readable(lambda: loaded.extensions, x509.Extensions([]))
    return {extension.oid: extension.value for extension in extensions}


def _name(name: x509.Name) -> str:
    return _readable(name.rfc4514_string, "")[:TEXT_CAP]


def _organization(issuer: x509.Name) -> str:
    values = issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(values[0].value)[:TEXT_CAP] if values else ""


def _sans(extension: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    found = []
    for name in extension:
        if isinstance(name, x509.DNSName):
            found.append(name.value.lower()[:TEXT_CAP])
        elif isinstance(name, x509.IPAddress):
            found.append(str(name.value))
        if len(found) == SANS_CAP:
            break
    return tuple(found)


def _urls(locations: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    urls = [
        name.value
        for name in locations
        if isinstance(name, x509.UniformResourceIdentifier) and len(name.value) <= TEXT_CAP
    ]
    return tuple(urls[:URLS_CAP])


def _is_ca(extension: x509.BasicConstraints | None) -> bool:
    return extension is not None and extension.ca


def _key(loaded: x509.Certificate) -> tuple[str, int]:
    match _readable(loaded.public_key, None):
        case rsa.RSAPublicKey() as key:
            return f"RSA {key.key_size}", key.key_size
        case ec.EllipticCurvePublicKey() as key:
            return f"ECDSA {_CURVES.get(key.curve.name, key.curve.name)}", key.key_size
        case ed25519.Ed25519PublicKey():
            return "Ed25519", 256
        case ed448.Ed448PublicKey():
            return "Ed448", 448
        case dsa.DSAPublicKey() as key:
            return f"DSA {key.key_size}", key.key_size
    return f"unknown {loaded.public_key_algorithm_oid.dotted_string}"[:TEXT_CAP], 0


def _signature(loaded: x509.Certificate) -> str:
    oid = loaded.signature_algorithm_oid
    name = _SIGNATURES.get(oid, oid.dotted_string[:TEXT_CAP])
    digest = _readable(lambda: loaded.signature_hash_algorithm, None)
    if oid == Signature.RSASSA_PSS and digest is not None:
        return f"{name} with {digest.name}"
    return name


def _signed_by(child: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(parent)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return _readable(lambda: child.issuer == parent.subject, False)
    return True
