"""Connections to an origin that many domains share are kept, and never believed too much."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest

from certwatch.core.model import Certificate, Failure, OriginView, TrustVerdict
from certwatch.core.model import Path as Verified
from certwatch.probes.dial import Addresses, Dialler
from certwatch.probes.exchange import Exchange
from certwatch.probes.origin import Origin
from certwatch.probes.resolver import Resolver
from certwatch.probes.web import Url, Web
from tests.probes.authority import NOW, issue, root
from tests.probes.servers import HOST, running, running_dns, server_context

NAME = "origin.test"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def trusted(chain: tuple[Certificate, ...], at: datetime) -> Verified:
    return Verified(TrustVerdict.TRUSTED)


class Talker:
    """Answers every question on a connection; counts connections and notes the hosts asked for."""

    def __init__(self, answer: bytes = HELLO, uninvited: bytes = b"", questions: int = 99) -> None:
        self.answer, self.uninvited, self.questions = answer, uninvited, questions
        self.connections = 0
        self.hosts: list[str] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError):
            for _ in range(self.questions):
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.hosts.append(head.partition("Host: ")[2].partition("\r\n")[0])
                writer.write(self.answer)
                await writer.drain()
                await asyncio.sleep(0.02)
                writer.write(self.uninvited)
                await writer.drain()


@asynccontextmanager
async def asking(talker: Talker, folder: Path) -> AsyncIterator["Asking"]:
    context = server_context(issue(NAME, root()).save(folder))
    async with running_dns() as dns, running(talker.talk, context) as port:
        dns.host(NAME)
        exchange = Exchange([(HOST, dns.port)], 1.0)
        await exchange.open()
        addresses = Addresses(timeout=1.0, per_address=4, allow_private=True)
        try:
            yield Asking(port, Resolver(exchange), addresses)
        finally:
            addresses.close()
            await exchange.close()


class Asking:
    """One sweep's way to the origin."""

    def __init__(self, port: int, resolver: Resolver, addresses: Addresses) -> None:
        self.origin = Origin(NAME, port, "https")
        self.resolver, self.addresses = resolver, addresses

    async def ask(self, domain: str) -> OriginView:
        dialler = Dialler(self.addresses)
        web = Web(dialler, https_port=1, http_port=2, agent="test")
        url = Url("https", domain, "/")
        return await self.origin.view(url, self.resolver, dialler, web, trusted, NOW)


def status(view: OriginView) -> int | None:
    assert view.tls is not None
    assert view.tls.chain[0].sans == (NAME,)
    return view.http.status if view.http else None


async def test_one_connection_serves_many_domains_each_with_its_own_host(tmp_path):
    talker = Talker()
    async with asking(talker, tmp_path) as sweep:
        hosts = [f"click{n}.test" for n in range(5)]
        assert [status(await sweep.ask(host)) for host in hosts] == [200] * 5
    assert (talker.connections, talker.hosts) == (1, hosts)


async def test_a_server_that_closes_is_asked_again_on_a_new_connection(tmp_path):
    talker = Talker(questions=1)
    async with asking(talker, tmp_path) as sweep:
        assert status(await sweep.ask("a.test")) == 200
        assert status(await sweep.ask("b.test")) == 200
    assert talker.hosts == ["a.test", "b.test"]
    assert talker.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        HELLO + HELLO,  # a second answer that nobody asked for
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * 9999,
    ],
    ids=["closing", "old", "twice", "endless"],
)
async def test_what_does_not_end_cleanly_is_not_kept(tmp_path, answer):
    talker = Talker(answer)
    async with asking(talker, tmp_path) as sweep:
        assert status(await sweep.ask("a.test")) == 200
        assert status(await sweep.ask("b.test")) == 200
    assert talker.connections == 2


async def test_bytes_that_came_between_two_questions_answer_neither(tmp_path):
    poison = b"HTTP/1.1 500 Poison\r\nContent-Length: 0\r\n\r\n"
    talker = Talker(uninvited=poison)
    async with asking(talker, tmp_path) as sweep:
        assert status(await sweep.ask("a.test")) == 200
        await asyncio.sleep(0.1)
        assert status(await sweep.ask("b.test")) == 200
    assert talker.connections == 2


async def test_an_origin_that_never_answers_is_told_once(tmp_path):
    talker = Talker(answer=b"")
    async with asking(talker, tmp_path) as sweep:
        view = await sweep.ask("a.test")
    assert view.http is not None
    assert view.http.trouble is not None
    assert view.http.trouble.kind is Failure.TIMEOUT
    assert talker.connections == 1
