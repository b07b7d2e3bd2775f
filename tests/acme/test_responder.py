"""The challenge listener over real sockets: what it answers, and what attackers get out of it."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from certwatch.acme.responder import PREFIX, Responder
from certwatch.errors import ListenError

HOST = "127.0.0.1"
NAME = "click.brand.test"
CONTENT = "tok_EN-1.thumbprint"
PLANTED = {(NAME, "tok_EN-1"): CONTENT}


def planted(host: str, token: str) -> str | None:
    return PLANTED.get((host, token))


def responder(**options: Any) -> Responder:
    given: dict[str, Any] = {"answer": planted, "known": lambda host: host == NAME, "patience": 5.0}
    return Responder((HOST, 0), **given | options)


@pytest.fixture
async def served() -> AsyncIterator[Responder]:
    async with responder() as served:
        yield served


async def talk(port: int, *parts: bytes, every: float = 0.0) -> bytes:
    """Everything that comes back until the other side closes."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        async with asyncio.timeout(20):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(every)
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.transport.abort()


async def ask(
    served: Responder, target: str, host: str | None = NAME, method: str = "GET", extra: str = ""
) -> tuple[int, dict[str, str], str]:
    head = f"{method} {target} HTTP/1.1\r\n" + (f"Host: {host}\r\n" if host is not None else "")
    raw = await talk(served.port, f"{head}{extra}Connection: close\r\n\r\n".encode("latin-1"))
    return parsed(raw)


def parsed(raw: bytes) -> tuple[int, dict[str, str], str]:
    head, _, body = raw.decode().partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return int(status.split(" ")[1]), {name.lower(): value for name, value in pairs}, body


async def test_a_planted_token_is_answered_with_its_key_authorization_alone(served):
    status, headers, body = await ask(served, PREFIX + "tok_EN-1")
    assert (status, body) == (200, CONTENT)
    assert headers["content-type"].startswith("text/plain")
    assert headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize("host", [f"{NAME}:80", NAME.upper(), f"{NAME}.", f"{NAME}.:8402"])
async def test_the_host_may_have_a_port_capitals_and_a_final_dot(served, host):
    assert (await ask(served, PREFIX + "tok_EN-1", host))[2] == CONTENT
    assert (await ask(served, "/x", host))[1]["location"] == f"https://{NAME}/x"


async def test_head_has_the_headers_of_get_and_no_body(served):
    status, headers, body = await ask(served, PREFIX + "tok_EN-1", method="HEAD")
    assert (status, headers["content-length"], body) == (200, str(len(CONTENT)), "")


async def test_a_query_does_not_hide_a_token(served):
    assert (await ask(served, PREFIX + "tok_EN-1?x=1"))[2] == CONTENT


@pytest.mark.parametrize(
    "token",
    [
        "",
        "other",
        "tok_EN-1/",
        "a/b",
        "..%2f..%2fetc%2fpasswd",
        "tok%5FEN-1",
        "../x",
        "x" * 129,
        "a%00b",
        "a;b",
        "<script>",
        "tok_EN-1%0d%0aX:y",
    ],
)
async def test_any_other_token_is_not_found_and_not_repeated(served, token):
    status, headers, body = await ask(served, PREFIX + token)
    assert (status, body) == (404, "not found\n")
    assert "location" not in headers


async def test_what_cannot_be_a_token_never_reaches_the_database():
    asked: list[str] = []

    def noting(host: str, token: str) -> None:
        asked.append(token)

    async with responder(answer=noting) as served:
        for token in ("", "a/b", "..", "%41", "a.b", "a'--", "x" * 129, "x" * 128):
            assert (await ask(served, PREFIX + token))[0] == 404
    assert asked == ["x" * 128]


async def test_a_token_is_answered_for_its_own_host_only(served):
    assert (await ask(served, PREFIX + "tok_EN-1", "evil.test"))[0] == 404


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/f/a/Xyz%2F..%2f?u=a%20b&c=%E2%82%AC",
        "//evil.test/",
        "/?",
        "/a//b/../c?x=//y#z",
        "/.well-known/acme-challenge",
        "/%0d%0aSet-Cookie:x",
        "/\\evil.test",
    ],
)
async def test_anything_else_on_a_known_host_goes_to_https_unchanged(served, target):
    status, headers, body = await ask(served, target)
    assert (status, headers["location"]) == (308, f"https://{NAME}{target}")
    assert target == "/" or target not in body


async def test_an_unknown_host_is_not_found(served):
    assert (await ask(served, "/", "evil.test"))[::2] == (404, "not found\n")
    assert (await ask(served, "/", "[::1]:80"))[0] == 404


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "a@b",
        f"x@{NAME}",
        "a b",
        f"{NAME}/x",
        f"{NAME}:80:80",
        f"{NAME}:x",
        "[::1",
        "é.de",
        "a" * 300,
        f"{NAME}#",
        f"{NAME}\\",
        f"{NAME}, evil.test",
    ],
)
async def test_no_host_or_a_bad_one_is_a_bad_request(served, host):
    status, headers, _ = await ask(served, "/", host)
    assert status == 400
    assert "location" not in headers


async def test_two_hosts_are_a_bad_request(served):
    assert (await ask(served, "/", extra="Host: evil.test\r\n"))[0] == 400


