"""One Pebble, a nameserver, an origin and an edge on one core, nothing beyond loopback.

Every client has addresses of its own, so that all of them answer challenges on the one port that
this Pebble asks: certwatch's nginx on one, each worker of the peers on another.
"""

import asyncio
import getpass
import os
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from bench.scan.processes import SERVERS, program
from certwatch.lab import nginx, pebble
from certwatch.lab.dns import DnsServer
from certwatch.lab.http import Request, Response
from certwatch.lab.pki import Authority, life, pem
from certwatch.lab.server import Server
from certwatch.lab.sockets import free_ports
from certwatch.lab.tls import Identity

T = TypeVar("T")

ZONE = "bench.test"
ORIGIN, ORIGIN_AT = f"origin.{ZONE}", "127.0.21.2"
EDGE, EDGE_AT = f"edge.{ZONE}", "127.0.21.1"


@dataclass(frozen=True, slots=True)
class World:
    """The running servers. ``roots`` verify origins and what Pebble issues."""

    folder: Path
    dns: DnsServer
    ca: pebble.Pebble
    roots: bytes
    https_port: int
    http_port: int
    loop: asyncio.AbstractEventLoop

    @property
    def nameserver(self) -> str:
        """As ADDRESS:PORT."""
        return f"{self.dns.address}:{self.dns.port}"

    def point(self, names: Iterable[str], address: str) -> None:
        """Let new domains lead to an address, by way of a CNAME as domains of customers do."""
        target = EDGE if address == EDGE_AT else f"h{address.replace('.', '-')}.{ZONE}"
        records = dict.fromkeys(names, (f"CNAME {target}.",)) | {target: (f"A {address}",)}
        _wait(self.loop, _update(self.dns, records))

    @contextmanager
    def edge(self, folder: Path, configuration: str) -> Iterator[None]:
        """Debian's nginx in an empty folder, with the configuration that certwatch rendered."""
        listens = (EDGE_AT, self.http_port)
        with nginx.nginx(program(nginx.PROGRAM), folder, configuration, listens=listens):
            yield


@contextmanager
def world() -> Iterator[World]:
    """Start them all, in a temporary folder that goes with them."""
    with ExitStack() as stack:
        os.sched_setaffinity(0, {SERVERS})  # of this thread, and of all that it starts
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="certwatch-bench-")))
        loop = stack.enter_context(_looping())
        https_port, http_port = free_ports(2)
        span = life(datetime.now(UTC), 30, 29)
        authority = Authority.root("Bench Root", "Bench", span)
        dns = DnsServer()
        dns.zone["."] = ("NS a.root.test.",)
        dns.zone[ORIGIN] = (f"A {ORIGIN_AT}",)
        origin = Server(
            address=ORIGIN_AT,
            respond=_welcome,
            https_port=https_port,
            http_port=None,
            identity=Identity(default=authority.issue(ORIGIN, span=span)),
        )
        for server in (dns, origin):
            _wait(loop, server.__aenter__())
            stack.callback(lambda one: _wait(loop, one.__aexit__(None, None, None)), server)
        (folder / "pebble").mkdir()
        ca = stack.enter_context(
            pebble.pebble(
                program(pebble.PROGRAM),
                folder / "pebble",
                nameserver=f"{dns.address}:{dns.port}",
                http_port=http_port,
                bad_nonces=0,
            )
        )
        roots = pem([authority.certificate]) + ca.root
        yield World(folder, dns, ca, roots, https_port, http_port, loop)


def account() -> str:
    """The account that nginx's workers run as: the one that owns the private keys."""
    return getpass.getuser()


async def _welcome(request: Request) -> Response:
    return Response(status=200, headers=(("content-type", "text/html"),), body="<p>hello</p>")


async def _update(dns: DnsServer, records: Mapping[str, tuple[str, ...]]) -> None:
    dns.zone.update(records)


@contextmanager
def _looping() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="lab", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _wait(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result()
