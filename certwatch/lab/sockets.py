"""Listening sockets whose connections end with them."""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

from certwatch.errors import LabError

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_BACKLOG = 1024
_GONE = (OSError, EOFError, asyncio.LimitOverrunError)  # the peer left or talks nonsense


@contextlib.asynccontextmanager
async def listening(handler: Handler, address: str, port: int = 0) -> AsyncIterator[int]:
    """Listen on an address, at a free port where none is given; yields the port.

    Leaving cancels the handlers still at work. Raises LabError when the address cannot be had.
    """
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_serve(handler, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    sock = _bound(address, port)
    server = await asyncio.start_server(accept, sock=sock, backlog=_BACKLOG)
    try:
        yield sock.getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def free_ports(count: int) -> tuple[int, ...]:
    """TCP ports of 127.0.0.1 that nobody listens on just now."""
    with contextlib.ExitStack() as held:
        socks = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return tuple(sock.getsockname()[1] for sock in socks)


def _bound(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise LabError(_explain(error, address, port)) from None


async def _serve(
    handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        with contextlib.suppress(*_GONE):
            await handler(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    finally:
        writer.transport.abort()


def _explain(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"the lab needs the loopback address {address}, which this system does not offer; "
            "run it on Linux, where all of 127.0.0.0/8 is loopback"
        )
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"the lab cannot listen on {address} port {port}: {reason}; try again"
