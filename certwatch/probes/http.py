"""One HTTP/1.1 question over an open connection: one GET, a capped answer."""

import asyncio
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import h11

from certwatch.core.model import Failure
from certwatch.probes.link import Link
from certwatch.probes.trouble import Failed

BODY_KEPT = 4096
_MAX_HEAD = 16_384
_MAX_HEADERS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers with lower-case names, and the beginning of the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool  # the body ended within the cap

    def header(self, name: str) -> str | None:
        """The first value of a header, asked for in lower case."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def text(self) -> str:
        """The body as text; empty when it came compressed although that was not accepted."""
        if (self.header("content-encoding") or "identity").strip().lower() != "identity":
            return ""
        return self.body.decode("utf-8", "replace")


def user_agent(contact: str = "") -> str:
    """Who asks and why; ``contact`` is an address or URL of who runs this certwatch."""
    try:
        release = version("certwatch")
    except PackageNotFoundError:
        release = "unreleased"
    why = "certificate monitor for e-mail tracking domains; asks a harmless path, counts no click"
    contact = "".join(c for c in contact if " " <= c <= "~" and c not in "()\\")
    return f"certwatch/{release} ({why}{'; ' + contact if contact else ''})"


async def get(
    link: Link, host: str, target: str, agent: str, timeout: float, keep: int = BODY_KEPT
) -> Answer:
    """Ask for a target and read the answer, ``keep`` bytes of its body at most. Raises Failed.

    A link that is to be kept is asked to stay open; then it says whether it may be used again.
    The head must arrive within ``timeout`` seconds, 16 KB and 100 headers, interim answers
    included. A body that is slow, endless or broken off is no failure: what came is kept.
    """
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
    body = bytearray()
    response: h11.Response | None = None
    complete = False
    try:
        async with asyncio.timeout(timeout):
            link.send(_request(connection, host, target, agent, keep_alive=link.kept))
            response = await _head(link, connection)
            complete = await _read_body(link, connection, body, keep)
            link.kept = complete and _stays_open(connection)
    except TimeoutError:
        if response is None:
            raise Failed(Failure.TIMEOUT, "no HTTP answer") from None
    except (Failed, h11.RemoteProtocolError) as failure:
        if response is None:
            raise _told(failure) from None
    return _answer(response, bytes(body[:keep]), complete)


def _stays_open(connection: h11.Connection) -> bool:
    ended = connection.our_state is h11.DONE and connection.their_state is h11.DONE
    return ended and connection.trailing_data == (b"", False)


def _request(
    connection: h11.Connection, host: str, target: str, agent: str, *, keep_alive: bool
) -> bytes:
    headers = [
        ("Host", host),
        ("User-Agent", agent),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "keep-alive" if keep_alive else "close"),
    ]
    try:
        asked = connection.send(h11.Request(method="GET", target=target, headers=headers))
        return (asked or b"") + (connection.send(h11.EndOfMessage()) or b"")
    except (h11.LocalProtocolError, UnicodeEncodeError):
        raise Failed(Failure.MALFORMED, "this host and path cannot be asked for") from None


async def _head(link: Link, connection: h11.Connection) -> h11.Response:
    room = _MAX_HEAD
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            size = sum(len(name) + len(value) for name, value in event.headers)
            if len(event.headers) > _MAX_HEADERS or size > _MAX_HEAD:
                raise Failed(Failure.MALFORMED, "more than 100 headers or 16 KB of them")
            return event
        if event is h11.NEED_DATA:
            if room < 0:
                raise Failed(Failure.MALFORMED, "more than 16 KB before the answer")
            data = await link.receive()
            room -= len(data)
            if not data:
                raise Failed(Failure.EOF, "closed without an HTTP answer")
            connection.receive_data(data)
        elif not isinstance(event, h11.InformationalResponse):
            raise Failed(Failure.MALFORMED, "not an HTTP answer")


async def _read_body(link: Link, connection: h11.Connection, body: bytearray, keep: int) -> bool:
    """Read until the end or the cap; whether the end was reached within it."""
    while len(body) <= keep:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            body += event.data
        elif event is h11.NEED_DATA:
            connection.receive_data(await link.receive())
        else:
            return isinstance(event, h11.EndOfMessage)
    return False


def _told(failure: Failed | h11.RemoteProtocolError) -> Failed:
    if isinstance(failure, Failed):
        return failure
    return Failed(Failure.MALFORMED, f"not an HTTP answer: {failure}")


def _answer(response: h11.Response, body: bytes, complete: bool) -> Answer:
    headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers)
    return Answer(response.status_code, headers, body, complete)