async def test_http_1_0_without_a_host_is_a_bad_request(served):
    assert (await talk(served.port, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"])
async def test_other_methods_are_not_allowed(served, method):
    status, headers, _ = await ask(served, PREFIX + "tok_EN-1", method=method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "target", ["*", "evil.test:443", "evil", "ftp://evil.test/", "http://a@b/"]
)
async def test_other_forms_of_a_target_are_bad(served, target):
    assert (await ask(served, target))[0] == 400


async def test_the_host_of_an_absolute_target_counts(served):
    absolute = await ask(served, f"http://{NAME}{PREFIX}tok_EN-1", "evil.test")
    assert absolute[2] == CONTENT
    assert (await ask(served, "http://evil.test/x"))[0] == 404
    assert (await ask(served, f"HTTP://{NAME}?q"))[1]["location"] == f"https://{NAME}/?q"


async def test_requests_on_one_connection_are_answered_in_order(served):
    one = f"GET {PREFIX}tok_EN-1 HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode()
    two = f"GET /x HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()
    raw = await talk(served.port, one + two)
    assert raw.index(CONTENT.encode()) < raw.index(b"308")
    assert raw.count(b"HTTP/1.1 ") == 2


async def test_a_connection_serves_a_hundred_requests_at_most(served):
    one = f"HEAD / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode()
    raw = await talk(served.port, one * 150)
    assert raw.count(b"HTTP/1.1 308") == 100
    assert raw.lower().count(b"connection: close") == 1


SMUGGLED = f"GET {PREFIX}tok_EN-1 HTTP/1.1\r\nHost: {NAME}\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        f"Content-Length: {len(SMUGGLED)}\r\n",
        f"Content-Length: {len(SMUGGLED)}\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "Content-Length: 0, 5\r\n",
        "Content-Length: +0\r\n",
        "Content-Length: -1\r\n",
        "X: y\r\n Content-Length: 5\r\n\tTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_follows_a_request_with_a_body_is_never_a_request(served, framing, method):
    head = f"{method} / HTTP/1.1\r\nHost: {NAME}\r\n{framing}\r\n"
    raw = await talk(served.port, (head + SMUGGLED * 2).encode())
    assert raw.count(b"HTTP/1.1 ") == 1
    assert raw[9:12] in (b"400", b"405", b"501")
    assert CONTENT.encode() not in raw


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\r\nX: y HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\r HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nbroken header\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n : y\r\n\r\n",
    ],
)
async def test_garbage_is_a_bad_request_and_ends_the_connection(served, garbage):
    raw = await talk(served.port, garbage)
    assert raw[9:12] in (b"400", b"505", b"")
    assert raw.count(b"HTTP/1.1 ") <= 1
    assert (await ask(served, PREFIX + "tok_EN-1"))[0] == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 100_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 10_000,
        b"GET / HTTP/1.1\r\nHost: " + b"x" * 60_000 + b"\r\n\r\n",
    ],
)
async def test_a_head_over_16_kb_is_refused_unread(served, head):
    raw = await talk(served.port, head)
    assert raw[9:12] in (b"431", b"")  # the answer may be lost to the reset that ends the flood
    assert (await ask(served, "/"))[0] == 308


async def test_a_slow_request_is_cut_off_and_nobody_waits_for_it():
    async with responder(patience=1.0) as served:
        slow = asyncio.create_task(talk(served.port, *[b"GET / HTTP"[:1]] * 60, every=0.1))
        await asyncio.sleep(0.2)
        assert (await ask(served, "/"))[0] == 308
        before = time.monotonic()
        assert await slow == b""
        assert time.monotonic() - before < 6 + 3  # sixty drips; the connection itself ended sooner


async def test_a_silent_connection_is_closed():
    async with responder(patience=0.3) as served:
        before = time.monotonic()
        assert await talk(served.port, b"") == b""
        assert time.monotonic() - before < 5


async def test_connections_beyond_the_bound_are_dropped_at_once():
    async with responder(connections=2, patience=30) as served:
        held = [await asyncio.open_connection(HOST, served.port) for _ in range(2)]
        await asyncio.sleep(0.1)
        assert await talk(served.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        await asyncio.sleep(0.2)
        assert (await ask(served, "/"))[0] == 308


async def test_a_failing_database_is_told_without_its_words():
    def broken(*_: str) -> Any:
        raise RuntimeError("postgresql://user:secret@db")

    async with responder(answer=broken, known=broken) as served:
        for target in ("/", PREFIX + "tok_EN-1"):
            status, _, body = await ask(served, target)
            assert (status, "secret" in body) == (503, False)


async def test_a_hanging_database_holds_nobody_up():
    go, entered = threading.Event(), threading.Event()

    def stuck(host: str) -> bool:
        entered.set()
        return go.wait(20)

    try:
        async with responder(known=stuck, patience=2.0) as served:
            waiting = asyncio.create_task(ask(served, "/"))
            assert await asyncio.to_thread(entered.wait, 10)
            assert (await ask(served, PREFIX + "tok_EN-1"))[2] == CONTENT
            assert (await waiting)[0] == 503
    finally:
        go.set()


async def test_a_taken_port_is_told_as_such():
    with socket.create_server((HOST, 0)) as other:
        taken = Responder(other.getsockname()[:2], planted, bool)
        with pytest.raises(ListenError, match="another certwatch answers there") as caught:
            await taken.__aenter__()
    assert caught.value.in_use


async def test_a_foreign_address_is_not_called_taken():
    with pytest.raises(ListenError, match=r"acme\.challenge_listen") as caught:
        await Responder(("192.0.2.1", 8402), planted, bool).__aenter__()
    assert not caught.value.in_use


async def test_leaving_frees_the_port_and_ends_open_connections():
    async with responder() as served:
        reader, writer = await asyncio.open_connection(HOST, served.port)
        await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    async with Responder((HOST, served.port), planted, bool):
        pass


async def test_many_at_once_are_all_answered(served):
    answers = await asyncio.gather(*(ask(served, PREFIX + "tok_EN-1") for _ in range(200)))
    assert {answer[2] for answer in answers} == {CONTENT}
