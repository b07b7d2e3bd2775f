"""Keys of certificates, and the certificate that comes back for one."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from certwatch.acme.chain import read_chain
from certwatch.acme.keys import fits, new_key, signing_request
from certwatch.errors import RenewalError
from certwatch.lab.pki import Credential, pem
from tests.factories import NOW
from tests.pki import issued, parsed

NAME = "click.brand.com"
HOUR = timedelta(hours=1)


def private(credential: Credential) -> bytes:
    return credential.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_keys_are_of_the_kind_that_was_set() -> None:
    curve, modulus = (
        load_pem_private_key(new_key(kind), None) for kind in ("ecdsa-p256", "rsa-2048")
    )
    assert isinstance(curve, ec.EllipticCurvePrivateKey)
    assert curve.curve.name == "secp256r1"
    assert isinstance(modulus, rsa.RSAPrivateKey)
    assert modulus.key_size == 2048
    assert new_key("ecdsa-p256") != new_key("ecdsa-p256")


@pytest.mark.parametrize("kind", ["ecdsa-p256", "rsa-2048"])
def test_a_request_asks_for_one_name_however_long(kind: str) -> None:
    name = "a" * 63 + ".click.brand.com"
    request = signing_request(new_key(kind), name)
    asked = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(asked) == [x509.DNSName(name)]
    assert not list(request.subject)
    assert request.is_signature_valid


def test_a_key_fits_its_own_certificate_only() -> None:
    own, other = issued(NAME), issued(NAME)
    assert fits(private(own), parsed(own)[0])
    assert not fits(private(own), parsed(other)[0])
    assert not fits(new_key("rsa-2048"), parsed(own)[0])


def test_a_chain_is_kept_leaf_first_without_what_is_no_certificate() -> None:
    own = issued(NAME)
    body = b"# hello\n" + own.pem() + b"-----BEGIN JUNK-----\nAAAA\n-----END JUNK-----\n"
    chain, leaf = read_chain(body, NAME, private(own), now=NOW)
    assert chain.encode() == pem(own.chain)
    assert leaf == parsed(own)[0]


def test_a_certificate_for_another_key_or_name_is_refused() -> None:
    own, other = issued(NAME), issued(NAME)
    with pytest.raises(RenewalError, match="another private key") as told:
        read_chain(own.pem(), NAME, private(other), now=NOW)
    assert (told.value.kind, told.value.blame) == ("keyMismatch", "ours")
    for names in (("other.brand.com",), (NAME, "other.brand.com"), ("*.brand.com",)):
        with pytest.raises(RenewalError, match=f"not for {NAME} alone"):
            read_chain(issued(*names).pem(), NAME, None, now=NOW)


@pytest.mark.parametrize("body", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_the_cas_mistake(body: bytes) -> None:
    with pytest.raises(RenewalError) as told:
        read_chain(body, NAME, None, now=NOW)
    assert (told.value.kind, told.value.blame) == ("ca_error", "ca")


def test_a_certificate_that_is_not_valid_now_does_not_take_the_place_of_a_good_one() -> None:
    """A CA that lies, or whose cache is old: nothing else looks at the dates before deploying."""
    own = issued(NAME)
    leaf = parsed(own)[0]
    day_before = leaf.not_before - timedelta(days=1)
    for now in (leaf.not_after, leaf.not_after + HOUR, day_before - HOUR):
        with pytest.raises(RenewalError, match="not now") as told:
            read_chain(own.pem(), NAME, private(own), now=now)
        assert (told.value.kind, told.value.blame) == ("badCertificate", "ca")
        assert "clock" in told.value.remedy
    for now in (day_before, leaf.not_after - HOUR):  # a clock that is a little behind
        assert read_chain(own.pem(), NAME, private(own), now=now)
