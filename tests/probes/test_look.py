"""Whole looks at a little world: DNS, an edge, an origin."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certwatch import ports
from certwatch.core.identify import Questions
from certwatch.core.model import (
    Certificate,
    DnsStatus,
    Failure,
    Observation,
    ResolverState,
    Revocation,
    TrackingDomain,
    TrustVerdict,
)
from certwatch.core.model import Path as Verified
from certwatch.probes.look import NetworkProber
from tests.probes.authority import NOW, issue, root
from tests.probes.servers import HOST, Dns, Site, running, running_dns, server_context

NAME = "click.brand.test"
CHALLENGE = "/.well-known/acme-challenge/certwatch-probe"


def trust(chain: tuple[Certificate, ...], at: datetime) -> Verified:
    trusted = chain[0].issuer == root().parsed.subject
    return Verified(TrustVerdict.TRUSTED if trusted else TrustVerdict.SELF_SIGNED)


@dataclass
class World:
    """An edge on two ports, its nameserver, and the questions that will be asked."""

    dns: Dns
    site: Site
    https_port: int
    http_port: int
    questions: Questions = field(default_factory=Questions)

    def prober(self, **options: Any) -> NetworkProber:
        settings: dict[str, Any] = {
            "ask": lambda domain, dns: self.questions,
            "verify": trust,
            "nameservers": [(HOST, self.dns.port)],
            "dns_timeout": timedelta(seconds=0.5),
            "https_port": self.https_port,
            "http_port": self.http_port,
            "timeout": timedelta(seconds=1),
            "allow_private_addresses": True,
        }
        return NetworkProber(**(settings | options))

    async def look(
        self, name: str = NAME, *, link: str | None = None, **options: Any
    ) -> Observation:
        async with self.prober(**options).sweep() as looks:
            return await looks.look(TrackingDomain(name=name, sample_link=link), NOW)

    def asked(self, host: str = NAME) -> list[tuple[str, str]]:
        return [(scheme, path) for scheme, name, path in self.site.requests if name == host]


@asynccontextmanager
async def world_of(context: ssl.SSLContext) -> AsyncIterator[World]:
    site = Site()
    async with (
        running_dns() as dns,
        running(site.talk, context) as https,
        running(site.talk) as clear,
    ):
        dns.host(NAME)
        site.pages[NAME, "/"] = (200, {}, "hello")
        yield World(dns, site, https, clear)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(server_context(issue(NAME, root()).save(tmp_path, root()))) as made:
        yield made


async def test_a_healthy_domain(world: World) -> None:
    seen = await world.look()
    assert (seen.domain, seen.observed_at, seen.dns.status) == (NAME, NOW, DnsStatus.OK)
    assert seen.leaf is not None
    assert seen.leaf.sans == (NAME,)
    assert seen.tls[0].revocation is Revocation.NOT_OFFERED
    assert [view.body for view in seen.https + seen.http] == ["hello", "hello"]
    assert seen.addresses[0].default_leaf == seen.leaf
    extra = (seen.challenge, seen.repeat, seen.sample, seen.parent, seen.origin)
    assert extra == ((), None, None, None, None)


async def test_certificates_only_asks_nothing_else(world: World) -> None:
    seen = await world.look(certificates_only=True)
    assert seen.leaf is not None
    assert (seen.https, seen.http, seen.addresses, seen.dns.zone) == ((), (), (), None)
    assert world.site.requests == []
    assert {rdtype for _, rdtype in world.dns.asked} == {"A", "AAAA"}


async def test_an_address_is_a_name_too(world: World) -> None:
    assert (await world.look(HOST, certificates_only=True)).leaf is not None


async def test_every_address_is_looked_at(world: World) -> None:
    world.dns.host(NAME, *(f"127.0.0.{n}" for n in range(2, 30)), "::1")
    seen = await world.look()
    assert len(seen.tls) == len(seen.dns.addresses) == 16
    assert {view.trouble.kind for view in seen.tls if view.trouble} == {Failure.REFUSED}
    assert sum(1 for view in seen.tls if view.leaf) == 1
    assert [view.address for view in seen.addresses] == [HOST]


async def test_the_challenge_path_is_asked_as_a_ca_does(world: World) -> None:
    world.questions = Questions(challenge=True)
    world.site.pages[NAME, CHALLENGE] = (301, {"Location": f"https://{NAME}{CHALLENGE}"}, "")
    seen = await world.look()
    assert seen.challenge[0].hops[0].url == f"http://{NAME}{CHALLENGE}"
    assert {scheme for scheme, path in world.asked() if path == CHALLENGE} == {"http", "https"}


@pytest.mark.parametrize(
    ("status", "headers", "repeated"),
    [
        (302, {"Location": "https://dest.test/", "Age": "7"}, True),
        (302, {"Location": "https://dest.test/", "CF-Cache-Status": "HIT"}, True),
        (302, {"Location": "https://dest.test/"}, False),
        (200, {"X-Cache": "HIT"}, False),
    ],
)
async def test_a_redirect_from_a_cache_is_asked_again(
    world: World, status: int, headers: dict[str, str], repeated: bool
) -> None:
    world.site.pages[NAME, "/"] = (status, headers, "")
    seen = await world.look()
    assert (seen.repeat is not None) is repeated
    assert world.asked().count(("https", "/")) == 1 + repeated


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        (f"https://{NAME}/f/a?b=c#d", True),
        (f"http://{NAME.upper()}/f/a?b=c", True),
        (f"https://{NAME}./f/a?b=c", True),
        (f"https://{NAME.replace('.', chr(0x3002))}/f/a?b=c", True),
        ("https://other.test/f/a?b=c", False),
        ("https://[broken", False),
    ],
)
async def test_the_sample_link_is_asked_on_its_domain(world: World, link: str, asked: bool) -> None:
    seen = await world.look(link=link)
    assert (seen.sample is not None) is asked
    assert (("https", "/f/a?b=c") in world.asked()) is asked


async def test_the_origin_is_asked_with_the_domain_as_host(world: World, tmp_path: Path) -> None:
    site = Site()
    site.pages[NAME, "/p"] = (302, {"Location": "/elsewhere"}, "")
    world.dns.host("origin.test", "127.0.0.9", HOST)
    context = server_context(issue("origin.test", root()).save(tmp_path))
    async with running(site.talk, context) as port:
        world.questions = Questions(probe_path="/p", origin=("origin.test", port, "https"))
        origin = (await world.look()).origin
    assert origin is not None
    assert origin.tls is not None
    assert origin.http is not None
    assert (origin.dns, origin.address, origin.http.status) == (DnsStatus.OK, HOST, 302)
    assert origin.tls.chain[0].sans == ("origin.test",)
    assert site.requests == [("https", NAME, "/p")]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_origin_that_is_down(world: World, scheme: str) -> None:
    world.dns.host("origin.test")
    world.questions = Questions(origin=("origin.test", 1, scheme))
    origin = (await world.look()).origin
    assert origin is not None
    view = origin.http if scheme == "http" else origin.tls
    assert view is not None
    assert view.trouble is not None
    assert (origin.address, view.trouble.kind) == (HOST, Failure.REFUSED)


async def test_an_origin_that_does_not_exist(world: World) -> None:
    world.questions = Questions(origin=("gone.test", 443, "https"))
    origin = (await world.look()).origin
    assert origin is not None
    assert (origin.dns, origin.address, origin.tls) == (DnsStatus.NXDOMAIN, None, None)


async def test_the_parent_speaks_where_https_is_broken(tmp_path: Path) -> None:
    context = server_context(issue("brand.test", root()).save(tmp_path))
    async with world_of(context) as world:
        world.dns.host("brand.test")
        world.dns.host("links.brand.test")
        hsts = {"Strict-Transport-Security": "max-age=9; includeSubDomains"}
        world.site.pages["brand.test", "/"] = (301, hsts, "")
        domains = [TrackingDomain(name=name) for name in (NAME, "links.brand.test")]
        async with world.prober().sweep() as looks:
            seen = [await looks.look(domain, NOW) for domain in domains]
    assert seen[0].parent is not None
    assert seen[0].parent is seen[1].parent
    assert seen[0].parent.header("strict-transport-security") == "max-age=9; includeSubDomains"
    assert world.asked("brand.test") == [("https", "/")]


async def test_a_parent_without_a_right_certificate_does_not_count(tmp_path: Path) -> None:
    async with world_of(server_context(issue("other.test").save(tmp_path))) as world:
        world.dns.host("brand.test")
        assert (await world.look()).parent is None


async def test_what_belongs_to_an_address_is_asked_once(tmp_path: Path) -> None:
    without_name = 0

    def count(sock: object, name: str | None, context: ssl.SSLContext) -> None:
        nonlocal without_name
        without_name += name is None

    context = server_context(issue(NAME, root()).save(tmp_path))
    context.sni_callback = count
    async with world_of(context) as world:
        names = [f"c{n}.brand.test" for n in range(10)]
        for name in names:
            world.dns.host(name)
        async with world.prober().sweep() as looks:
            domains = [TrackingDomain(name=name) for name in names]
            seen = await asyncio.gather(*(looks.look(domain, NOW) for domain in domains))
    assert all(one.addresses == seen[0].addresses for one in seen)
    assert without_name == 1


async def test_a_name_that_leads_inside_is_refused(world: World) -> None:
    world.dns.zone["click.evil.test", "CNAME"] = ["inside.test."]
    world.dns.host("inside.test", HOST, "169.254.169.254", "::1")
    world.questions = Questions(challenge=True, origin=("inside.test", world.http_port, "http"))
    seen = await world.look("click.evil.test", allow_private_addresses=False)
    assert len(seen.tls) == 3
    assert seen.origin is not None
    assert seen.origin.http is not None
    troubles = [view.trouble for view in seen.tls]
    troubles += [view.trouble for view in (*seen.http, *seen.challenge, seen.origin.http)]
    assert [trouble and trouble.kind for trouble in troubles] == [Failure.FORBIDDEN] * 10
    assert world.site.requests == []


async def test_a_tarpit_costs_a_bounded_time(tmp_path: Path) -> None:
    """An edge that trickles its answers and sends everybody round in circles."""

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        target = str(time.monotonic_ns()).encode()
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /" + target + b"\r\nAge: 1\r\n\r\n")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.05)

    context = server_context(issue(NAME, root()).save(tmp_path))
    async with world_of(context) as world, running(trickle, context) as slow, running(trickle) as p:
        world.https_port, world.http_port = slow, p
        world.questions = Questions(challenge=True)
        started = time.monotonic()
        seen = await world.look(timeout=timedelta(seconds=0.2), link=f"https://{NAME}/x")
    assert time.monotonic() - started < 3
    assert seen.leaf is not None
    assert seen.https[0].hops
    assert len(seen.challenge) == 1


async def test_dns_that_fails_leaves_an_observation(world: World) -> None:
    world.dns.faults[NAME] = "drop"
    seen = await world.look()
    assert (seen.dns.status, seen.tls, seen.http) == (DnsStatus.TIMEOUT, (), ())


async def test_slow_zones_are_given_up_together(world: World) -> None:
    world.dns.one_step = True
    for n in range(12):
        world.dns.zone[NAME if n == 0 else f"n{n}.test", "CNAME"] = [f"n{n + 1}.test."]
    world.dns.zone.pop((NAME, "A"))
    world.dns.delay = 0.06
    started = time.monotonic()
    seen = await world.look(dns_timeout=timedelta(seconds=0.1))
    assert time.monotonic() - started < 1
    assert (seen.dns.status, seen.dns.caa.status) == (DnsStatus.TIMEOUT, DnsStatus.TIMEOUT)


async def test_how_the_resolver_does(world: World) -> None:
    async with world.prober().sweep() as looks:
        assert await looks.resolver_state() is ResolverState.LOST
        world.dns.zone[".", "NS"] = ["a.root.test."]
        assert await looks.resolver_state() is ResolverState.WELL
        world.dns.faults["."] = world.dns.faults[""] = "drop"
        assert await looks.resolver_state() is ResolverState.SILENT


async def test_a_sweep_can_end_while_looks_run(world: World) -> None:
    world.dns.faults["slow.test"] = "drop"
    async with world.prober(dns_timeout=timedelta(seconds=30)).sweep() as looks:
        look = asyncio.ensure_future(looks.look(TrackingDomain(name="slow.test"), NOW))
        await asyncio.sleep(0.05)
    assert (await look).dns.status is DnsStatus.TIMEOUT


async def test_a_prober_is_the_port(world: World) -> None:
    prober: ports.Prober = world.prober(contact="ops@brand.test", per_address=1)
    async with prober.sweep() as looks:
        assert (await looks.look(TrackingDomain(name=NAME), NOW)).leaf
