"""Faults of certificates and chains."""

from certwatch.core.model import Mode
from certwatch.lab.sites import Quirk
from certwatch.lab.truth import Issuer, Leaf, Plant, Sent


def _behind_proxy(
    name: str, story: str, *codes: str, leaf: Leaf, later: Leaf | None = None
) -> Plant:
    """A Customer.io domain behind the customer's own proxy, with this certificate."""
    return Plant(
        name=name,
        story=story,
        codes=frozenset(codes),
        provider="customerio",
        mode=Mode.PROXY,
        at=("proxy",),
        origin="track.customer.io",
        leaf=leaf,
        later=later,
    )


CERTIFICATE = (
    _behind_proxy(
        "click.expired.test", "expired yesterday", "expired", leaf=Leaf(days=90, left=-1)
    ),
    _behind_proxy(
        "click.early.test",
        "valid from tomorrow on",
        "not_yet_valid",
        leaf=Leaf(days=45, left=46),
    ),
    _behind_proxy("click.soon.test", "18 of 90 days left", "expiring", leaf=Leaf(days=90, left=18)),
    _behind_proxy(
        "click.sixday.test", "12 hours of 6 days left", "expiring", leaf=Leaf(days=6, left=0.5)
    ),
    Plant(
        name="click.overdue.test",
        story="ours to renew since day 60, untouched on day 66",
        codes=frozenset({"renewal_overdue"}),
        mode=Mode.ACME,
        at=("acme_edge",),
        declared={"cname": "edge.tracking.test"},
        leaf=Leaf(days=90, left=24),
    ),
    _behind_proxy(
        "click.wrongname.test",
        "the certificate is for another host",
        "name_mismatch",
        leaf=Leaf(names=("www.wrongname.test", "wrongname.test")),
    ),
    Plant(
        name="click.espname.test",
        story="SendGrid's own certificate: link branding without automatic SSL",
        codes=frozenset({"default_certificate"}),
        provider="sendgrid",
        mode=Mode.PROVIDER,
        at=("sendgrid.net",),
        leaf=None,
    ),
    Plant(
        name="click.noalias.test",
        story="the name was never added to the CloudFront distribution",
        codes=frozenset({"default_certificate", "edge_misconfigured"}),
        provider="braze",
        mode=Mode.CDN,
        at=("cloudfront",),
        leaf=None,
        quirks=(Quirk.UNKNOWN,),
    ),
    _behind_proxy(
        "click.stranger.test",
        "issued under a root that nobody trusts",
        "untrusted",
        leaf=Leaf(issuer=Issuer.STRANGER),
    ),
    _behind_proxy(
        "click.selfmade.test", "self-signed", "self_signed", leaf=Leaf(issuer=Issuer.SELF)
    ),
    _behind_proxy(
        "click.lonely.test",
        "served without its intermediate",
        "chain_incomplete",
        leaf=Leaf(sent=Sent.BARE),
    ),
    _behind_proxy(
        "click.untidy.test",
        "root and a duplicate in the chain",
        "chain_untidy",
        leaf=Leaf(sent=Sent.WITH_ROOT),
    ),
    _behind_proxy(
        "click.dying.test",
        "the intermediate expires before the leaf",
        "intermediate_expiring",
        leaf=Leaf(issuer=Issuer.DYING),
    ),
    _behind_proxy("click.revoked.test", "revoked by its CA", "revoked", leaf=Leaf(revoked=True)),
    _behind_proxy(
        "click.weakkey.test", "an RSA key of 1,024 bits", "weak_key", leaf=Leaf(rsa_bits=1024)
    ),
    _behind_proxy(
        "click.sha1.test",
        "signed with SHA-1",
        "weak_signature",
        leaf=Leaf(issuer=Issuer.RSA, sha1=True),
    ),
    _behind_proxy(
        "click.longlife.test",
        "a 400-day certificate, longer than any CA may issue",
        "lifetime_too_long",
        leaf=Leaf(days=400, left=390),
    ),
    _behind_proxy(
        "click.otherca.test",
        "issued by a CA that the house does not use",
        "issuer_unexpected",
        leaf=Leaf(issuer=Issuer.OTHER),
    ),
    _behind_proxy(
        "click.lostname.test",
        "renewed between the sweeps, and img.lostname.test was forgotten",
        "san_lost",
        "certificate_changed",
        leaf=Leaf(names=("click.lostname.test", "img.lostname.test")),
        later=Leaf(days=45, left=44),
    ),
    _behind_proxy(
        "click.renewed.test",
        "renewed between the sweeps, as it should be",
        "certificate_changed",
        leaf=Leaf(days=45, left=16),
        later=Leaf(days=45, left=44),
    ),
)
