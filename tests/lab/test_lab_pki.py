"""The lab's certificates have the faults that they were ordered with, and no other."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from certwatch.lab.pki import Authority, Credential, life, pem, rsa_key, self_signed

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LONG = life(NOW, 3650, 3000)
ROOT = Authority.root("Root", "House", LONG)
CA = ROOT.intermediate("CA", "House", LONG, crl_url="http://crl.test/ca.crl")


def verify(credential: Credential, name: str, at: datetime = NOW) -> None:
    store = verification.Store([ROOT.certificate])
    verifier = verification.PolicyBuilder().store(store).time(at)
    verifier.build_server_verifier(x509.DNSName(name)).verify(
        credential.leaf, list(credential.chain[1:])
    )


def test_a_leaf_is_trusted_within_its_life_only() -> None:
    leaf = CA.issue("a.test", span=life(NOW, 6, 2))
    verify(leaf, "a.test")
    for at in (NOW - timedelta(days=5), NOW + timedelta(days=3)):
        with pytest.raises(verification.VerificationError):
            verify(leaf, "a.test", at)


def test_life_counts_back_from_what_is_left() -> None:
    assert life(NOW, 90, -1) == (NOW - timedelta(days=91), NOW - timedelta(days=1))


@pytest.mark.parametrize(
    "credential",
    [
        CA.issue("a.test", span=life(NOW, 90, 60)).serving(),
        self_signed("a.test", organization="House", span=life(NOW, 90, 60)),
        Authority.root("Stranger", "House", LONG).issue("a.test", span=life(NOW, 90, 60)),
    ],
    ids=["bare", "self-signed", "stranger"],
)
def test_a_bad_chain_is_refused(credential: Credential) -> None:
    with pytest.raises(verification.VerificationError):
        verify(credential, "a.test")


def test_a_weak_key_can_be_had() -> None:
    key = CA.issue("a.test", span=life(NOW, 90, 60), key=rsa_key(1024)).leaf.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 1024


def test_the_crl_names_the_revoked_and_is_signed_by_its_authority() -> None:
    good, bad = (CA.issue("a.test", span=life(NOW, 90, 60)).leaf for _ in range(2))
    crl = x509.load_der_x509_crl(CA.crl([bad], life(NOW, 7, 6)))
    assert crl.is_signature_valid(CA.key.public_key())
    assert crl.get_revoked_certificate_by_serial_number(bad.serial_number)
    assert crl.get_revoked_certificate_by_serial_number(good.serial_number) is None


def test_hostile_text_survives_in_subject_and_names() -> None:
    text = "<script>\x1b[31m\u202e=cmd()"
    leaf = CA.issue("a.test", "<b>.a.test", span=life(NOW, 90, 60), subject=text).leaf
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == text
    verify(CA.issue("a.test", "<b>.a.test", span=life(NOW, 90, 60), subject=text), "a.test")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_accepts_the_sha1_signature_when_it_must(tmp_path: Path) -> None:
    authority = ROOT.intermediate("RSA", "House", LONG, key=rsa_key(2048))
    leaf = authority.issue("a.test", span=life(datetime.now(UTC), 90, 60), sha1=True)
    assert leaf.leaf.signature_algorithm_oid == SignatureAlgorithmOID.RSA_WITH_SHA1
    files = {"leaf": leaf.chain[:1], "ca": leaf.chain[1:], "root": [ROOT.certificate]}
    for name, certificates in files.items():
        (tmp_path / name).write_bytes(pem(certificates))
    command = ["openssl", "verify", "-auth_level", "0"]
    command += ["-CAfile", "root", "-untrusted", "ca", "leaf"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.stdout == "leaf: OK\n"


def test_only_an_rsa_authority_can_sign_with_sha1() -> None:
    with pytest.raises(TypeError, match="RSA"):
        CA.issue("a.test", span=life(NOW, 90, 60), sha1=True)
