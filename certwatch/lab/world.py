"""The lab: a small real world on loopback, with real DNS, real TLS and real HTTP.

``World`` is an async context manager. It starts a resolver, CDNs, proxies and ESPs on addresses of
127.0.0.0/8 (all on the same two free ports), plants every domain of ``certwatch.lab.plants``, and
writes into a folder what certwatch needs to look at it: ``certwatch.toml``, ``inventory.csv``,
``roots.pem`` and ``ground_truth.json``. It writes nowhere else and needs no privileges.

A test builds a little world of its own in a few lines::

    async with World(folder, plants=()) as world:
        world.serve("click.brand.test", Leaf(days=6, left=1))          # behind the proxy
        world.serve("go.brand.test", Leaf(), place="cloudfront")       # behind CloudFront
        world.dns.zone["old.brand.test"] = ("CNAME gone.cloudfront.net.",)
        world.dns.faults["bad.brand.test"] = Fault.SERVFAIL
        world.servers["proxy"].fault = TlsFault.EOF                    # for everything there
        world.edges["proxy"].sites["click.brand.test"] = my_respond    # any answer
        world.lights_out()
"""

import contextlib
import ssl
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from certwatch.core.names import registered_domain
from certwatch.lab.dns import DnsServer
from certwatch.lab.edges import IMITATIONS, Edge, Imitation, forward
from certwatch.lab.files import inventory_row, settings, write_files
from certwatch.lab.http import Request, Respond, Response
from certwatch.lab.leaves import CRL_PATH, Authorities
from certwatch.lab.origins import TRACKING, tracking_host
from certwatch.lab.pki import Credential, pem
from certwatch.lab.places import PLACES, Place, available
from certwatch.lab.plants import PLANTS
from certwatch.lab.server import Server
from certwatch.lab.sites import Quirk, site_of
from certwatch.lab.tls import Identity
from certwatch.lab.truth import Comparison, Leaf, Plant, compare

CRL_HOST = "crl.lab.test"

_IMITATIONS = {row.name: row for row in IMITATIONS}
_TRACKING = {row.provider: row for row in TRACKING}
_PARENT_HSTS = ("strict-transport-security", "max-age=31536000; includeSubDomains")


