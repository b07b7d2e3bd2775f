"""The name of a certificate in renewal information (RFC 9773 section 4.1)."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from certwatch.core.ari import ari_id
from certwatch.errors import CertificateError

ISSUER = bytes.fromhex("69885b6b87464041e1b37b847ba0ae2cde01c8d4")  # of the RFC's example
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def leaf(serial: int, issuer: x509.AuthorityKeyIdentifier | None) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        x509.Name([]), x509.Name([]), key.public_key(), serial, NOW, NOW + timedelta(days=1)
    )
    if issuer:
        builder = builder.add_extension(issuer, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_the_example_of_the_rfc_has_its_name() -> None:
    der = leaf(0x87654321, x509.AuthorityKeyIdentifier(ISSUER, None, None))
    assert ari_id(der) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


@pytest.mark.parametrize(("serial", "text"), [(1, "AQ"), (0x7F, "fw"), (0x80, "AIA")])
def test_a_serial_number_keeps_its_der_octets(serial: int, text: str) -> None:
    der = leaf(serial, x509.AuthorityKeyIdentifier(ISSUER, None, None))
    assert ari_id(der) == f"aYhba4dGQEHhs3uEe6CuLN4ByNQ.{text}"


def test_a_leaf_that_names_no_issuing_key_has_no_name() -> None:
    by_name = x509.AuthorityKeyIdentifier(None, [x509.DNSName("ca.test")], 7)
    assert ari_id(leaf(1, None)) is None
    assert ari_id(leaf(1, by_name)) is None


def test_bytes_that_are_no_certificate_are_an_error() -> None:
    with pytest.raises(CertificateError, match="not a readable"):
        ari_id(b"hello")
