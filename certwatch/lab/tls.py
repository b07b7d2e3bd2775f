"""The server's side of TLS over asyncio streams, driven by hand.

asyncio's own TLS drops the alert of a failed handshake; here it reaches the client. It also lets a
server misbehave before, during or instead of a handshake.
"""

import asyncio
import socket
import ssl
import struct
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

from certwatch.core.names import matches
from certwatch.lab.pki import Credential

T = TypeVar("T")

_CHUNK = 65536
_ANY_STRENGTH = "ALL:@SECLEVEL=0"  # else OpenSSL would not serve the weak keys wanted here


class TlsFault(StrEnum):
    """What a server does where a handshake is expected."""

    EOF = "eof"
    RESET = "reset"
    STALL = "stall"
    GARBAGE = "garbage"  # plain HTTP on the TLS port


@dataclass(slots=True, kw_only=True)
class Identity:
    """Which certificate a server shows to whom; may be changed while it runs.

    ``names`` maps a host (or ``*.suffix``) to its credential. ``default`` is served without SNI and
    for unknown names; where it is None such clients get an alert, as they do for unknown names when
    ``strict``, and without SNI when ``needs_sni``. ``only`` pins one TLS version.
    """

    names: dict[str, Credential] = field(default_factory=dict)
    default: Credential | None = None
    strict: bool = False
    needs_sni: bool = False
    legacy: bool = False  # also TLS 1.0 and 1.1
    only: ssl.TLSVersion | None = None

    def credential(self, server_name: str | None) -> Credential | None:
        """What a client that asks for this name is shown; None for an alert."""
        if server_name is None:
            return None if self.needs_sni else self.default
        server_name = server_name.lower()
        known = self.names.get(server_name) or _by_wildcard(self.names, server_name)
        return known or (None if self.strict else self.default)


def _by_wildcard(names: Mapping[str, Credential], server_name: str) -> Credential | None:
    return next((names[name] for name in names if matches(name, server_name)), None)


class TlsStream:
    """A byte stream inside TLS, whose handshake is still to come."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, identity: Identity
    ) -> None:
        self._reader, self._writer, self._identity = reader, writer, identity
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = _versions(identity.legacy, identity.only)
        context.sni_callback = self._choose
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def handshake(self) -> None:
        """Agree on keys. Raises ssl.SSLError, the alert sent, when that fails."""
        await self._drive(self._tls.do_handshake)

    async def read(self) -> bytes:
        """The next bytes, or none when the client is done."""
        try:
            return await self._drive(lambda: self._tls.read(_CHUNK))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        await self._drive(lambda: self._tls.write(data))

    def _choose(self, tls: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> int | None:
        credential = self._identity.credential(server_name)
        if credential is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        tls.context = _context(credential)
        return None

    async def _drive(self, operation: Callable[[], T]) -> T:
        while True:
            try:
                return operation()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._reader.read(_CHUNK)
                self._incoming.write(data) if data else self._incoming.write_eof()
            finally:
                await self._flush()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            self._writer.write(self._outgoing.read())
            await self._writer.drain()


async def misbehave(
    fault: TlsFault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Fail a client that has connected for TLS."""
    await reader.read(_CHUNK)
    if fault is TlsFault.GARBAGE:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        await writer.drain()
    elif fault is TlsFault.RESET:
        reset(writer)
    elif fault is TlsFault.STALL:
        await reader.read()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST."""
    at_once = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()


def _versions(legacy: bool, only: ssl.TLSVersion | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(_ANY_STRENGTH)
    context.set_alpn_protocols(["http/1.1"])
    lowest = ssl.TLSVersion.MINIMUM_SUPPORTED if legacy else ssl.TLSVersion.TLSv1_2
    context.minimum_version = lowest  # what it is without that depends on the distribution
    if only:
        context.minimum_version = context.maximum_version = only
    return context


@lru_cache(maxsize=4096)
def _context(credential: Credential) -> ssl.SSLContext:
    context = _versions(legacy=False, only=None)
    with tempfile.NamedTemporaryFile() as file:  # the ssl module loads from files only
        file.write(credential.pem())
        file.flush()
        context.load_cert_chain(file.name)
    return context
