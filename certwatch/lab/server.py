"""One address of the lab: TLS and HTTP on two ports, well behaved or not."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from types import TracebackType

from certwatch.lab.http import PlainStream, Respond, serve
from certwatch.lab.sockets import listening
from certwatch.lab.tls import Identity, TlsFault, TlsStream, misbehave


@dataclass(slots=True, kw_only=True)
class Server:
    """What listens on one address; everything but address and ports may change while it runs.

    A port of 0 is picked free; None leaves it closed. ``fault`` replaces the TLS handshake.
    """

    address: str
    respond: Respond
    https_port: int | None = 0
    http_port: int | None = 0
    identity: Identity = field(default_factory=Identity)
    fault: TlsFault | None = None
    _closing: contextlib.AsyncExitStack = field(
        default_factory=contextlib.AsyncExitStack, init=False, repr=False
    )

    async def __aenter__(self) -> "Server":
        async with contextlib.AsyncExitStack() as stack:
            if self.https_port is not None:
                self.https_port = await stack.enter_async_context(
                    listening(self._https, self.address, self.https_port)
                )
            if self.http_port is not None:
                self.http_port = await stack.enter_async_context(
                    listening(self._http, self.address, self.http_port)
                )
            self._closing = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._closing.aclose()

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(PlainStream(reader, writer), self.respond, "http")

    async def _https(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault:
            await misbehave(self.fault, reader, writer)
            return
        stream = TlsStream(reader, writer, self.identity)
        await stream.handshake()
        await serve(stream, self.respond, "https")
