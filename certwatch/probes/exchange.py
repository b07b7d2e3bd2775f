"""Questions to nameservers: over UDP, retried, over TCP where an answer is truncated.

One datagram endpoint serves thousands of questions at once; each is a small state machine driven
by arrivals and timers, so that a question costs no task.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import dns.exception

from certwatch.core.model import DnsStatus
from certwatch.probes import wire
from certwatch.probes.wire import Reply

Nameserver = tuple[str, int]

_SOCKETS = 4  # per nameserver: ports to guess, and receive buffers to spread answers over
_IN_FLIGHT = 128  # questions at once: what fits the usual receive buffer of a nameserver
_TCP_AT_ONCE = 32
_RETRIED = (DnsStatus.SERVFAIL, DnsStatus.REFUSED)


class _Endpoint(asyncio.DatagramProtocol):
    """One UDP socket connected to one nameserver: the kernel drops what others send to it."""

    def __init__(self, nameserver: Nameserver) -> None:
        self.nameserver = nameserver
        self.asked: dict[int, _Question] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def send(self, question: "_Question") -> int:
        qid = secrets.randbits(16)
        while qid in self.asked:
            qid = secrets.randbits(16)
        self.asked[qid] = question
        self._transport.sendto(wire.query(qid, question.section))
        return qid

    def datagram_received(self, data: bytes, addr: Any) -> None:
        question = self.asked.get(int.from_bytes(data[:2], "big"))
        if question is not None:
            question.received(self, data)

    def error_received(self, exc: Exception) -> None:
        """The nameserver's port is closed, or there is no way to it: true for all who wait here."""
        for question in set(self.asked.values()):
            question.rejected(self)

    def close(self) -> None:
        self._transport.close()


