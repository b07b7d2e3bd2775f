"""DNS of one domain, against a real nameserver on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import dns.message
import dns.rcode
import pytest

from certwatch.core.model import CaaView, DnsStatus, DnsView, ResolverState
from certwatch.probes import wire
from certwatch.probes.dns import MAX_ADDRESSES, view
from certwatch.probes.exchange import Exchange
from certwatch.probes.resolver import Resolver
from tests.probes.servers import HOST, Dns, running_dns

NAME = "click.brand.test"


@asynccontextmanager
async def resolving(*ports: int, timeout: float = 0.4) -> AsyncIterator[Resolver]:
    exchange = Exchange([(HOST, port) for port in ports], timeout)
    await exchange.open()
    try:
        yield Resolver(exchange)
    finally:
        await exchange.close()


@pytest.fixture
async def served() -> AsyncIterator[Dns]:
    async with running_dns() as server:
        yield server


async def see(served: Dns, declared: str | None = None, name: str = NAME) -> DnsView:
    async with resolving(served.port) as resolver:
        return await view(resolver, name, declared, 5)


@pytest.mark.parametrize("one_step", [False, True])
async def test_the_chain_and_both_families(served: Dns, one_step: bool) -> None:
    served.one_step = one_step
    served.zone[NAME, "CNAME"] = ["a.cdn.test."]
    served.zone["a.cdn.test", "CNAME"] = ["b.cdn.test."]
    served.host("b.cdn.test", "192.0.2.1", "192.0.2.2", "2001:db8::1")
    seen = await see(served)
    assert seen.status is DnsStatus.OK
    assert seen.cname_chain == ("a.cdn.test", "b.cdn.test")
    assert set(seen.addresses) == {"192.0.2.1", "192.0.2.2", "2001:db8::1"}


@pytest.mark.parametrize("one_step", [False, True])
async def test_a_dangling_alias_keeps_its_chain(served: Dns, one_step: bool) -> None:
    served.one_step = one_step
    served.zone[NAME, "CNAME"] = ["gone.cdn.test."]
    seen = await see(served)
    assert (seen.status, seen.cname_chain) == (DnsStatus.NXDOMAIN, ("gone.cdn.test",))


async def test_a_name_without_addresses_is_empty(served: Dns) -> None:
    served.zone[NAME, "TXT"] = ["hello"]
    assert (await see(served)).status is DnsStatus.EMPTY


async def test_a_missing_name_is_nxdomain(served: Dns) -> None:
    assert (await see(served)).status is DnsStatus.NXDOMAIN


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("SERVFAIL", DnsStatus.SERVFAIL),
        ("REFUSED", DnsStatus.REFUSED),
        ("drop", DnsStatus.TIMEOUT),
        ("garbage", DnsStatus.MALFORMED),
    ],
)
async def test_failures_are_kept_apart(served: Dns, fault: str, status: DnsStatus) -> None:
    served.faults[NAME] = fault
    seen = await see(served)
    assert seen.status is status
    assert seen.caa.status is status


async def test_no_nameserver_that_takes_questions_is_our_side() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind((HOST, 0))
        port = unused.getsockname()[1]
    async with resolving(port, timeout=3) as resolver:
        seen = await view(resolver, NAME, None, 5)
        assert seen.status is DnsStatus.UNREACHABLE
        assert await resolver.state() is ResolverState.SILENT
    async with resolving() as resolver:
        assert (await view(resolver, NAME, None, 5)).status is DnsStatus.UNREACHABLE


async def test_a_silent_nameserver_gives_way_to_the_next(served: Dns) -> None:
    served.host(NAME)
    async with running_dns() as dead:
        dead.faults.update(dict.fromkeys((NAME, "brand.test", "test"), "drop"))
        async with resolving(dead.port, served.port, timeout=0.3) as resolver:
            assert (await view(resolver, NAME, None, 9)).addresses == (HOST,)
        assert dead.asked[NAME, "A"] == 2


async def test_a_failing_nameserver_gives_way_at_once(served: Dns) -> None:
    served.host(NAME)
    async with running_dns() as lame:
        lame.faults[NAME] = "REFUSED"
        async with resolving(lame.port, served.port, timeout=60) as resolver:
            assert (await resolver.addresses(NAME)).values == (HOST,)


async def test_a_truncated_answer_is_asked_for_over_tcp(served: Dns) -> None:
    served.faults[NAME] = "truncate"
    served.host(NAME, *(f"192.0.2.{n}" for n in range(1, 61)))
    seen = await see(served)
    assert len(seen.addresses) == MAX_ADDRESSES
    assert served.over_tcp


@pytest.mark.parametrize("fault", [None, "SERVFAIL"])
async def test_loops_are_told(served: Dns, fault: str | None) -> None:
    served.zone[NAME, "CNAME"] = ["a.test."]
    served.zone["a.test", "CNAME"] = [NAME + "."]
    assert (await see(served)).status is DnsStatus.LOOP


class Looping(Dns):
    """Fails on addresses, as a resolver does that noticed the loop itself."""

    def fill(self, response: dns.message.Message, name: str, rdtype: str) -> None:
        if rdtype in ("A", "AAAA"):
            response.set_rcode(dns.rcode.SERVFAIL)
        else:
            super().fill(response, name, rdtype)


async def test_a_loop_behind_a_failing_resolver_is_traced() -> None:
    async with running_dns(Looping()) as served:
        served.zone[NAME, "CNAME"] = ["a.test."]
        served.zone["a.test", "CNAME"] = [NAME + "."]
        seen = await see(served)
    assert (seen.status, seen.cname_chain) == (DnsStatus.LOOP, ("a.test", NAME))


async def test_an_endless_chain_is_a_loop(served: Dns) -> None:
    served.one_step = True
    for n in range(40):
        served.zone[NAME if n == 0 else f"n{n}.test", "CNAME"] = [f"n{n + 1}.test."]
    seen = await see(served)
    assert seen.status is DnsStatus.LOOP
    assert served.asked.total() < 80


async def test_zone_and_nameservers_come_from_the_registered_domain(served: Dns) -> None:
    served.host(NAME)
    served.zone["brand.test", "NS"] = ["ns2.dns.test.", "ns1.dns.test."]
    seen = await see(served)
    assert (seen.zone, seen.nameservers) == ("brand.test", ("ns1.dns.test", "ns2.dns.test"))


async def test_caa_climbs_to_the_nearest(served: Dns) -> None:
    served.host(NAME)
    served.zone["brand.test", "CAA"] = ['0 issue "ca.test"', '128 iodef "mailto:a@brand.test"']
    served.zone["test", "CAA"] = ['0 issue "other.test"']
    caa = (await see(served)).caa
    assert caa.found_at == "brand.test"
    assert set(caa.records) == {(0, "issue", "ca.test"), (128, "iodef", "mailto:a@brand.test")}


@pytest.mark.parametrize("one_step", [False, True])
async def test_caa_of_an_alias_target_counts_for_the_name(served: Dns, one_step: bool) -> None:
    served.one_step = one_step
    served.zone[NAME, "CNAME"] = ["edge.cdn.test."]
    served.host("edge.cdn.test")
    served.zone["edge.cdn.test", "CAA"] = ['0 issue "cdn-ca.test"']
    served.zone["brand.test", "CAA"] = ['0 issue "ca.test"']
    caa = (await see(served)).caa
    assert (caa.found_at, caa.records) == (NAME, ((0, "issue", "cdn-ca.test"),))


async def test_caa_does_not_climb_above_the_alias_target(served: Dns) -> None:
    served.zone[NAME, "CNAME"] = ["edge.cdn.test."]
    served.host("edge.cdn.test")
    served.zone["cdn.test", "CAA"] = ['0 issue "cdn-ca.test"']
    assert (await see(served)).caa == CaaView(status=DnsStatus.OK)


async def test_a_failed_caa_question_is_no_permission(served: Dns) -> None:
    served.host(NAME)
    served.faults["brand.test"] = "SERVFAIL"
    assert (await see(served)).caa == CaaView(status=DnsStatus.SERVFAIL, found_at="brand.test")


async def test_declared_addresses_only_without_an_alias(served: Dns) -> None:
    served.host(NAME, "192.0.2.7")
    served.host("edge.cdn.test", "192.0.2.7", "192.0.2.8")
    assert (await see(served, "edge.cdn.test")).declared_addresses == ("192.0.2.7", "192.0.2.8")
    served.zone["other.brand.test", "CNAME"] = ["edge.cdn.test."]
    assert (await see(served, "edge.cdn.test", "other.brand.test")).declared_addresses == ()


async def test_the_zone_appended_twice_is_found(served: Dns) -> None:
    served.zone[NAME + ".brand.test", "CNAME"] = ["edge.cdn.test."]
    assert (await see(served)).appended == NAME + ".brand.test"
    served.host(NAME)
    assert (await see(served)).appended is None


async def test_shared_questions_are_asked_once(served: Dns) -> None:
    served.zone["brand.test", "NS"] = ["ns.dns.test."]
    for n in range(20):
        served.zone[f"c{n}.brand.test", "CNAME"] = ["edge.cdn.test."]
    served.host("edge.cdn.test")
    async with resolving(served.port) as resolver:
        names = [f"c{n}.brand.test" for n in range(20)]
        await asyncio.gather(*(view(resolver, name, None, 5) for name in names))
    assert served.asked["brand.test", "NS"] == 1
    assert served.asked["brand.test", "CAA"] == 1
    assert served.asked["test", "CAA"] == 1
    assert served.asked.total() == 3 + 20 * 3


async def test_one_impatient_asker_does_not_spoil_a_shared_question(served: Dns) -> None:
    async with resolving(served.port) as resolver:
        impatient = asyncio.ensure_future(resolver.resolve(NAME, wire.A))
        patient = asyncio.ensure_future(resolver.resolve(NAME, wire.A))
        await asyncio.sleep(0)
        impatient.cancel()
        assert (await patient).status is DnsStatus.NXDOMAIN


async def test_thousands_at_once_all_get_their_answer(served: Dns) -> None:
    for n in range(2000):
        served.host(f"n{n}.test")
    async with resolving(served.port, timeout=20) as resolver:
        every = await asyncio.gather(*(resolver.resolve(f"n{n}.test", wire.A) for n in range(2000)))
    assert all(answer.values == (HOST,) for answer in every)


class Forging(Dns):
    """Sends an answer to another question first."""

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._transport.sendto(data[:2] + b"\x81\x83" + data[4:12] + b"\x00\x00\x01\x00\x01", addr)
        super().datagram_received(data, addr)


async def test_a_forged_answer_is_ignored() -> None:
    async with running_dns(Forging()) as served:
        served.host(NAME)
        assert (await see(served)).addresses == (HOST,)


async def test_names_over_the_limits_are_malformed(served: Dns) -> None:
    assert (await see(served, name="x" * 64 + ".test")).status is DnsStatus.MALFORMED
