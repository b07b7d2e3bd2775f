"""One TCP connection to one address, in clear or under TLS.

TLS runs over memory buffers by pyOpenSSL, which brings the OpenSSL of ``cryptography``: it takes
half the time of the ``ssl`` module on a distribution's OpenSSL 3.0, and gives the served chain
unverified on every Python.
"""

import asyncio
from contextlib import suppress
from typing import cast

from OpenSSL import SSL, crypto

from certwatch.core.model import Failure
from certwatch.probes import trouble
from certwatch.probes.guard import is_address
from certwatch.probes.trouble import Failed

_CHUNK = 65_536


class Link(asyncio.Protocol):
    """A connection for one reader at a time. Reading stops the flow when nobody takes the bytes.

    ``limit`` caps all bytes that are taken from the other side. ``kept`` says that the connection
    is to serve another question after this one.
    """

    def __init__(self, limit: int) -> None:
        self.kept = False
        self._left = limit
        self._waiter: asyncio.Future[None] | None = None
        self._tls: SSL.Connection | None = None
        self._clear = bytearray()
        self._first = b""
        self._unread = 0
        self._ended = False
        self._error: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._error = Failed(Failure.MALFORMED, "it sends more bytes than certwatch reads")
            self._transport.abort()
            return self._wake()
        if self._tls is None:
            self._clear += data
        else:
            self._first = self._first or data[:5]
            self._tls.bio_write(data)
        self._unread += len(data)
        if self._unread > _CHUNK:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = self._error or exc
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _arrival(self) -> None:
        """Wait for bytes. Raises Failed at the end: broken connections first, then EOF."""
        if self._error is not None or self._ended:
            raise self._end()
        if self._unread > _CHUNK:
            self._transport.resume_reading()
        self._unread = 0
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter
        self._waiter = None

    def _end(self) -> Failed:
        if isinstance(self._error, OSError):
            return trouble.from_os(self._error)
        return self._error if isinstance(self._error, Failed) else Failed(Failure.EOF)

    async def handshake(self, context: SSL.Context, sni: str | None) -> None:
        """Shake hands. Raises Failed.

        Our last flight leaves with the first bytes sent, or on closing.
        """
        tls = self._tls = SSL.Connection(context, None)
        if sni is not None and not is_address(sni):  # RFC 6066 section 3 forbids addresses
            tls.set_tlsext_host_name(sni.encode("ascii", "replace"))
        tls.set_connect_state()
        while True:
            try:
                tls.do_handshake()
            except SSL.WantReadError:
                self._flush()
            except SSL.Error as error:
                raise trouble.from_tls(error, self._first) from None
            else:
                return
            await self._arrival()

    @property
    def version(self) -> str:
        """The TLS version in use, such as ``TLSv1.3``."""
        assert self._tls is not None
        return self._tls.get_protocol_version_name()

    def chain(self) -> list[bytes]:
        """The served certificates as DER, in the order served, unverified."""
        assert self._tls is not None
        served = self._tls.get_peer_cert_chain() or ()
        return [crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in served]

    def send(self, data: bytes) -> None:
        """Send bytes. Raises Failed when TLS is broken."""
        if self._tls is None:
            self._transport.write(data)
            return
        try:
            self._tls.sendall(data)
        except SSL.Error as error:
            raise trouble.from_tls(error, self._first) from None
        self._flush()

    async def receive(self) -> bytes:
        """The next bytes; none at the end. Raises Failed."""
        while True:
            data = self._take()
            if data is not None:
                return data
            if self._ended and self._error is None:
                return b""
            await self._arrival()

    def _take(self) -> bytes | None:
        if self._tls is None:
            data = bytes(self._clear)
            self._clear.clear()
            return data or None
        try:
            return self._tls.recv(_CHUNK)
        except SSL.WantReadError:
            return None
        except SSL.ZeroReturnError:
            return b""
        except SSL.Error as error:
            raise trouble.from_tls(error, self._first) from None
        finally:
            self._flush()

    def _flush(self) -> None:
        assert self._tls is not None
        with suppress(SSL.WantReadError):
            self._transport.write(self._tls.bio_read(_CHUNK))

    def reuse(self, limit: int) -> bool:
        """Make a kept connection ready for its next question.

        False when it has ended meanwhile, or holds bytes that nobody asked for.
        """
        self._left = limit
        try:
            return not self._ended and self._error is None and self._take() is None
        except Failed:
            return False

    def close(self) -> None:
        """Drop the connection at once."""
        if self._tls is not None:
            self._flush()
        self._transport.abort()