class _Question:
    """One question on its way: which nameservers it still may ask, and its future."""

    __slots__ = (
        "_asking",
        "_attempts",
        "_exchange",
        "_failure",
        "_sent",
        "_taken",
        "_timer",
        "future",
        "section",
    )

    def __init__(self, exchange: "Exchange", section: bytes, attempts: list[_Endpoint]) -> None:
        self.section = section
        self.future: asyncio.Future[Reply] = exchange.loop.create_future()
        self._exchange = exchange
        self._attempts = attempts
        self._asking: _Endpoint | None = None
        self._sent: list[tuple[_Endpoint, int]] = []
        self._taken = False
        self._failure: Reply | None = None
        self._timer: asyncio.TimerHandle | None = None

    def advance(self) -> None:
        """Ask the next nameserver, or give up."""
        self._stop_timer()
        if not self._attempts:
            unheard = DnsStatus.TIMEOUT if self._taken else DnsStatus.UNREACHABLE
            self.finish(self._failure or Reply(unheard))
            return
        endpoint = self._asking = self._attempts.pop(0)
        self._timer = self._exchange.loop.call_later(self._exchange.patience, self.unanswered)
        self._sent.append((endpoint, endpoint.send(self)))

    def unanswered(self) -> None:
        """The nameserver took the question and is silent."""
        self._taken = True
        self.advance()

    def rejected(self, endpoint: _Endpoint) -> None:
        """The nameserver did not take the question."""
        if self._asking is endpoint and not self.future.done():
            self.advance()

    def received(self, endpoint: _Endpoint, data: bytes) -> None:
        """Settle on an answer, unless it is foreign, cut off, or the next nameserver may know."""
        try:
            reply = wire.read_reply(data, self.section)
        except wire.Foreign:
            return
        self._taken = True
        if reply.truncated:
            self._stop_timer()
            self._exchange.over_tcp(self, endpoint.nameserver)
        elif reply.status in _RETRIED and self._attempts:
            self._failure = reply
            self.advance()
        else:
            self.finish(reply)

    def finish(self, reply: Reply) -> None:
        """Settle the future and free the query ids; later answers find nobody."""
        self._stop_timer()
        for endpoint, qid in self._sent:
            endpoint.asked.pop(qid, None)
        self._sent.clear()
        if not self.future.done():
            self.future.set_result(reply)
            self._exchange.settled()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Exchange:
    """A set of nameservers. ``timeout`` is the longest wait for one answer, in seconds.

    The first nameserver is asked twice, the others once each after it. A question that no
    nameserver took is ``UNREACHABLE``; one that was taken and never answered is ``TIMEOUT``.
    """

    def __init__(self, nameservers: Sequence[Nameserver], timeout: float) -> None:
        self._nameservers = list(nameservers)
        self._timeout = timeout
        self._endpoints: list[list[_Endpoint]] = []
        self._waiting: deque[_Question] = deque()
        self._in_flight = 0
        self._tcp_slots = asyncio.Semaphore(_TCP_AT_ONCE)
        self._tcp: set[asyncio.Task[None]] = set()
        self.patience = timeout

    async def open(self) -> None:
        """Open the sockets; a nameserver without a route to it is left out."""
        self.loop = asyncio.get_running_loop()
        for nameserver in self._nameservers:
            with contextlib.suppress(OSError):
                self._endpoints.append([await self._endpoint(nameserver) for _ in range(_SOCKETS)])
        self.patience = self._timeout / (len(self._endpoints) + 1)

    async def _endpoint(self, nameserver: Nameserver) -> _Endpoint:
        _, endpoint = await self.loop.create_datagram_endpoint(
            lambda: _Endpoint(nameserver), remote_addr=nameserver
        )
        return endpoint

    async def close(self) -> None:
        """Close the sockets; questions still waiting come to TIMEOUT, later ones to UNREACHABLE."""
        for task in self._tcp:
            task.cancel()
        await asyncio.gather(*self._tcp, return_exceptions=True)
        endpoints = [endpoint for several in self._endpoints for endpoint in several]
        waiting = [question for endpoint in endpoints for question in endpoint.asked.values()]
        waiting += self._waiting
        self._waiting.clear()
        self._endpoints.clear()
        for question in waiting:
            question.finish(Reply(DnsStatus.TIMEOUT))
        for endpoint in endpoints:
            endpoint.close()

    def ask(self, name: str, rdtype: int) -> asyncio.Future[Reply]:
        """Send a question; the future gets its answer or failure, never an exception."""
        try:
            section = wire.question(name, rdtype)
        except (dns.exception.DNSException, UnicodeError):
            unasked: asyncio.Future[Reply] = self.loop.create_future()
            unasked.set_result(Reply(DnsStatus.MALFORMED))
            return unasked
        draw = secrets.randbelow(_SOCKETS)
        order = [several[draw] for several in (*self._endpoints[:1], *self._endpoints)]
        question = _Question(self, section, order)
        if self._in_flight >= _IN_FLIGHT:
            self._waiting.append(question)
        else:
            self._in_flight += 1
            question.advance()
        return question.future

    def settled(self) -> None:
        """One question is over: the next may leave."""
        self._in_flight -= 1
        if self._waiting:
            self._in_flight += 1
            self.loop.call_soon(self._waiting.popleft().advance)

    def over_tcp(self, question: _Question, nameserver: Nameserver) -> None:
        """Ask again over TCP, because the answer did not fit a datagram (RFC 7766)."""
        task = self.loop.create_task(self._over_tcp(question, nameserver))
        self._tcp.add(task)
        task.add_done_callback(self._tcp.discard)

    async def _over_tcp(self, question: _Question, nameserver: Nameserver) -> None:
        try:
            async with self._tcp_slots, asyncio.timeout(self.patience):
                reply = await _ask_over_tcp(question.section, nameserver)
        except (OSError, EOFError, wire.Foreign):
            question.unanswered()
        else:
            question.finish(reply)


async def _ask_over_tcp(section: bytes, nameserver: Nameserver) -> Reply:
    reader, writer = await asyncio.open_connection(*nameserver)
    try:
        message = wire.query(secrets.randbits(16), section)
        writer.write(len(message).to_bytes(2, "big") + message)
        size = int.from_bytes(await reader.readexactly(2), "big")
        answer = await reader.readexactly(size)
    finally:
        writer.close()
    if answer[:2] != message[:2]:
        raise wire.Foreign
    return wire.read_reply(answer, section)
