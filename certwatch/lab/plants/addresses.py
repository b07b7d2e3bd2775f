"""Faults of single addresses, and of addresses that disagree."""

from certwatch.core.model import Mode
from certwatch.lab.truth import Leaf, Plant


def _at(
    name: str,
    story: str,
    *codes: str,
    at: tuple[str, ...],
    cname: str | None = None,
    elsewhere: dict[str, Leaf] | None = None,
    zone: dict[str, tuple[str, ...]] | None = None,
) -> Plant:
    """A domain behind proxies of the customer's own."""
    return Plant(
        name=name,
        story=story,
        codes=frozenset(codes),
        mode=Mode.PROXY,
        at=at,
        cname=cname,
        elsewhere=elsewhere or {},
        zone=zone or {},
    )


ADDRESSES = (
    _at("click.eof.test", "closes instead of a handshake", "handshake_failed", at=("eof",)),
    _at("click.reset.test", "resets instead of a handshake", "handshake_failed", at=("reset",)),
    _at("click.stall.test", "accepts and never answers", "handshake_failed", at=("stall",)),
    _at("click.nottls.test", "plain HTTP on port 443", "handshake_failed", at=("garbage",)),
    Plant(
        name="click.deep.level.test",
        story="two levels below the zone: Cloudflare's Universal SSL has no certificate for it",
        codes=frozenset({"handshake_failed"}),
        mode=Mode.CDN,
        declared={"edge": "cloudflare"},
        at=("cloudflare",),
        leaf=None,
        zone={"level.test": ("NS ada.ns.cloudflare.com.",)},
    ),
    _at("click.down.test", "nothing listens", "address_down", "handshake_failed", at=("closed",)),
    _at(
        "click.halfdown.test",
        "one of two addresses is down",
        "address_down",
        at=("proxy", "closed"),
        cname="half.proxy.test",
    ),
    _at(
        "click.mismatch.test",
        "the second address was forgotten at the last renewal",
        "edge_mismatch",
        at=("proxy", "second"),
        cname="both.proxy.test",
        elsewhere={"second": Leaf(days=45, left=15)},
    ),
    _at(
        "click.families.test",
        "IPv6 still has the certificate before",
        "family_mismatch",
        at=("proxy", "ipv6"),
        cname="families.proxy.test",
        elsewhere={"ipv6": Leaf(days=45, left=15)},
    ),
    _at("click.legacy.test", "still speaks TLS 1.0", "protocol_legacy", at=("legacy",)),
    _at("click.sni.test", "nothing for clients without SNI", "sni_required", at=("needs_sni",)),
)
