"""Where every connection is opened: addresses are refused, queued or given up here."""

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from certwatch.core.model import Failure
from certwatch.probes import guard, trouble
from certwatch.probes.link import Link
from certwatch.probes.offers import Offer, context
from certwatch.probes.trouble import Failed

LIMIT = 262_144  # bytes taken over one connection
_PATIENCE = 4  # timeouts that one look may spend with connections open
_GIVE_UP_AFTER = 8  # connections in a row that ran into the timeout
_IDLE = 8  # connections that wait at one place for their next question

Place = tuple[str, int, str]  # address, port, SNI

# How servers say that nothing they were shown will do; some just hang up.
_NO_COMMON_ALERTS = ("handshake_failure", "insufficient_security")
_HUNG_UP = (Failure.EOF, Failure.RESET)


class Addresses:
    """What the looks of one sweep share: who may connect where, now.

    ``timeout`` (seconds) bounds a connection, a handshake and an answer each. ``per_address``
    connections are open to one address at a time, others wait. An address that let eight in a row
    run into the timeout counts as silent for the rest of the sweep, so that a dead edge with a
    thousand domains behind it costs two rounds of waiting and not a thousand.
    """

    def __init__(self, *, timeout: float, per_address: int, allow_private: bool) -> None:
        self.timeout = timeout
        self._allow_private = allow_private
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(per_address)
        )
        self._silent: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._idle: defaultdict[Place, list[Link]] = defaultdict(list)

    def slot(self, address: str) -> asyncio.Semaphore:
        """The right to connect to an address. Raises Failed for one that is refused."""
        if reason := guard.refusal(address, self._allow_private):
            raise Failed(Failure.FORBIDDEN, f"{address} is {reason}")
        return self._slots[address]

    def note(self, address: str, port: int, *, silent: bool) -> None:
        """Remember whether a connection ran into the timeout or came about."""
        if silent:
            self._silent[address, port] += 1
        else:
            self._silent.pop((address, port), None)

    def lend(self, place: Place) -> Link | None:
        """A connection that an earlier look has left open there, if one is still usable."""
        while self._idle[place]:
            link = self._idle[place].pop()
            if link.reuse(LIMIT):
                return link
            link.close()
        return None

    def take_back(self, place: Place, link: Link) -> None:
        """Keep a connection for the next look that needs it, or close it."""
        if link.kept and len(self._idle[place]) < _IDLE:
            self._idle[place].append(link)
        else:
            link.close()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        for link in (one for several in self._idle.values() for one in several):
            link.close()
        self._idle.clear()

    def check(self, address: str, port: int) -> None:
        """Raises Failed for an address that counts as silent."""
        if self._silent.get((address, port), 0) >= _GIVE_UP_AFTER:
            raise Failed(Failure.TIMEOUT, f"silent to {_GIVE_UP_AFTER} connections in a row")


class Dialler:
    """Opens the connections of one look.

    The look may spend four timeouts with connections open, waiting for a slot left out; then no
    more are opened, so that a slow or malicious domain cannot hold a sweep up.
    """

    def __init__(self, addresses: Addresses) -> None:
        self.timeout = addresses.timeout
        self._addresses = addresses
        self._loop = asyncio.get_running_loop()
        self._open = 0
        self._since = 0.0
        self._spent = 0.0

    @asynccontextmanager
    async def open(self, address: str, port: int, limit: int = LIMIT) -> AsyncIterator[Link]:
        """A connection in clear, closed at the end of the block. Raises Failed."""
        async with self._addresses.slot(address):
            self._begin()
            try:
                with closing(await self._connect(address, port, limit)) as link:
                    self._addresses.note(address, port, silent=False)
                    yield link
            finally:
                self._end()

    @asynccontextmanager
    async def open_tls(
        self,
        address: str,
        port: int,
        sni: str | None,
        offer: Offer = Offer.USUAL,
        limit: int = LIMIT,
    ) -> AsyncIterator[Link]:
        """A connection under TLS, closed at the end of the block. Raises Failed."""
        async with self._addresses.slot(address):
            self._begin()
            try:
                with closing(await self._agree(address, port, sni, offer, limit)) as link:
                    self._addresses.note(address, port, silent=False)
                    yield link
            finally:
                self._end()

    @asynccontextmanager
    async def borrow_tls(self, address: str, port: int, sni: str) -> AsyncIterator[Link]:
        """A connection under TLS that many looks ask one after the other. Raises Failed.

        It may be one that the other side is about to close: then ``link.kept`` was True before the
        question, and asking again is worth it.
        """
        place = (address, port, sni)
        async with self._addresses.slot(address):
            self._begin()
            try:
                link = self._addresses.lend(place)
                if link is None:
                    link = await self._agree(address, port, sni, Offer.USUAL, LIMIT)
                    self._addresses.note(address, port, silent=False)
                try:
                    yield link
                except BaseException:
                    link.kept = False
                    raise
                finally:
                    self._addresses.take_back(place, link)
            finally:
                self._end()

    def _begin(self) -> None:
        now = self._loop.time()
        if self._spent + (now - self._since if self._open else 0) > _PATIENCE * self.timeout:
            raise Failed(Failure.TIMEOUT, "the look at this domain took too long")
        if not self._open:
            self._since = now
        self._open += 1

    def _end(self) -> None:
        self._open -= 1
        if not self._open:
            self._spent += self._loop.time() - self._since

    async def _agree(
        self, address: str, port: int, sni: str | None, offer: Offer, limit: int
    ) -> Link:
        """Shake hands; a server that finds no common ground is shown every group that we have."""
        try:
            return await self._shake(address, port, sni, offer, limit)
        except Failed as failure:
            kind, detail = failure.trouble.kind, failure.trouble.detail
            if offer is not Offer.USUAL or not (kind in _HUNG_UP or detail in _NO_COMMON_ALERTS):
                raise
        return await self._shake(address, port, sni, Offer.EVERY_GROUP, limit)

    async def _shake(
        self, address: str, port: int, sni: str | None, offer: Offer, limit: int
    ) -> Link:
        link = await self._connect(address, port, limit)
        try:
            async with asyncio.timeout(self.timeout):
                await link.handshake(context(offer), sni)
        except BaseException as error:
            link.close()
            if isinstance(error, TimeoutError):
                self._addresses.note(address, port, silent=True)
                raise Failed(Failure.TIMEOUT, "the TLS handshake did not finish") from None
            raise
        return link

    async def _connect(self, address: str, port: int, limit: int) -> Link:
        self._addresses.check(address, port)
        try:
            async with asyncio.timeout(self.timeout):
                _, link = await self._loop.create_connection(lambda: Link(limit), address, port)
        except TimeoutError:
            self._addresses.note(address, port, silent=True)
            raise Failed(Failure.TIMEOUT, "no answer to the connection attempt") from None
        except OSError as error:
            failed = trouble.from_os(error)
            if failed.trouble.kind is Failure.LOCAL and ":" in address and not _has_ipv6():
                failed = Failed(Failure.LOCAL, "no IPv6 here")
            raise failed from None
        return link


def _has_ipv6() -> bool:
    """Whether there is a route to the IPv6 internet; asks this machine, sends nothing."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2001:4860:4860::8888", 53))
    except OSError:
        return False
    return True
