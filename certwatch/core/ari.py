"""The name of a certificate in ACME Renewal Information (RFC 9773)."""

import warnings
from base64 import urlsafe_b64encode

from cryptography import x509

from certwatch.errors import CertificateError


def ari_id(der: bytes) -> str | None:
    """The certID of a leaf (RFC 9773 section 4.1): the key identifier of its issuer and its serial
    number, both base64url without padding, joined by a dot.

    None where the leaf names no issuer's key. Raises CertificateError for bytes that are none.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            leaf = x509.load_der_x509_certificate(der)
            issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
            serial = leaf.serial_number
    except x509.ExtensionNotFound:
        return None
    except Exception as error:  # the parser promises no closed list of errors for hostile bytes
        raise CertificateError(f"not a readable X.509 certificate: {error}"[:300]) from None
    if issuer.key_identifier is None:
        return None
    return f"{_text(issuer.key_identifier)}.{_text(_integer(serial))}"


def _integer(number: int) -> bytes:
    """The content octets of a DER INTEGER: two's complement, so a high first bit costs a zero."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")
