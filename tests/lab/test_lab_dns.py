"""The lab's resolver, asked by dnspython's own client."""

import asyncio
from collections.abc import AsyncIterator

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.lab.dns import DnsServer, Fault


@pytest.fixture
async def server() -> AsyncIterator[DnsServer]:
    async with DnsServer() as server:
        server.zone["click.brand.test"] = ("CNAME d1.cdn.test.",)
        server.zone["d1.cdn.test"] = ("A 127.0.1.1", "A 127.0.1.2", "AAAA ::1")
        server.zone["brand.test"] = ("NS ns1.brand.test.", 'CAA 0 issue "ca.test"')
        yield server


async def ask(server: DnsServer, name: str, rdtype: str = "A") -> dns.message.Message:
    query = dns.message.make_query(name, rdtype)
    return await dns.asyncquery.udp(query, server.address, port=server.port, timeout=0.5)


def shown(message: dns.message.Message) -> list[str]:
    return [str(rdata) for rrset in message.answer for rdata in rrset]


async def test_the_whole_chain_comes_in_one_answer(server: DnsServer) -> None:
    chain, *addresses = shown(await ask(server, "click.brand.test"))
    assert (chain, set(addresses)) == ("d1.cdn.test.", {"127.0.1.1", "127.0.1.2"})
    assert shown(await ask(server, "click.brand.test", "AAAA")) == ["d1.cdn.test.", "::1"]
    assert shown(await ask(server, "brand.test", "CAA")) == ['0 issue "ca.test"']


async def test_absent_empty_and_dangling_are_told_apart(server: DnsServer) -> None:
    server.zone["old.brand.test"] = ("CNAME gone.cdn.test.",)
    assert (await ask(server, "nobody.brand.test")).rcode() == dns.rcode.NXDOMAIN
    assert (await ask(server, "brand.test")).rcode() == dns.rcode.NOERROR
    assert (await ask(server, "cdn.test")).rcode() == dns.rcode.NOERROR  # names exist below it
    dangling = await ask(server, "old.brand.test")
    assert (dangling.rcode(), shown(dangling)) == (dns.rcode.NXDOMAIN, ["gone.cdn.test."])


async def test_a_loop_is_answered_as_far_as_it_goes(server: DnsServer) -> None:
    server.zone["a.test"], server.zone["b.test"] = ("CNAME b.test.",), ("CNAME a.test.",)
    assert shown(await ask(server, "a.test")) == ["b.test.", "a.test."]


async def test_faults_hit_a_name_or_one_type_wherever_it_is_in_the_chain(server: DnsServer) -> None:
    server.faults["d1.cdn.test", "CAA"] = Fault.SERVFAIL
    assert (await ask(server, "click.brand.test", "CAA")).rcode() == dns.rcode.SERVFAIL
    assert (await ask(server, "click.brand.test")).rcode() == dns.rcode.NOERROR
    server.faults["brand.test"] = Fault.REFUSED
    assert (await ask(server, "brand.test", "NS")).rcode() == dns.rcode.REFUSED
    server.faults["brand.test"] = Fault.DROP
    with pytest.raises(dns.exception.Timeout):
        await ask(server, "brand.test")
    server.faults["brand.test"] = Fault.GARBAGE
    with pytest.raises(dns.exception.DNSException):
        await ask(server, "brand.test")


async def test_a_truncated_answer_is_whole_over_tcp(server: DnsServer) -> None:
    server.faults["d1.cdn.test"] = Fault.TRUNCATE
    query = dns.message.make_query("click.brand.test", "A")
    over_udp = await ask(server, "click.brand.test")
    assert over_udp.flags & dns.flags.TC
    answer = await dns.asyncquery.tcp(query, server.address, port=server.port, timeout=1)
    assert len(shown(answer)) == 3


async def test_records_change_while_it_runs_and_questions_are_counted(server: DnsServer) -> None:
    del server.zone["click.brand.test"]
    assert (await ask(server, "Click.Brand.test")).rcode() == dns.rcode.NXDOMAIN
    assert server.questions["click.brand.test", "A"] == 1


async def test_switched_off_it_is_silent(server: DnsServer) -> None:
    server.answering = False
    with pytest.raises(dns.exception.Timeout):
        await ask(server, "click.brand.test")


async def test_two_servers_run_side_by_side_and_leave_nothing() -> None:
    async with DnsServer() as one, DnsServer() as other:
        assert one.port != other.port
    assert asyncio.all_tasks() == {asyncio.current_task()}


@given(st.binary(max_size=300))
def test_any_bytes_are_survived(data: bytes) -> None:
    DnsServer().answer(data)
