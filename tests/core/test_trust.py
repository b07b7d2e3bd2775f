"""Where chains lead: the verdicts, their reasons, and what is remembered."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from certwatch.core.model import Path, TrustVerdict
from certwatch.core.trust import TrustStore, out_of_date, within_life
from certwatch.core.x509 import issued_by, parse_certificate
from certwatch.errors import CertificateError
from certwatch.lab.pki import Authority, life, rsa_key, self_signed
from tests.factories import NAME, NOW
from tests.pki import ISSUER, LONG, ROOT, STRANGER, issued, parsed, trust
from tests.strategies import certificates

DAY = timedelta(days=1)
GOOD = issued()
LONE = parsed(GOOD.serving())


def verdict(credential, store=None, at=NOW):
    path = (store or trust()).verify(parsed(credential), at)
    return path.verdict, path.reason


def test_a_good_chain_leads_to_the_root():
    leaf, issuer = parsed(GOOD)
    assert trust().verify((leaf, issuer), NOW) == Path(
        TrustVerdict.TRUSTED, "", (leaf, issuer, *parsed(ROOT))
    )


def test_order_and_extras_do_not_matter():
    chain = GOOD.serving(STRANGER.certificate, ROOT.certificate, ISSUER.certificate)
    assert verdict(chain)[0] is TrustVerdict.TRUSTED


@pytest.mark.parametrize("days", [-400, 0, 400])
@pytest.mark.parametrize("name", [NAME, "*.brand.test", "other.test"])
def test_the_dates_and_names_of_the_leaf_do_not_matter(days, name):
    assert verdict(issued(name), at=NOW + days * DAY)[0] is TrustVerdict.TRUSTED


def test_the_first_usable_name_is_asked_for():
    assert verdict(issued("x_y.brand.test", NAME))[0] is TrustVerdict.TRUSTED


def test_a_leaf_without_usable_names_is_rejected():
    store = trust()
    found = store.verify(parsed(issued("x_y.brand.test")), NOW)
    assert found.verdict is TrustVerdict.REJECTED
    assert "no host name" in found.reason


def test_self_signed():
    made = self_signed(NAME, organization="Me", span=life(NOW, 90, 60))
    assert verdict(made)[0] is TrustVerdict.SELF_SIGNED
    assert verdict(made, TrustStore(parsed(made)))[0] is TrustVerdict.REJECTED


def test_untrusted_with_and_without_its_root():
    bare = issued(by=STRANGER)
    root = next(c for c in parsed(STRANGER) if not c.self_signed)
    found, reason = verdict(bare)
    assert found is TrustVerdict.UNTRUSTED
    assert root.issuer in reason
    strange_root = Authority.root("Own Root", "Own", LONG)
    direct = issued(by=strange_root).serving(strange_root.certificate)
    found, reason = verdict(direct)
    assert found is TrustVerdict.UNTRUSTED
    assert "signed by itself" in reason


def test_a_lone_leaf_is_unanchored_until_its_issuer_is_learned():
    store = trust()
    assert store.verify(LONE, NOW).verdict is TrustVerdict.UNANCHORED
    assert store.verify(parsed(issued("other.test")), NOW).verdict is TrustVerdict.TRUSTED
    assert store.verify(LONE, NOW).verdict is TrustVerdict.INCOMPLETE


def test_a_lone_leaf_that_names_its_issuers_url_is_incomplete():
    by = ROOT.intermediate("CA", "Org", LONG, issuer_url="http://x.test/ca.der")
    found, reason = verdict(issued(by=by).serving())
    assert found is TrustVerdict.INCOMPLETE
    assert "CN=CA,O=Org" in reason


def test_a_chain_that_lacks_its_upper_intermediate_is_incomplete_once_that_is_learned():
    lower = ISSUER.intermediate("Lower CA", "Org", LONG)
    chain = issued(by=lower)
    store = trust()
    assert verdict(chain.serving(lower.certificate), store)[0] is TrustVerdict.UNTRUSTED
    assert verdict(chain, store)[0] is TrustVerdict.TRUSTED
    assert verdict(chain.serving(lower.certificate), store)[0] is TrustVerdict.INCOMPLETE


def test_a_learned_name_with_another_key_does_not_count():
    store = trust()
    twin = Authority.root("Twin", "Twin", LONG).intermediate("Test CA 1", "Test Trust", LONG)
    store.learn(parsed(issued(by=twin)) + parsed(ROOT))
    assert store.verify(LONE, NOW).verdict is TrustVerdict.UNANCHORED


def test_an_expired_intermediate_is_told_by_name_and_date():
    by = ROOT.intermediate("Old CA", "Org", life(NOW, 90, -5))
    store = trust()
    path = store.verify(parsed(issued(by=by)), NOW)
    assert path.verdict is TrustVerdict.REJECTED
    assert path.reason == "CN=Old CA,O=Org expired on 2026-05-27 12:00 UTC"
    assert out_of_date(path.certificates, NOW) == parsed(by)[0]
    assert [c.subject for c in path.certificates][-1] == "CN=Test Root,O=Test Trust"


def test_an_expired_twin_of_a_good_intermediate_does_no_harm():
    key = ISSUER.key
    old = ROOT.intermediate("Test CA 1", "Test Trust", life(NOW, 90, -5), key=key)
    assert verdict(GOOD.serving(old.certificate, ISSUER.certificate))[0] is TrustVerdict.TRUSTED


def test_a_sha1_leaf_is_rejected_for_it():
    by = ROOT.intermediate("RSA CA", "Org", LONG, key=rsa_key(2048))
    found, reason = verdict(by.issue(NAME, span=life(NOW, 90, 60), sha1=True))
    assert found is TrustVerdict.REJECTED
    assert "sha1WithRSAEncryption" in reason


def test_a_weak_issuer_is_rejected_for_it():
    by = ROOT.intermediate("Small CA", "Org", LONG, key=rsa_key(1024))
    found, reason = verdict(issued(by=by))
    assert found is TrustVerdict.REJECTED
    assert "RSA 1024" in reason


def test_what_only_the_verifier_knows_is_told_in_its_words():
    above, key = ISSUER.certificate, GOOD.key.public_key()
    span = life(NOW, 90, 60)
    bare = x509.CertificateBuilder(above.subject, x509.Name([]), key, 7, *span)
    named = bare.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), True)
    leaf = named.sign(ISSUER.key, hashes.SHA256())
    found, reason = verdict(replace(GOOD, chain=(leaf, above)))
    assert found is TrustVerdict.REJECTED
    assert "extension" in reason
    assert "encountered processing" not in reason


def test_verify_for_is_about_the_name_and_the_time():
    store, chain = trust(), parsed(issued(NAME, "*.wild.test"))
    for host in (NAME, "a.wild.test"):
        assert store.verify_for(chain, host, NOW).verdict is TrustVerdict.TRUSTED
    for host in ("other.test", "*.wild.test", "wild.test", "x_y.wild.test", "", "192.0.2.1", "é"):
        assert store.verify_for(chain, host, NOW).verdict is TrustVerdict.REJECTED
    late = store.verify_for(chain, NAME, NOW + 61 * DAY)
    assert late.reason == f"CN={NAME} expired on 2026-07-31 12:00 UTC"
    early = store.verify_for(chain, NAME, NOW - 31 * DAY)
    assert "not valid before" in early.reason
    wrong = store.verify_for(chain, "other.test", NOW)
    assert wrong.reason == "the certificate does not cover other.test"


def test_verify_for_explains_a_broken_chain():
    path = trust().verify_for(LONE, NAME, NOW)
    assert path.verdict is TrustVerdict.UNANCHORED


def test_an_answer_is_kept_until_a_certificate_begins_or_ends(monkeypatch):
    by = ROOT.intermediate("Short CA", "Org", life(NOW, 90, 10))
    store, chain = trust(), parsed(issued(by=by))
    asked = []
    real = TrustStore._path

    def path(*arguments):
        asked.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(TrustStore, "_path", path)
    for at in (NOW, NOW + 9 * DAY, NOW + 10 * DAY):
        assert store.verify(chain, at).verdict is TrustVerdict.TRUSTED
    assert len(asked) == 1
    for at in (NOW + 10 * DAY + timedelta(seconds=1), NOW + 11 * DAY, NOW + 99 * DAY):
        assert store.verify(chain, at).verdict is TrustVerdict.REJECTED
    assert len(asked) == 2
    assert store.verify(chain, NOW).verdict is TrustVerdict.TRUSTED


def test_memories_are_bounded(monkeypatch):
    monkeypatch.setattr("certwatch.core.trust.ANSWERS_CAP", 2)
    monkeypatch.setattr("certwatch.core.trust.LEARNED_CAP", 1)
    store = trust()
    for number in range(4):
        by = ROOT.intermediate(f"CA {number}", "Org", LONG)
        assert verdict(issued(by=by), store)[0] is TrustVerdict.TRUSTED
    assert len(store._answers) == 2
    assert len(store._learned) == 1


def test_a_store_needs_a_root():
    with pytest.raises(CertificateError):
        TrustStore([])


def test_a_certificate_that_never_ends_is_judged():
    span = (datetime(2026, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    root = Authority.root("Eternal", "Org", span)
    assert verdict(root.issue(NAME, span=span), trust(root))[0] is TrustVerdict.TRUSTED


@settings(max_examples=200)
@given(st.data())
def test_damaged_chains_are_judged(data):
    chain = []
    for one in parsed(GOOD):
        der = bytearray(one.der)
        if data.draw(st.booleans()):
            der[data.draw(st.integers(0, len(der) - 1))] ^= data.draw(st.integers(1, 255))
        try:
            chain.append(parse_certificate(bytes(der)))
        except CertificateError:
            return
    at = data.draw(st.datetimes()).replace(tzinfo=UTC)
    store = trust()
    assert isinstance(store.verify(chain, at), Path)
    assert isinstance(store.verify_for(chain, NAME, at), Path)


def test_names_that_cannot_be_read_raise_nothing():
    """Damage that leaves certificates loadable, but not their names."""
    leaf, issuer = parsed(GOOD)[:2]
    strings = (12, 19)  # UTF8String and PrintableString, as tags of the names' parts
    children = _damaged(leaf, strings)
    parents = _damaged(issuer, strings)
    assert children
    assert parents
    for child in children:
        for parent in parents:
            assert issued_by(child, parent) in (True, False)


def _damaged(certificate, tags):
    """The certificate with each byte that may be one of those tags made another."""
    spots = (n for n, byte in enumerate(certificate.der) if byte in tags)
    flips = ((spot, flip) for spot in spots for flip in (1, 32))
    return [one for spot, flip in flips if (one := _flipped(certificate, spot, flip))]


def _flipped(certificate, position, flip):
    der = bytearray(certificate.der)
    der[position] ^= flip
    try:
        return parse_certificate(bytes(der))
    except CertificateError:
        return None


@given(certificates, st.datetimes())
def test_any_instant_is_moved_into_the_leafs_life(certificate, at):
    moment = within_life(certificate, at.replace(tzinfo=UTC))
    assert moment <= certificate.not_after
    if certificate.not_before <= certificate.not_after:
        assert moment >= certificate.not_before


def rooted(*extensions: x509.ExtensionType) -> tuple[Authority, x509.Certificate]:
    """A root with these extensions alone, and a leaf under it."""
    made = Authority.root("Plain Root", "Plain", LONG)
    name, key = made.certificate.subject, made.key
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, *LONG)
    for extension in extensions:
        builder = builder.add_extension(extension, isinstance(extension, x509.BasicConstraints))
    plain = replace(made, certificate=builder.sign(key, hashes.SHA256()))
    return plain, plain.issue(NAME, span=life(NOW, 90, 60)).leaf


def test_a_root_as_openssl_makes_it_needs_no_key_usage():
    """A trust anchor is a name and a key (RFC 5280 section 6.1.1 (d))."""
    authority, leaf = rooted(x509.BasicConstraints(True, None))
    store = TrustStore([parse_certificate(authority.certificate.public_bytes(Encoding.DER))])
    chain = (parse_certificate(leaf.public_bytes(Encoding.DER)),)
    assert store.verify_for(chain, NAME, NOW).verdict is TrustVerdict.TRUSTED
