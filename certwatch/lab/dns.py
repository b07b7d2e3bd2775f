"""A DNS server over UDP and TCP that answers like a recursive resolver, faults included.

``zone`` maps a name to its records in zone file form (``"CNAME d111.cloudfront.net"``,
``'CAA 0 issue "ca.test"'``); ``faults`` makes a name, or one type of it, fail. Both may be
changed while the server runs. Several records come in random order, as resolvers rotate them.
"""

import asyncio
import contextlib
from collections import Counter, UserDict
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset

from certwatch.errors import LabError
from certwatch.lab.sockets import listening

CHAIN_LIMIT = 16  # targets that are followed before the server gives up
TTL = 60

_PORT_TRIES = 10
_MAX_SIZE = 65535


class Fault(StrEnum):
    """How a question can fail."""

    SERVFAIL = "servfail"
    REFUSED = "refused"
    DROP = "drop"  # no answer at all
    TRUNCATE = "truncate"  # TC over UDP, the whole answer over TCP
    GARBAGE = "garbage"  # bytes that are no DNS message


_RCODES = {Fault.SERVFAIL: dns.rcode.SERVFAIL, Fault.REFUSED: dns.rcode.REFUSED}


class Zone(UserDict[str, tuple[str, ...]]):
    """Records by name, and how many names lie below each name (those names exist, RFC 8020)."""

    def __init__(self) -> None:
        self._below: Counter[str] = Counter()
        super().__init__()

    def __setitem__(self, name: str, records: tuple[str, ...]) -> None:
        if name not in self.data:
            self._below.update(_ancestors(name))
        self.data[name] = records

    def __delitem__(self, name: str) -> None:
        del self.data[name]
        self._below.subtract(_ancestors(name))

    def exists(self, name: str) -> bool:
        """Whether the name has records or names below it."""
        return name in self.data or self._below[name] > 0

    def records(self, name: str, rdtype: dns.rdatatype.RdataType) -> dns.rrset.RRset | None:
        """The records of one type, if there are any."""
        prefix = dns.rdatatype.to_text(rdtype) + " "
        found = [text for text in self.data.get(name, ()) if text.startswith(prefix)]
        if not found:
            return None
        owner = name if name == "." else f"{name}."
        return dns.rrset.from_rdata_list(owner, TTL, [_rdata(text) for text in found])


class DnsServer:
    """An async context manager: listens on ``address`` at a port, UDP and TCP alike; one of 0 is
    picked free."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        self.address = address
        self.port = self._wanted = port
        self.zone = Zone()
        self.faults: dict[str | tuple[str, str], Fault] = {}  # by name, or (name, type)
        self.questions: Counter[tuple[str, str]] = Counter()  # (name, type) as asked
        self.answering = True  # False: a dead resolver
        self._closing = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "DnsServer":
        for _ in range(_PORT_TRIES):
            self.port = await self._closing.enter_async_context(
                listening(self._serve_tcp, self.address, self._wanted)
            )
            if await self._listen_udp():
                return self
            await self._closing.aclose()
        raise LabError(f"no port on {self.address} is free for both UDP and TCP; try again")

    async def __aexit__(self, *failure: object) -> None:
        await self._closing.aclose()

    async def _listen_udp(self) -> bool:
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Udp(self), local_addr=(self.address, self.port)
            )
        except OSError:
            return False
        self._closing.callback(transport.close)
        return True

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            size = int.from_bytes(await reader.readexactly(2), "big")
            answer = self.answer(await reader.readexactly(size), over_tcp=True)
            if answer is None:
                return
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()

    def answer(self, wire: bytes, *, over_tcp: bool = False) -> bytes | None:
        """The answer to one message, or None where there shall be none."""
        try:
            query = dns.message.from_wire(wire)
            question = query.question[0]
        except (dns.exception.DNSException, IndexError):
            return None
        name = question.name.to_text(omit_final_dot=True).lower()
        self.questions[name, dns.rdatatype.to_text(question.rdtype)] += 1
        names, records = self._follow(name, question.rdtype)
        fault = self._fault(names, dns.rdatatype.to_text(question.rdtype))
        if not self.answering or fault is Fault.DROP:
            return None
        if fault is Fault.GARBAGE:
            return wire[:2] + b"\xff" * 20
        response = dns.message.make_response(query, recursion_available=True)
        if fault in _RCODES:
            response.set_rcode(_RCODES[fault])
        elif fault is Fault.TRUNCATE and not over_tcp:
            response.flags |= dns.flags.TC
        else:
            response.answer.extend(records)
            exists = self.zone.exists(names[-1])
            response.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
        return response.to_wire(max_size=_MAX_SIZE)

    def _follow(
        self, name: str, rdtype: dns.rdatatype.RdataType
    ) -> tuple[list[str], list[dns.rrset.RRset]]:
        """The names of the alias chain, and its records with those asked for at its end.

        A loop is answered as far as it goes, which is what BIND does.
        """
        names, records = [name], []
        while len(names) <= CHAIN_LIMIT:
            found = self.zone.records(names[-1], rdtype)
            alias = found or self.zone.records(names[-1], dns.rdatatype.CNAME)
            if alias is None:
                break
            records.append(alias)
            target = "" if found else alias[0].to_text().removesuffix(".").lower()
            if found or target in names:
                break
            names.append(target)
        return names, records

    def _fault(self, names: list[str], rdtype: str) -> Fault | None:
        keys = (key for name in names for key in (name, (name, rdtype)))
        return next((self.faults[key] for key in keys if key in self.faults), None)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._server.answer(data)
        if answer is not None:
            self._transport.sendto(answer, addr)


def _ancestors(name: str) -> Iterator[str]:
    while "." in name:
        name = name.partition(".")[2]
        yield name


@cache
def _rdata(text: str) -> dns.rdata.Rdata:
    """A record as ``TYPE DATA``; names in it are absolute."""
    rdtype, _, data = text.partition(" ")
    return dns.rdata.from_text("IN", rdtype, data, origin=dns.name.root, relativize=False)
