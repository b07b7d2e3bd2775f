"""Debian's nginx on free ports of loopback, and an origin that writes down what it hears."""

import asyncio
import os
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from getpass import getuser
from pathlib import Path

import pytest

from certwatch.core.x509 import parse_certificate
from certwatch.deploy.files import FileDeployer
from certwatch.deploy.nginx import Front, Origin, render
from tests.probes.authority import Issued, issue, root
from tests.probes.servers import HOST

HOUSE = Path(__file__).parents[2]
PATIENCE = 30  # seconds
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def program() -> str:
    """The nginx command; skips the test where there is none."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which("nginx", path=path) or pytest.skip("nginx is not installed")


def free_port() -> int:
    with socket.create_server((HOST, 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


def front(tmp_path: Path, **changes: object) -> Front:
    """How nginx serves in tests: on loopback, with keys of the account that runs them."""
    roots = tmp_path / "roots.pem"
    roots.write_text(ssl.DER_cert_to_PEM_cert(root().der))
    values: dict[str, object] = {
        "directory": tmp_path / "certs",
        "roots": roots,
        "challenge": (HOST, free_port()),
        "resolvers": ((HOST, 53),),
        "https_port": free_port(),
        "http_port": free_port(),
        "listen": (HOST,),
        "user": getuser() if os.geteuid() == 0 else None,
    }
    return Front(**(values | changes))  # type: ignore[arg-type]


def configured(domains: Iterable[tuple[str, Origin]], given: Front, folder: Path) -> Path:
    """The rendered configuration in a file, with nginx's own scratch files beside it."""
    scratch = "".join(f"    {name}_temp_path {folder}/{name};\n" for name in _TEMPORARY)
    text = render(domains, given, HOUSE / "reports")
    file = folder / "nginx.conf"
    file.write_text(text.replace("http {\n", "http {\n" + scratch, 1))
    return file


def command(file: Path, *more: str) -> list[str]:
    folder = file.parent
    directives = f"daemon off; pid {folder}/nginx.pid; lock_file {folder}/nginx.lock;"
    log = str(folder / "error.log")
    return [program(), "-p", str(folder), "-e", log, "-c", str(file), "-g", directives, *more]


@asynccontextmanager
async def running(file: Path, port: int) -> AsyncIterator[None]:
    """nginx with this configuration, until the block ends."""
    process = await asyncio.create_subprocess_exec(*command(file))
    try:
        async with asyncio.timeout(PATIENCE):
            while not await _listens(port):
                assert process.returncode is None, (file.parent / "error.log").read_text()
                await asyncio.sleep(0.05)
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@dataclass
class Recorder:
    """An origin that answers everything and keeps the raw heads of the requests."""

    heads: list[bytes] = field(default_factory=list)
    answer: bytes = (
        b"HTTP/1.1 302 Found\r\nLocation: https://brand.test/\r\nContent-Length: 0\r\n\r\n"
    )

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answer)
            await writer.drain()


def deploy(deployer: FileDeployer, name: str) -> Issued:
    """Put a fresh certificate of our authority in place."""
    issued = issue(name, root())
    pem = "".join(ssl.DER_cert_to_PEM_cert(one.der) for one in (issued, root()))
    key = issued.save(deployer._directory.parent).read_bytes()
    key = key[key.index(b"-----BEGIN PRIVATE KEY-----") :]
    deployer.deploy(name, key=key, chain=pem, certificate=parse_certificate(issued.der))
    return issued


async def https(port: int, name: str | None, request: bytes) -> tuple[bytes, bytes]:
    """The served leaf (DER) and the answer; the certificate is verified for the name."""
    context = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(root().der))
    if name is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(
            HOST, port, ssl=context, server_hostname=name or ""
        )
        try:
            served = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.write(request)
            return served, await reader.read()
        finally:
            writer.transport.abort()


async def http(port: int, request: bytes) -> bytes:
    """Everything that comes back."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(HOST, port)
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.transport.abort()
