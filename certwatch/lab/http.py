"""HTTP/1.1 as the lab's servers and proxies speak it: requests without bodies, simple answers."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

Headers = tuple[tuple[str, str], ...]

_HEAD_LIMIT = 65536
_END = b"\r\n\r\n"
_FILLER = b"x" * 16384


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One GET or HEAD; ``target`` is path and query as they came."""

    method: str
    target: str
    headers: Headers
    scheme: str = "https"

    @property
    def host(self) -> str:
        """The Host header without its port, in lower case."""
        return (self.header("host") or "").rpartition("]")[2].partition(":")[0].lower()

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    def header(self, name: str) -> str | None:
        """The first value of a header, asked for in lower case."""
        return _first(self.headers, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer. ``endless`` never stops sending body; ``pause`` is the wait (in seconds) after
    each line of the head."""

    status: int
    headers: Headers = ()
    body: str | bytes = ""
    endless: bool = False
    pause: float = 0.0

    def header(self, name: str) -> str | None:
        """The first value of a header, asked for in lower case."""
        return _first(self.headers, name)

    def with_headers(self, *headers: tuple[str, str]) -> "Response":
        """The same with these headers in place of those of the same name."""
        kept = self.without(*(name for name, _ in headers))
        return replace(self, headers=(*kept.headers, *headers))

    def without(self, *names: str) -> "Response":
        """The same without the headers of these names, given in lower case."""
        return replace(self, headers=tuple(p for p in self.headers if p[0].lower() not in names))


def redirect(location: str, status: int = 301) -> Response:
    """A redirect to there."""
    return Response(status=status, headers=(("location", location),))


Respond = Callable[[Request], Awaitable[Response]]


class Stream(Protocol):
    """Bytes to and from a client, through TLS or not."""

    async def read(self) -> bytes:
        """The next bytes, or none at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        ...


class PlainStream:
    """A TCP connection as a stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        """The next bytes, or none at the end."""
        return await self._reader.read(_HEAD_LIMIT)

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)
        await self._writer.drain()


async def serve(stream: Stream, respond: Respond, scheme: str) -> None:
    """Answer requests on one connection until the client leaves."""
    pending = b""
    while True:
        while _END not in pending:
            data = await stream.read()
            if not data or len(pending) > _HEAD_LIMIT:
                return
            pending += data
        head, _, pending = pending.partition(_END)
        request = parse_request(head, scheme)
        if request is None:
            await _send(stream, Response(status=400), close=True)
            return
        close = (request.header("connection") or "").lower() == "close"
        await _send(stream, await respond(request), close=close, bodiless=request.method == "HEAD")
        if close:
            return


def parse_request(head: bytes, scheme: str) -> Request | None:
    """A request from its head; None for what is none."""
    line, *fields = head.decode("latin-1").split("\r\n")
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] not in ("GET", "HEAD"):
        return None
    return Request(method=parts[0], target=parts[1], headers=_headers(fields), scheme=scheme)


async def fetch(
    request: Request,
    address: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    timeout: float = 1.5,
) -> Response:
    """Ask another server, as a proxy does; the timeout is in seconds.

    Raises OSError (TimeoutError and ssl.SSLError among them); ConnectionAbortedError means that no
    HTTP came back.
    """
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection(
            address, port, ssl=tls, server_hostname=server_name if tls else None
        )
        try:
            fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
            head = (
                f"{request.method} {request.target} HTTP/1.1\r\n{fields}connection: close\r\n\r\n"
            )
            writer.write(head.encode("latin-1"))
            answer = await reader.read(-1)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    return _parse_response(answer)


def _parse_response(answer: bytes) -> Response:
    head, _, body = answer.partition(_END)
    line, *fields = head.decode("latin-1").split("\r\n")
    words = line.split(" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise ConnectionAbortedError("no HTTP answer")
    return Response(
        status=int(words[1]), headers=_headers(fields), body=body.decode("utf-8", "replace")
    )


def _first(headers: Headers, name: str) -> str | None:
    return next((value for key, value in headers if key.lower() == name), None)


def _headers(fields: list[str]) -> Headers:
    pairs = (field.partition(":") for field in fields)
    return tuple((name.strip(), value.strip()) for name, _, value in pairs if name)


async def _send(stream: Stream, response: Response, *, close: bool, bodiless: bool = False) -> None:
    text = "" if bodiless else response.body
    body = text.encode() if isinstance(text, str) else text
    shown = response.with_headers(
        ("date", response.header("date") or http_date()),
        ("connection", "close" if close or response.endless else "keep-alive"),
        ("content-length", str(2**40 if response.endless else len(body))),
    )
    lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}"]
    lines += [f"{name}: {value}" for name, value in shown.headers]
    await _send_head(stream, [f"{line}\r\n".encode("latin-1") for line in lines], response.pause)
    await stream.write(b"\r\n" + body)
    while response.endless:
        await stream.write(_FILLER)


async def _send_head(stream: Stream, lines: list[bytes], pause: float) -> None:
    if not pause:
        await stream.write(b"".join(lines))
        return
    for line in lines:
        await stream.write(line)
        await asyncio.sleep(pause)


def http_date(offset: timedelta = timedelta()) -> str:
    """This instant, or another, as an HTTP date."""
    return format_datetime(datetime.now(UTC) + offset, usegmt=True)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
