"""The whole way with a real nginx: its rendered configuration serves what certwatch renews."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from getpass import getuser
from pathlib import Path

from certwatch.core.x509 import parse_certificate
from tests.deploy import nginx
from tests.renewing.place import FREE, ORIGIN, TIMEOUT, Place

NAME = "click.nginx.test"
REQUEST = (
    b"GET /f/a/TOKEN~~/x?u=1&u=%2F2 HTTP/1.1\r\nHost: click.nginx.test\r\n"
    b"User-Agent: a reader\r\nConnection: close\r\n\r\n"
)


@contextmanager
def serving(here: Place, file: Path) -> Iterator[None]:
    """nginx beside the place, until the block ends."""
    running: AbstractAsyncContextManager[None] = _ready(here, file)

    def play(work):
        return asyncio.run_coroutine_threadsafe(work, here.loop).result(TIMEOUT)

    play(running.__aenter__())
    try:
        yield
    finally:
        play(running.__aexit__(None, None, None))


@contextlib.asynccontextmanager
async def _ready(here: Place, file: Path) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(*nginx.command(file))
    try:
        async with asyncio.timeout(nginx.PATIENCE):
            while True:
                assert process.returncode is None, (file.parent / "error.log").read_text()
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(FREE, here.https_port)
                    writer.close()
                    await writer.wait_closed()
                    break
                await asyncio.sleep(0.05)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def click(here: Place) -> tuple[str, bytes]:
    """The serial of the certificate that a reader sees, and the answer to a click."""
    context = ssl.create_default_context(cafile=str(here.folder / "roots.pem"))

    async def ask() -> tuple[str, bytes]:
        reader, writer = await asyncio.open_connection(
            FREE, here.https_port, ssl=context, server_hostname=NAME
        )
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.write(REQUEST)
        answer = await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return parse_certificate(der).serial, answer

    return asyncio.run(ask())


def test_nginx_serves_each_new_certificate_and_clicks_reach_the_origin(here):
    nginx.program()
    here.add(NAME, cname="front.house.test", origin=f"{ORIGIN}:{here.https_port}")
    here.point("front.house.test", f"A {FREE}")
    here.point(NAME, "CNAME front.house.test.")
    file = here.folder / "nginx.conf"
    where = ("--resolver", here.nameserver, "--listen", FREE, "--user", getuser())
    here("edge", "render", "nginx", *where, "--out", str(file))
    scratch = "".join(f"{name}_temp_path {here.folder}/{name};\n" for name in nginx._TEMPORARY)
    file.write_text(file.read_text().replace("http {\n", "http {\n" + scratch, 1))
    with serving(here, file):
        here("enable", NAME)
        first, answer = click(here)
        assert first == here.in_place(NAME)
        assert answer.startswith(b"HTTP/1.1 302 ")
        here("renew", "--force", NAME)
        second, _ = click(here)
        assert second == here.in_place(NAME) != first
    heard = here.clicks[-1]
    assert heard.target == "/f/a/TOKEN~~/x?u=1&u=%2F2"
    assert (heard.host, heard.header("user-agent")) == (NAME, "a reader")
