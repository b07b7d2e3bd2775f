"""Faults of what an edge answers on ports 443 and 80."""

from certwatch.core.model import Mode
from certwatch.lab.sites import Quirk
from certwatch.lab.truth import Plant


def _quirky(name: str, story: str, code: str, quirk: Quirk) -> Plant:
    """A SparkPost domain behind the customer's own proxy, with one thing wrong."""
    return Plant(
        name=name,
        story=story,
        codes=frozenset({code}),
        provider="sparkpost",
        mode=Mode.PROXY,
        at=("proxy",),
        origin="spgo.io",
        quirks=(quirk,),
    )


EDGE = (
    _quirky(
        "click.plain.test",
        "port 80 does not lead to https",
        "http_not_redirected",
        Quirk.NOT_REDIRECTED,
    ),
    _quirky("click.spin.test", "https redirects to itself", "redirect_loop", Quirk.LOOP),
    _quirky(
        "click.away.test",
        "port 80 sends everybody to the home page",
        "redirect_off_host",
        Quirk.OFF_HOST,
    ),
    _quirky("click.nohsts.test", "no HSTS header", "hsts_missing", Quirk.NO_HSTS),
    _quirky("click.pinned.test", "Public-Key-Pins from long ago", "hpkp_present", Quirk.PINNED),
    _quirky(
        "click.cached.test",
        "clicks are answered from a cache",
        "caching_redirects",
        Quirk.CACHED,
    ),
    Plant(
        name="click.unknown.test",
        story="the certificate is at Fastly, the domain is not",
        codes=frozenset({"edge_misconfigured"}),
        provider="sparkpost",
        mode=Mode.CDN,
        at=("fastly",),
        origin="spgo.io",
        quirks=(Quirk.UNKNOWN,),
    ),
    Plant(
        name="click.conflict.test",
        story="https is broken, and the parent's HSTS forbids http",
        codes=frozenset({"handshake_failed", "hsts_conflict"}),
        mode=Mode.PROXY,
        at=("eof",),
        parent_hsts=True,
    ),
    Plant(
        name="click.firewall.test",
        story="a firewall forbids the ACME challenge path",
        codes=frozenset({"challenge_blocked"}),
        mode=Mode.ACME,
        at=("acme_edge",),
        declared={"cname": "edge.tracking.test"},
        quirks=(Quirk.WAF,),
    ),
    Plant(
        name="click.port80.test",
        story="port 80 was closed after the change to https",
        codes=frozenset({"http80_closed"}),
        mode=Mode.PROXY,
        at=("no_http",),
    ),
    _quirky(
        "click.mute80.test",
        "port 80 takes connections and closes them without an answer",
        "http80_closed",
        Quirk.MUTE_HTTP,
    ),
    Plant(
        name="click.region.test",
        story="an EU account, the CNAME leads to the US",
        codes=frozenset({"wrong_region"}),
        provider="sparkpost",
        mode=Mode.PROVIDER,
        declared={"cname": "eu.v2.spgo.io"},
        at=("v2.spgo.io",),
    ),
)
