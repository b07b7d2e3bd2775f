"""HTTP answers that are healthy, slow, endless or no HTTP at all."""

import asyncio
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.model import Failure
from certwatch.probes import http
from certwatch.probes.dial import Addresses, Dialler
from certwatch.probes.http import Answer
from certwatch.probes.link import Link
from certwatch.probes.trouble import Failed
from tests.probes.servers import HOST, Talk, running, saying


async def get(talk: Talk, target: str = "/", timeout: float = 2.0) -> Answer:
    shared = Addresses(timeout=5, per_address=8, allow_private=True)
    async with running(talk) as port, Dialler(shared).open(HOST, port) as link:
        return await http.get(link, "click.brand.test", target, "certwatch/test", timeout)


async def failure(talk: Talk, timeout: float = 2.0) -> Failure:
    with pytest.raises(Failed) as caught:
        await get(talk, timeout=timeout)
    return caught.value.trouble.kind


async def test_an_answer_is_read() -> None:
    answer = await get(saying(b"HTTP/1.1 302 Found\r\nLOCATION: /x\r\nContent-Length: 2\r\n\r\nhi"))
    assert (answer.status, answer.header("location"), answer.text) == (302, "/x", "hi")
    assert answer.complete


async def test_the_request_says_who_asks_and_why() -> None:
    heard = b""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        heard = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No\r\n\r\n")

    await get(listen, "/a?b=c")
    assert heard.startswith(b"GET /a?b=c HTTP/1.1\r\nHost: click.brand.test\r\n")
    assert b"Accept-Encoding: identity\r\n" in heard
    agent = http.user_agent("https://brand.test/\r\nX-Evil: (1)")
    assert agent.startswith("certwatch/")
    assert "counts no click; https://brand.test/X-Evil: 1)" in agent


async def test_interim_answers_are_passed_over() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert (await get(saying(interim * 3, b"HTTP/1.1 200 OK\r\n\r\n"))).status == 200


async def test_endless_interim_answers_are_malformed() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert await failure(saying(*[interim * 100] * 9, hold=True)) is Failure.MALFORMED


async def test_an_endless_body_is_cut() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    answer = await get(flood)
    assert (len(answer.body), answer.complete) == (http.BODY_KEPT, False)


@pytest.mark.parametrize(
    "talk",
    [
        saying(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x"] * 600, every=0.01),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx", hold=True),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"),
        saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nzz"),
        saying(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
            + b"1;"
            + b"e" * 99999
        ),
    ],
    ids=["trickled", "held", "broken off", "bad chunk", "chunk extension bomb"],
)
async def test_a_bad_body_keeps_the_head(talk: Talk) -> None:
    answer = await get(talk, timeout=0.2)
    assert answer.status == 200
    assert answer.body.startswith(b"x")
    assert not answer.complete


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (saying(b""), Failure.EOF),
        (saying(b"HTTP/1.1 200"), Failure.EOF),
        (saying(b"", hold=True), Failure.TIMEOUT),
        (saying(b"HTTP/1.1 200 OK\r\n", *[b"a: b\r\n"] * 900, every=0.01), Failure.TIMEOUT),
        (saying(b"SSH-2.0-OpenSSH\r\n\r\n"), Failure.MALFORMED),
        (saying(b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n"), Failure.MALFORMED),
        (saying(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), Failure.MALFORMED),
        (saying(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 20_000 + b"\r\n\r\n"), Failure.MALFORMED),
        (saying(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 101 + b"\r\n"), Failure.MALFORMED),
        (saying(b"\x00" * 64), Failure.MALFORMED),
    ],
)
async def test_what_is_no_answer(talk: Talk, expected: Failure) -> None:
    assert await failure(talk, timeout=0.2) is expected


async def test_a_target_that_breaks_the_request_line_is_not_sent() -> None:
    with pytest.raises(Failed, match="cannot be asked"):
        await get(saying(b""), "/a b\r\nX: y")


async def test_a_compressed_body_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 1_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    assert (await get(saying(head.encode() + bomb))).text == ""


class Scripted(Link):
    """A link that gives prepared bytes, cut anywhere."""

    def __init__(self, parts: list[bytes]) -> None:
        super().__init__(1)
        self._parts = parts

    def send(self, data: bytes) -> None:
        pass

    async def receive(self) -> bytes:
        return self._parts.pop(0) if self._parts else b""


HOSTILE = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from(
            [
                b"HTTP/1.1 200 OK\r\n",
                b"HTTP/1.1 100 C\r\n",
                b"\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Content-Length: 5\r\n",
                b"Content-Length: -1\r\n",
                b"ffffffffffffffff\r\n",
                b"0\r\n",
                b"HTTP/1.0 999 X\r\n\r\n",
                b"Connection: upgrade\r\n",
                b"A:\xff\r\n",
                b"\x16\x03\x01",
            ]
        ),
    ),
    max_size=12,
)


@given(HOSTILE)
def test_any_bytes_are_an_answer_or_a_failure(parts: list[bytes]) -> None:
    async def ask() -> None:
        try:
            answer = await http.get(Scripted([p for p in parts if p]), "h.test", "/", "a", 5)
        except Failed:
            return
        assert 200 <= answer.status <= 999
        assert isinstance(answer.text, str)

    asyncio.run(ask())
