"""Faults between the edge and the provider: links that do not make it through."""

from certwatch.core.model import Mode
from certwatch.lab.sites import Quirk
from certwatch.lab.truth import Plant


def _shared(name: str) -> Plant:
    return Plant(
        name=name,
        story="two names share a small CDN's target, which carries no more",
        codes=frozenset({"alias_limit"}),
        at=("small",),
        mode=Mode.CDN,
    )


ORIGIN = (
    Plant(
        name="click.nobody.test",
        story="the origin behind Cloudflare refuses connections: error 521",
        codes=frozenset({"origin_down"}),
        provider="sparkpost",
        mode=Mode.CDN,
        at=("cloudflare",),
        origin="down.origin.test",
    ),
    Plant(
        name="click.strict.test",
        story="Cloudflare in Full (strict), the origin's certificate has expired: error 526",
        codes=frozenset({"origin_certificate"}),
        provider="sparkpost",
        mode=Mode.CDN,
        at=("cloudflare",),
        origin="expired.origin.test",
    ),
    Plant(
        name="click.hostless.test",
        story="CloudFront sends its own Host header: SendGrid calls the host name bad",
        codes=frozenset({"host_not_forwarded"}),
        provider="sendgrid",
        mode=Mode.CDN,
        at=("cloudfront",),
        origin="sendgrid.net",
        quirks=(Quirk.DROPS_HOST,),
    ),
    Plant(
        name="click.token.test",
        story="a proxy lowers the case of the path, which damages tokens",
        codes=frozenset({"wrong_link"}),
        provider="clevertap",
        mode=Mode.PROXY,
        at=("proxy",),
        origin="sendgrid.net",
        quirks=(Quirk.LOWERS_CASE,),
        sample=True,
    ),
    Plant(
        name="click.shopsite.test",
        story="the proxy shows the web shop instead of the tracking host",
        codes=frozenset({"round_trip_failed"}),
        provider="sparkpost",
        mode=Mode.PROXY,
        at=("proxy",),
        quirks=(Quirk.OTHER_SITE,),
        origin="spgo.io",
    ),
    Plant(
        name="click.mute.test",
        story="TLS is fine, and then the proxy closes every connection without an answer",
        codes=frozenset({"round_trip_failed"}),
        provider="ses",
        mode=Mode.PROXY,
        at=("proxy",),
        origin="r.us-east-1.awstrack.me",
        quirks=(Quirk.MUTE,),
    ),
    Plant(
        name="click.noquery.test",
        story="KeyCDN drops the query string of links",
        codes=frozenset({"query_dropped"}),
        provider="customerio",
        mode=Mode.CDN,
        at=("keycdn",),
        origin="track.customer.io",
        quirks=(Quirk.DROPS_QUERY,),
        sample=True,
    ),
    _shared("click.crowd.test"),
    _shared("link.throng.test"),
)
