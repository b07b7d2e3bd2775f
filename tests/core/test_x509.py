"""Certificates from bytes: every field, every kind of key, and bytes that are none."""

from datetime import timedelta
from ipaddress import ip_address

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from certwatch.core.model import Certificate
from certwatch.core.x509 import (
    SANS_CAP,
    TEXT_CAP,
    covers,
    has_weak_key,
    has_weak_signature,
    issued_by,
    parse_certificate,
    parse_pem,
)
from certwatch.errors import CertificateError
from certwatch.lab.pki import life, pem, rsa_key
from tests.factories import NAME, NOW, certificate
from tests.pki import ISSUER, ROOT, STRANGER, issued, parsed


def made(*extensions, key=None, common_name=NAME, attribute=NameOID.COMMON_NAME):
    """A self-signed certificate with these extensions, parsed."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(attribute, common_name)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 0x3AB, NOW, NOW + timedelta(1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    unhashed = isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    signed = builder.sign(key, None if unhashed else hashes.SHA256())
    return parse_certificate(signed.public_bytes(Encoding.DER))


def test_every_field_is_read():
    by = ROOT.intermediate(
        "CA", "Org", life(NOW, 99, 9), crl_url="http://x.test/c", issuer_url="http://x.test/i"
    )
    leaf = parsed(issued("Click.Brand.TEST", "*.brand.test", by=by))[0]
    assert leaf.subject == "CN=Click.Brand.TEST"
    assert leaf.issuer == "CN=CA,O=Org"
    assert leaf.issuer_organization == "Org"
    assert leaf.sans == ("click.brand.test", "*.brand.test")
    assert (leaf.not_before, leaf.not_after) == life(NOW, 90, 60)
    assert leaf.lifetime == timedelta(days=90)
    assert (leaf.key, leaf.key_bits, leaf.signature) == ("ECDSA P-256", 256, "ecdsa-with-SHA256")
    assert (leaf.is_ca, leaf.self_signed) == (False, False)
    assert leaf.crl_urls == ("http://x.test/c",)
    assert leaf.issuer_urls == ("http://x.test/i",)
    loaded = x509.load_der_x509_certificate(leaf.der)
    assert leaf.fingerprint == loaded.fingerprint(hashes.SHA256()).hex()
    assert int(leaf.serial, 16) == loaded.serial_number


def test_a_serial_is_shown_in_whole_octets_as_other_tools_do(monkeypatch):
    monkeypatch.setattr(x509, "random_serial_number", lambda: 0x3AB)
    assert parsed(issued("click.brand.test"))[0].serial == "03ab"


def test_a_root_is_a_ca_and_signed_by_itself():
    (root,) = parsed(ROOT)
    assert (root.is_ca, root.self_signed) == (True, True)


@pytest.mark.parametrize(
    ("key", "text", "bits", "weak"),
    [
        (rsa_key(2048), "RSA 2048", 2048, False),
        (rsa_key(1024), "RSA 1024", 1024, True),
        (ec.generate_private_key(ec.SECP384R1()), "ECDSA P-384", 384, False),
        (ec.generate_private_key(ec.SECP224R1()), "ECDSA P-224", 224, False),
        (ec.generate_private_key(ec.SECP192R1()), "ECDSA P-192", 192, True),
        (ec.generate_private_key(ec.BrainpoolP256R1()), "ECDSA brainpoolP256r1", 256, False),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519", 256, False),
        (ed448.Ed448PrivateKey.generate(), "Ed448", 448, False),
        (dsa.generate_private_key(1024), "DSA 1024", 1024, True),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_keys_are_named_and_weighed(key, text, bits, weak):
    one = made(key=key)
    assert (one.key, one.key_bits, has_weak_key(one), one.self_signed) == (text, bits, weak, True)


@pytest.mark.parametrize(
    ("signature", "weak"),
    [
        ("sha1WithRSAEncryption", True),
        ("ecdsa-with-SHA1", True),
        ("md5WithRSAEncryption", True),
        ("RSASSA-PSS with sha1", True),
        ("RSASSA-PSS with sha256", False),
        ("sha256WithRSAEncryption", False),
        ("ecdsa-with-SHA512", False),
        ("Ed25519", False),
    ],
)
def test_signatures_are_weighed(signature, weak):
    assert has_weak_signature(certificate(signature=signature)) is weak


def test_pss_names_its_digest():
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    signed = builder.sign(key, hashes.SHA256(), rsa_padding=pss)
    one = parse_certificate(signed.public_bytes(Encoding.DER))
    assert (one.signature, one.subject) == ("RSASSA-PSS with sha256", "")


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("click.brand.test", True),
        ("CLICK.brand.test.", True),
        ("x.wild.test", True),
        ("a.x.wild.test", False),
        ("wild.test", False),
        ("brand.test", False),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("2001:db8:0::1", True),
        ("", False),
    ],
)
def test_only_alternative_names_cover_a_host(host, covered):
    names = [x509.DNSName(name) for name in ("click.brand.test", "*.wild.test")]
    literals = [x509.IPAddress(ip_address(text)) for text in ("192.0.2.1", "2001:db8::1")]
    one = made(x509.SubjectAlternativeName([*names, *literals]), common_name="brand.test")
    assert covers(one, host) is covered


def test_an_unreadable_extension_costs_the_extensions_and_not_the_certificate():
    broken = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x05junk")
    one = made(broken)
    assert (one.subject, one.sans) == (f"CN={NAME}", ())


def test_long_names_and_lists_are_cut():
    many = x509.SubjectAlternativeName([x509.DNSName(f"{n}.test") for n in range(SANS_CAP + 9)])
    long = x509.UniformResourceIdentifier("http://x.test/" + "x" * TEXT_CAP)
    points = x509.CRLDistributionPoints([x509.DistributionPoint([long], None, None, None)])
    one = made(many, points, common_name="y" * 2 * TEXT_CAP, attribute=NameOID.STREET_ADDRESS)
    assert (len(one.sans), len(one.subject), one.crl_urls) == (SANS_CAP, TEXT_CAP, ())


def test_hostile_text_is_kept_as_it_is():
    text = "=cmd()|\x1b[31m\u202e&'"
    assert made(common_name=text).subject == f"CN={text}"


def test_a_pem_file_is_read_in_order_and_keys_in_it_are_passed_over():
    credential = issued()
    assert parse_pem(credential.pem()) == parsed(credential)
    assert parse_pem(pem(credential.chain)[:-1]) == parsed(credential)


def test_der_is_read_where_pem_is_expected():
    (leaf, _) = parsed(issued())
    assert parse_pem(leaf.der) == (leaf,)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\n",
    ],
)
def test_what_is_no_certificate_is_an_error_of_ours(data):
    with pytest.raises(CertificateError):
        parse_pem(data)


def test_the_public_roots_are_read_without_a_warning():
    with open(certifi.where(), "rb") as file:
        roots = parse_pem(file.read())
    assert len(roots) > 100
    assert all(root.self_signed and root.subject for root in roots)


def test_issued_by_needs_the_name_and_the_signature():
    leaf, issuer = parsed(issued())
    stranger = parsed(STRANGER)[0]
    twin = parsed(ROOT.intermediate("Test CA 1", "Test Trust", life(NOW, 9, 3)))[0]
    assert issued_by(leaf, issuer)
    assert not issued_by(leaf, stranger)
    assert twin.subject == issuer.subject
    assert not issued_by(leaf, twin)


def test_issued_by_believes_a_sha1_signature():
    authority = ROOT.intermediate("Old CA", "Test Trust", life(NOW, 99, 9), key=rsa_key(2048))
    leaf, issuer = parsed(authority.issue(NAME, span=life(NOW, 9, 3), sha1=True))
    assert has_weak_signature(leaf)
    assert issued_by(leaf, issuer)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_certificate_or_an_error_of_ours(data):
    for parse in (parse_certificate, parse_pem):
        with pytest.raises(CertificateError):
            parse(data)


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_certificate_is_a_certificate_or_an_error_of_ours(data):
    der = bytearray(parsed(ISSUER)[0].der)
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    try:
        one = parse_certificate(bytes(der))
    except CertificateError:
        return
    assert isinstance(one, Certificate)
    assert one.not_before.tzinfo is not None


def test_a_private_key_is_called_one():
    key = b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"
    with pytest.raises(CertificateError, match="no certificate in this PEM, but a private key"):
        parse_pem(key)
