"""The HTTP-01 listener (RFC 8555 section 8.3): key authorizations, and the way to https.

It answers a challenge's token for the host that it was planted for, sends everything else on a
known host to https, and knows nothing more: no directory, no text of the request in a body. What is
behind it (the database) is asked in threads of its own, so that neither a slow database nor the
issuer's threads, which wait for the CA that waits for us, can hold the listener up.
"""

import asyncio
import errno
import logging
import os
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import Self, TypeVar

import h11

from certwatch.errors import ListenError

PREFIX = "/.well-known/acme-challenge/"

_PATIENCE = 10.0  # seconds for one request, one answer, and an idle connection
_MAX_HEAD = 16_384
_CHUNK = 4096
_PER_CONNECTION = 100  # requests
_CONNECTIONS = 512
_THREADS = 4
_LINGER = 1.0  # seconds in which a peer may take the last answer before the connection is dropped

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
_HOST = re.compile(r"([A-Za-z0-9._-]{1,254}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE)

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()


_BAD = _Reply(400, "bad request\n")
_UNKNOWN = _Reply(404, "not found\n")
_NOT_ALLOWED = _Reply(405, "method not allowed\n", (("Allow", "GET, HEAD"),))
_TROUBLE = _Reply(503, "try again later\n", (("Retry-After", "5"),))


class Responder:
    """Answers challenges while it is entered.

    ``answer(host, token)`` gives the key authorization planted for a host, ``known(host)`` tells
    whether the host is a tracking domain; hosts are lower-case without port and final dot. Both are
    called in threads; when they raise or take longer than ten seconds, the answer is 503. Entering
    raises ListenError where the address cannot be had. ``port`` is the one it listens on.
    """

    def __init__(
        self,
        listen: tuple[str, int],
        answer: Callable[[str, str], str | None],
        known: Callable[[str], bool],
        *,
        patience: float = _PATIENCE,
        connections: int = _CONNECTIONS,
    ) -> None:
        self._listen = listen
        self._answer = answer
        self._known = known
        self._patience = patience
        self._connections = connections
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        sock = _bound(*self._listen)
        self.port: int = sock.getsockname()[1]
        self._pool = ThreadPoolExecutor(_THREADS, "challenge")
        self._server = await asyncio.start_server(self._accept, sock=sock, limit=_MAX_HEAD)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await self._server.wait_closed()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._talks) >= self._connections:
            writer.transport.abort()
            return
        talk = asyncio.ensure_future(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        try:
            with suppress(OSError, TimeoutError):
                for left in reversed(range(_PER_CONNECTION)):
                    if not await self._exchange(reader, writer, connection, last=not left):
                        break
                    connection.start_next_cycle()
                await _linger(reader, writer)
        finally:
            writer.transport.abort()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: h11.Connection,
        *,
        last: bool,
    ) -> bool:
        """Read one request and answer it; whether another may follow."""
        try:
            async with asyncio.timeout(self._patience):
                request = await _read(reader, connection)
        except h11.RemoteProtocolError as error:
            reply, body, last = _Reply(error.error_status_hint, _BAD.body), True, True
        else:
            if request is None:
                return False
            reply = await self._reply(request)
            body = request.method != b"HEAD"
            last = last or reply is _BAD or _has_body(request)
        writer.write(_encoded(connection, reply, body=body, last=last))
        async with asyncio.timeout(self._patience):
            await writer.drain()
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE

    async def _reply(self, request: h11.Request) -> _Reply:
        asked = _asked(request)
        if asked is None:
            return _BAD
        if request.method not in (b"GET", b"HEAD"):
            return _NOT_ALLOWED
        if _has_body(request):
            return _BAD
        host, target = asked
        try:
            async with asyncio.timeout(self._patience):
                return await self._found(host, target)
        except Exception as error:  # whatever the database does, it is our trouble
            _log.warning("a challenge could not be answered: %s", type(error).__name__)
            return _TROUBLE

    async def _found(self, host: str, target: str) -> _Reply:
        path = target.partition("?")[0]
        if path.startswith(PREFIX):
            token = path.removeprefix(PREFIX)
            if not _TOKEN.fullmatch(token):
                return _UNKNOWN
            planted = await self._in_thread(self._answer, host, token)
            return _Reply(200, planted) if planted else _UNKNOWN
        if not await self._in_thread(self._known, host):
            return _UNKNOWN
        return _Reply(308, "use https\n", (("Location", f"https://{host}{target}"),))

    async def _in_thread(self, work: Callable[..., T], *values: str) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *values)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_CONNECTIONS)
    except OSError as error:
        place = f"{f'[{host}]' if ':' in host else host}:{port}"
        in_use = error.errno == errno.EADDRINUSE
        what_to_do = {
            errno.EADDRINUSE: "another certwatch answers there already, or set"
            " acme.challenge_listen to a free port",
            errno.EACCES: "ports below 1024 need root or CAP_NET_BIND_SERVICE; set"
            " acme.challenge_listen to a higher one",
        }.get(error.errno or 0, "set acme.challenge_listen to an address of this machine")
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ListenError(
            f"challenges cannot be answered on {place} ({reason}): {what_to_do}", in_use=in_use
        ) from None


async def _read(reader: asyncio.StreamReader, connection: h11.Connection) -> h11.Request | None:
    """The head of the next request; None when the peer is done. Raises h11.RemoteProtocolError."""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            if not _has_body(event):
                connection.next_event()  # the end of the message: there is nothing to read
            return event
        else:
            return None


def _has_body(request: h11.Request) -> bool:
    """Whether a body is announced, in whichever way: none is ever read, so nothing can hide in one
    and be taken for the next request (RFC 9112 section 11.2)."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
        for name, value in request.headers
    )


def _asked(request: h11.Request) -> tuple[str, str] | None:
    """Host (lower-case, without port and final dot) and origin-form target; None when either is
    wrong. The host of an absolute target counts more than the header (RFC 9112 section 3.2.2)."""
    if request.http_version not in (b"1.0", b"1.1"):
        return None
    authority = b"".join(v for name, v in request.headers if name == b"host").decode("latin-1")
    target = request.target.decode("latin-1")
    if absolute := _ABSOLUTE.fullmatch(target):
        authority, rest = absolute.groups()
        target = rest if rest.startswith("/") else f"/{rest}"
    named = _HOST.fullmatch(authority)
    if named is None or not target.startswith("/"):
        return None
    return named[1].lower().removesuffix("."), target


def _encoded(connection: h11.Connection, reply: _Reply, *, body: bool, last: bool) -> bytes:
    content = reply.body.encode()
    headers = [
        ("Date", formatdate(usegmt=True)),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(content))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        *reply.headers,
        *([("Connection", "close")] if last else []),
    ]
    events: list[h11.Event] = [h11.Response(status_code=reply.status, headers=headers)]
    events += [h11.Data(data=content)] if body else []
    return b"".join(connection.send(event) or b"" for event in (*events, h11.EndOfMessage()))


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let the peer take the last answer: closing on unread bytes would reset the connection."""
    async with asyncio.timeout(_LINGER):
        writer.write_eof()
        for _ in range(_MAX_HEAD // _CHUNK):
            if not await reader.read(_CHUNK):
                break
