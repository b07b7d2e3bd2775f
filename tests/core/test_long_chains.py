"""Chains that are served to cost time: only their beginning is judged."""

from certwatch.core.model import TrustVerdict
from certwatch.core.trust import CHAIN_CAP, STEPS_CAP
from certwatch.core.x509 import issued_by
from certwatch.lab.pki import Authority
from tests.factories import NAME, NOW
from tests.pki import LONG, issued, parsed, trust


def endless(length):
    """A leaf below that many authorities of one name, each signed with the key of the one above."""
    authority = Authority.root("Loop", "Loop", LONG)
    for _ in range(length):
        authority = authority.intermediate("Loop", "Loop", LONG)
    return parsed(issued(NAME, by=authority))


def test_signatures_are_tried_on_few_certificates(monkeypatch):
    tried = []

    def counted(child, issuer):
        tried.append(issuer)
        return issued_by(child, issuer)

    monkeypatch.setattr("certwatch.core.trust.issued_by", counted)
    chain = endless(40)
    foremost, *rest = chain
    backwards = (foremost, *reversed(rest))
    for served in (chain, backwards):
        tried.clear()
        assert trust().verify_for(served, NAME, NOW).verdict is not TrustVerdict.TRUSTED
        assert len(tried) <= CHAIN_CAP * STEPS_CAP + 1


def test_what_follows_the_first_certificates_does_not_count():
    leaf, issuer = parsed(issued())
    filler = endless(1)[1:] * CHAIN_CAP
    assert trust().verify((leaf, issuer, *filler), NOW).verdict is TrustVerdict.TRUSTED
    assert trust().verify((leaf, *filler, issuer), NOW).verdict is not TrustVerdict.TRUSTED
