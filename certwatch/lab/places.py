"""Where things are in the lab: one loopback address for each edge, provider and kind of fault."""

import socket
import ssl
from dataclasses import dataclass

from certwatch.lab.tls import TlsFault
from certwatch.lab.truth import Leaf

IPV6 = "::1"

_ORDINARY = Leaf()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One address. ``target`` is the name that customers' CNAMEs point to; empty where they set
    address records instead. ``kind`` names an ``Imitation`` or, for an ESP's own hosts, a
    ``Tracking``. ``own`` is the certificate for its own name, which everybody gets who asks for
    none or for one that it does not know.
    """

    address: str
    kind: str
    target: str = ""
    https: bool = True
    http: bool = True
    fault: TlsFault | None = None
    legacy: bool = False
    needs_sni: bool = False
    strict: bool = False
    only: ssl.TLSVersion | None = None
    own: Leaf = _ORDINARY

    @property
    def record(self) -> str:
        """The address as a DNS record."""
        return f"{'AAAA' if ':' in self.address else 'A'} {self.address}"


_EDGES = {
    "cloudfront": Place(address="127.0.1.1", kind="cloudfront", target="d1lab.cloudfront.net"),
    "cloudflare": Place(address="127.0.1.2", kind="cloudflare", strict=True),
    "fastly": Place(address="127.0.1.3", kind="fastly", target="lab.map.fastly.net"),
    "keycdn": Place(address="127.0.1.4", kind="keycdn", target="lab-7c0.kxcdn.com"),
    "google": Place(address="127.0.1.5", kind="google"),
    "azure": Place(address="127.0.1.6", kind="azure", target="lab-e9.z01.azurefd.net"),
    "akamai": Place(address="127.0.1.7", kind="akamai", target="lab.test.edgekey.net"),
    "bunny": Place(address="127.0.1.8", kind="bunny", target="lab.b-cdn.net"),
    "vercel": Place(address="127.0.1.9", kind="vercel", target="cname.vercel-dns.com"),
    "netlify": Place(address="127.0.1.10", kind="netlify", target="lab.netlify.app"),
    "apigateway": Place(
        address="127.0.1.11",
        kind="apigateway",
        target="d-lab.execute-api.eu-central-1.amazonaws.com",
    ),
    "proxy": Place(address="127.0.1.20", kind="proxy", target="edge.proxy.test"),
    "acme_edge": Place(address="127.0.1.21", kind="proxy", target="edge.tracking.test"),
    "small": Place(address="127.0.1.22", kind="proxy", target="lab.small-cdn.test"),
}

_PROXIES = {
    "second": Place(address="127.0.2.1", kind="proxy", target="second.proxy.test"),
    "closed": Place(
        address="127.0.2.2", kind="proxy", target="closed.proxy.test", https=False, http=False
    ),
    "no_http": Place(address="127.0.2.3", kind="proxy", target="no80.proxy.test", http=False),
    "eof": Place(address="127.0.2.4", kind="proxy", target="eof.proxy.test", fault=TlsFault.EOF),
    "reset": Place(
        address="127.0.2.5", kind="proxy", target="reset.proxy.test", fault=TlsFault.RESET
    ),
    "stall": Place(
        address="127.0.2.6", kind="proxy", target="stall.proxy.test", fault=TlsFault.STALL
    ),
    "garbage": Place(
        address="127.0.2.7", kind="proxy", target="garbage.proxy.test", fault=TlsFault.GARBAGE
    ),
    "legacy": Place(address="127.0.2.8", kind="proxy", target="legacy.proxy.test", legacy=True),
    "needs_sni": Place(address="127.0.2.9", kind="proxy", target="sni.proxy.test", needs_sni=True),
    "tls12": Place(
        address="127.0.2.10",
        kind="proxy",
        target="tls12.proxy.test",
        only=ssl.TLSVersion.TLSv1_2,
    ),
    "ipv6": Place(address=IPV6, kind="proxy", target="six.proxy.test"),
}

_PROVIDERS = {
    "spgo.io": "sparkpost",
    "eu.spgo.io": "sparkpost",
    "v2.spgo.io": "sparkpost",
    "eu.v2.spgo.io": "sparkpost",
    "mailgun.org": "mailgun",
    "sendgrid.net": "sendgrid",
    "click.sendgrid.net": "sendgrid",
    "r.us-east-1.awstrack.me": "ses",
    "track.customer.io": "customerio",
    "links.iterable.com": "iterable",
    "t.mailjet.com": "mailjet",
    "click.pstmrk.it": "postmark",
}

PLACES: dict[str, Place] = {
    **_EDGES,
    **_PROXIES,
    **{
        target: Place(address=f"127.0.3.{number}", kind=kind, target=target)
        for number, (target, kind) in enumerate(_PROVIDERS.items(), start=1)
    },
    "expired.origin.test": Place(
        address="127.0.3.40",
        kind="sparkpost",
        target="expired.origin.test",
        own=Leaf(days=45, left=-3),
    ),
    "down.origin.test": Place(
        address="127.0.3.41",
        kind="sparkpost",
        target="down.origin.test",
        https=False,
        http=False,
    ),
}


def available() -> dict[str, Place]:
    """The places that this machine can show: those on IPv6 only where it has it."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind((IPV6, 0))
    except OSError:
        return {name: place for name, place in PLACES.items() if ":" not in place.address}
    return PLACES