class World:
    """The running lab. ``plants`` are those that this machine can show: without IPv6 some are
    left out. Raises LabError when it cannot be started here."""

    def __init__(
        self, folder: Path, *, plants: Iterable[Plant] = PLANTS, now: datetime | None = None
    ) -> None:
        self.folder = folder
        self.now = now or datetime.now(UTC)
        self.plants = tuple(plants)
        self.dns = DnsServer()
        self.servers: dict[str, Server] = {}
        self.edges: dict[str, Edge] = {}
        self.customers: set[str] = set()  # whom the ESPs know
        self.https_port = self.http_port = 0
        self._closing = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "World":
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self.dns)
            first = await stack.enter_async_context(
                Server(address="127.0.0.1", respond=self._publish)
            )
            self.https_port, self.http_port = first.https_port or 0, first.http_port or 0
            self.dns.zone["."] = ("NS a.root.test.",)
            self.dns.zone[CRL_HOST] = ("A 127.0.0.1",)
            self.authorities = Authorities(self.now, f"http://{CRL_HOST}:{self.http_port}")
            self._client = _trusting(pem([self.authorities.root.certificate]))
            for name, place in available().items():
                self.edges[name] = self._edge(place)
                self.servers[name] = await stack.enter_async_context(self._server(name, place))
                if place.target:
                    self.dns.zone[place.target] = (place.record,)
            self.plants = tuple(_shown(self.plants, self.servers))
            for plant in self.plants:
                self.plant(plant)
            self._write_files()
            self._closing = stack.pop_all()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._closing.aclose()

    def change(self) -> None:
        """Let time pass between two sweeps: the planted renewals happen."""
        for plant in self.plants:
            if plant.later:
                for place in plant.at:
                    self.identify(plant.name, plant.later, place)

    def lights_out(self) -> None:
        """Cut certwatch off: no resolver answers any more."""
        self.dns.answering = False

    def lights_on(self) -> None:
        """Undo ``lights_out``."""
        self.dns.answering = True

    def compare(self, results: Mapping[str, Iterable[str]]) -> Comparison:
        """The check codes found, by domain, against what was planted."""
        return compare(self.plants, results)

    def identify(self, name: str, leaf: Leaf, place: str = "proxy") -> None:
        """Show a certificate for a host at a place, from the next handshake on."""
        self.servers[place].identity.names[name] = self.authorities.credential(name, leaf)

    def serve(
        self, name: str, leaf: Leaf | None, place: str = "proxy", respond: Respond | None = None
    ) -> None:
        """Serve a host at a place, with DNS records that lead there."""
        there = PLACES[place]
        if leaf:
            self.identify(name, leaf, place)
        self.edges[place].sites[name] = respond or site_of(_welcome, ())
        self.dns.zone[name] = (f"CNAME {there.target}." if there.target else there.record,)

    def origin(self, plant: Plant) -> tuple[str, int] | None:
        """Host and port of the origin that the plant's edge forwards to."""
        if plant.origin is None:
            return None
        plain = PLACES[plant.origin].kind == "mailgun"
        return plant.origin, self.http_port if plain else self.https_port

    def sample_link(self, plant: Plant) -> str | None:
        """The link that the plant's ESP redirects when it arrives intact."""
        if not plant.sample or plant.origin is None:
            return None
        return f"https://{plant.name}{_TRACKING[PLACES[plant.origin].kind].link}"

    def plant(self, plant: Plant) -> None:
        """Build one domain."""
        self.customers.add(plant.name)
        for place in plant.at:
            leaf = plant.elsewhere.get(place, plant.leaf)
            if leaf:
                self.identify(plant.name, leaf, place)
            if Quirk.UNKNOWN not in plant.quirks:
                self.edges[place].sites[plant.name] = self._site(plant, place)
        self._records(plant)
        if plant.parent_hsts:
            self._parent(registered_domain(plant.name))

    def _site(self, plant: Plant, place: str) -> Respond:
        return site_of(self._behind(plant, place), plant.quirks)

    def _behind(self, plant: Plant, place: str) -> Respond:
        origin = self.origin(plant)
        if fallback := self.edges[place].fallback:
            return fallback
        if origin is None or Quirk.OTHER_SITE in plant.quirks:
            return _welcome
        host, port = origin
        return forward(
            PLACES[host].address,
            port,
            tls=self._client if port == self.https_port else None,
            server_name=host,
            host=host if Quirk.DROPS_HOST in plant.quirks else None,
        )

    def _records(self, plant: Plant) -> None:
        zone = self.dns.zone
        apex = registered_domain(plant.name)
        zone.setdefault(apex, (f"NS ns1.{apex}.",))
        zone.update(plant.zone)
        self.dns.faults.update(plant.faults)
        places = [PLACES[place] for place in plant.at]
        addresses = tuple(place.record for place in places)
        target = plant.cname or (places[0].target if places else "")
        if target and addresses:
            zone[target] = addresses
        records = (f"CNAME {target}.",) if target else addresses
        records = records if plant.records is None else plant.records
        if records:
            zone[plant.name] = records

    def _parent(self, apex: str) -> None:
        async def respond(request: Request) -> Response:
            return (await _welcome(request)).with_headers(_PARENT_HSTS)

        self.identify(apex, Leaf())
        self.edges["proxy"].sites[apex] = respond
        self.dns.zone[apex] = (*self.dns.zone[apex], PLACES["proxy"].record)

    def _edge(self, place: Place) -> Edge:
        if imitation := _IMITATIONS.get(place.kind):
            return Edge(imitation)
        nobody = Response(status=404)
        tracking = tracking_host(_TRACKING[place.kind], self.customers)
        return Edge(
            Imitation(name=place.kind, headers=(), unknown=nobody, failed=nobody), fallback=tracking
        )

    def _server(self, name: str, place: Place) -> Server:
        identity = Identity(
            default=self._default(place),
            strict=place.strict,
            needs_sni=place.needs_sni,
            legacy=place.legacy,
            only=place.only,
        )
        return Server(
            address=place.address,
            respond=self.edges[name].respond,
            https_port=self.https_port if place.https else None,
            http_port=self.http_port if place.http else None,
            identity=identity,
            fault=place.fault,
        )

    def _default(self, place: Place) -> Credential:
        """The certificate for everybody who asks for none, or for one that is not there."""
        if imitation := _IMITATIONS.get(place.kind):
            names: tuple[str, ...] = (imitation.default_name,)
        else:
            names = (place.target, f"*.{place.target}")
        return self.authorities.credential(names[0], replace(place.own, names=names))

    def _write_files(self) -> None:
        text = settings(
            self.folder,
            nameserver=f"{self.dns.address}:{self.dns.port}",
            https_port=self.https_port,
            http_port=self.http_port,
        )
        rows = [
            inventory_row(plant, self.origin(plant), self.sample_link(plant))
            for plant in self.plants
        ]
        roots = pem([self.authorities.root.certificate])
        write_files(self.folder, settings=text, inventory=rows, roots=roots, truth=self.plants)

    async def _publish(self, request: Request) -> Response:
        """The authority's own web server: CRLs."""
        if request.path != CRL_PATH:
            return Response(status=404)
        return Response(status=200, body=self.authorities.crl())


async def _welcome(request: Request) -> Response:
    return Response(status=200, headers=(("content-type", "text/html"),), body="<p>hello</p>")


def _shown(plants: Iterable[Plant], places: Container[str]) -> Iterator[Plant]:
    """The plants as far as their places exist; one whose fault would be gone is left out."""
    for plant in plants:
        at = tuple(place for place in plant.at if place in places)
        if at == plant.at or not plant.codes:
            yield replace(plant, at=at)


def _trusting(roots: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=roots.decode("ascii"))
    return context
