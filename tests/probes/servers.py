"""Servers on loopback that tests point the network look at: DNS, and anything over TCP or TLS."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

HOST = "127.0.0.1"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Dns(asyncio.DatagramProtocol):
    """A recursive nameserver over a table: ``zone["name", "TYPE"] = [values]``.

    ``faults[name]`` is an rcode, ``drop``, ``truncate`` or ``garbage``. With ``one_step`` an alias
    is answered alone, as an authoritative server does. ``asked`` counts (name, type).
    """

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], list[str]] = {}
        self.faults: dict[str, str] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        self.over_tcp = 0
        self.one_step = False
        self.delay = 0.0
        self.port = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if answer := self.answer(data):
            later = asyncio.get_running_loop().call_later
            later(self.delay, self._transport.sendto, answer, addr)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.over_tcp += 1
        size = int.from_bytes(await reader.readexactly(2), "big")
        answer = self.answer(await reader.readexactly(size), tcp=True) or b""
        writer.write(len(answer).to_bytes(2, "big") + answer)

    def answer(self, data: bytes, tcp: bool = False) -> bytes | None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        rdtype = dns.rdatatype.to_text(question.rdtype)
        self.asked[name, rdtype] += 1
        fault = self.faults.get(name)
        if fault == "drop":
            return None
        if fault == "garbage":
            return data[:2] + b"\x81\x80" + data[4:6] + b"\x00\x07" + data[8:] + b"\xff" * 9
        response = dns.message.make_response(query)
        if fault == "truncate" and not tcp:
            response.flags |= dns.flags.TC
        elif fault in ("SERVFAIL", "REFUSED"):
            response.set_rcode(dns.rcode.from_text(fault))
        else:
            self.fill(response, name, rdtype)
        return response.to_wire()

    def fill(self, response: dns.message.Message, name: str, rdtype: str) -> None:
        for _ in range(20):
            if values := self.zone.get((name, rdtype)):
                owner = name.rstrip(".") + "."
                response.answer.append(dns.rrset.from_text(owner, 60, "IN", rdtype, *values))
                return
            if not (target := self.zone.get((name, "CNAME"))):
                break
            response.answer.append(dns.rrset.from_text(name + ".", 60, "IN", "CNAME", *target))
            if self.one_step:
                return
            name = target[0].rstrip(".")
        if not any(known == name for known, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        soa = dns.rrset.from_text("test.", 60, "IN", "SOA", "ns.test. h.test. 1 2 3 4 5")
        response.authority.append(soa)

    def host(self, name: str, *addresses: str) -> None:
        """Give a name its addresses."""
        for address in addresses or (HOST,):
            self.zone.setdefault((name, "AAAA" if ":" in address else "A"), []).append(address)


@asynccontextmanager
async def running_dns(served: Dns | None = None) -> AsyncIterator[Dns]:
    """A nameserver on a free port, over UDP and TCP."""
    served = served or Dns()
    async with running(served.talk) as port:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: served, local_addr=(HOST, port))
        served.port = port
        try:
            yield served
        finally:
            transport.close()


@asynccontextmanager
async def running(
    talk: Talk, context: ssl.SSLContext | None = None, host: str = HOST, port: int = 0
) -> AsyncIterator[int]:
    """A TCP or TLS server that talks so with everyone who connects; yields its port."""
    talks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            await talk(reader, writer)
        writer.close()
        with suppress(OSError, ssl.SSLError, asyncio.CancelledError):
            await writer.wait_closed()

    server = await asyncio.start_server(accept, host, port, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


def server_context(pem: Path) -> ssl.SSLContext:
    """TLS for a server with this certificate and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pem)
    return context


def saying(*parts: bytes, every: float = 0.0, hold: bool = False) -> Talk:
    """Read a request head, then send the parts one by one; ``hold`` keeps the connection open."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(every)
        if hold:
            await asyncio.sleep(60)

    return talk


class Site:
    """An HTTP server by table: ``pages[host, target] = (status, headers, body)``."""

    def __init__(self) -> None:
        self.pages: dict[tuple[str, str], tuple[int, dict[str, str], str]] = {}
        self.requests: list[tuple[str, str, str]] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = head.split(" ")[1]
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        scheme = "https" if writer.get_extra_info("ssl_object") else "http"
        self.requests.append((scheme, headers["Host"], target))
        status, extra, body = self.pages.get((headers["Host"], target), (404, {}, "nothing here"))
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{key}: {value}" for key, value in extra.items()]
        writer.write("\r\n".join([*lines, "", body]).encode())
