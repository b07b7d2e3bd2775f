"""Private keys of certificates, and the requests made with them."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from certwatch.core import x509 as certificates
from certwatch.core.model import Certificate

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_key(key_type: str) -> bytes:
    """A new private key as PEM (PKCS #8); ``key_type`` is ``ecdsa-p256`` or ``rsa-2048``."""
    key: PrivateKey
    if key_type == "rsa-2048":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_key(pem: bytes) -> PrivateKey:
    """The key of a PEM. Raises ValueError for what ``new_key`` does not make."""
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, PrivateKey):
        raise ValueError("neither an ECDSA nor an RSA key")
    return key


def signing_request(pem: bytes, domain: str) -> x509.CertificateSigningRequest:
    """A CSR (RFC 2986) for one DNS name, which stands in the subjectAltName alone: a common name is
    of no use any more (RFC 9525), and has room for 64 characters only."""
    names = x509.SubjectAlternativeName([x509.DNSName(domain)])
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    return builder.add_extension(names, critical=False).sign(load_key(pem), hashes.SHA256())


def fits(pem: bytes, certificate: Certificate) -> bool:
    """Whether a certificate is for this private key."""
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    try:
        served = certificates.load(certificate).public_key().public_bytes(*form)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return load_key(pem).public_key().public_bytes(*form) == served
