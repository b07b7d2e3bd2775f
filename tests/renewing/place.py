"""A small place where certwatch renews: DNS, a real CA, and edges that serve what is deployed.

Everything is on loopback, all edges on the same two ports; commands run as child processes. Each
certwatch of the place has a port of its own for challenges, and the edges ask those in turn.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import certwatch
from certwatch.app import App, compose
from certwatch.config import load_settings
from certwatch.core.model import Mode, TrackingDomain
from certwatch.core.x509 import parse_pem
from certwatch.lab.dns import DnsServer
from certwatch.lab.http import Request, Response, fetch
from certwatch.lab.pki import Authority, Credential, PrivateKey, life, pem
from certwatch.lab.server import Server
from certwatch.lab.sites import CHALLENGES, secured
from certwatch.lab.tls import Identity
from tests.acme.pebble import Pebble, free_ports, pebble

T = TypeVar("T")

HOUSE = "edge.house.test"  # where customers point their domains to
ORIGIN, ORIGIN_AT = "origin.esp.test", "127.0.0.5"
EDGES = ("127.0.0.1", "127.0.0.2")  # the addresses of our edge
ASTRAY = "127.0.0.3"  # a web server that knows nothing of challenges
FREE = "127.0.0.4"  # nobody is there yet
BLOCKED = "blocked.test"  # the CA does not issue for it
TIMEOUT = 120  # seconds; a command that takes longer hangs

_SETTINGS = """\
[store]
url = {database}

[dns]
nameservers = [{nameserver}]
timeout = "5s"

[probe]
https_port = {https_port}
http_port = {http_port}
timeout = "10s"
trust_roots = {roots}
allow_private_addresses = true

[acme]
directory = {directory}
ca_bundle = {bundle}
caa = ["ca.test"]
key_file = {key_file}

[deploy]
directory = {certificates}
grace = "30s"
"""


@dataclass(frozen=True)
class Run:
    """One command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order as the CA keeps it; ``serial`` is that of its certificate, if it has one."""

    domain: str
    status: str
    serial: str | None


@dataclass(slots=True, kw_only=True)
class Deployed(Identity):
    """Shows what lies in the folder of certificates, and an alert where there is nothing."""

    folder: Path

    def credential(self, server_name: str | None) -> Credential | None:
        """The certificate that is in place now."""
        there = self.folder / (server_name or "none").lower()
        with suppress(FileNotFoundError):
            key = load_pem_private_key((there / "privkey.pem").read_bytes(), None)
            assert isinstance(key, PrivateKey)
            return Credential(
                tuple(x509.load_pem_x509_certificates((there / "fullchain.pem").read_bytes())), key
            )
        return None


@dataclass(kw_only=True)
class Place:
    """The running place; ``challenges`` are the ports for them, one of each certwatch."""

    folder: Path
    dns: DnsServer
    edges: Mapping[str, Server]
    origin: Server
    ca: Pebble
    challenges: Sequence[int]
    loop: asyncio.AbstractEventLoop
    clicks: list[Request]
    blocked: set[str]  # hosts whose challenge path a firewall closes
    env: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Path:
        return self.folder / "certwatch.toml"

    @property
    def https_port(self) -> int:
        return self.edges[EDGES[0]].https_port or 0

    @property
    def nameserver(self) -> str:
        return f"{self.dns.address}:{self.dns.port}"

    def environment(self, node: int = 0) -> dict[str, str]:
        """What a certwatch of the place runs with; nodes differ in where they answer challenges."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith("CERTWATCH_")}
        listen = f"127.0.0.1:{self.challenges[node]}"
        return ours | {
            "PYTHONPATH": str(Path(certwatch.__file__).parents[1]),
            "CERTWATCH_CONFIG": str(self.settings),
            "CERTWATCH_ACME__CHALLENGE_LISTEN": listen,
            **self.env,
        }

    def start(
        self, *command: str, node: int = 0, errors: int | None = subprocess.PIPE
    ) -> "subprocess.Popen[str]":
        """Begin a Python command (``-m certwatch ...``); ``errors`` is its stderr."""
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment(node),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )

    def __call__(self, *args: str, code: int | tuple[int, ...] = 0) -> Run:
        """Run certwatch to its end; it must exit with (one of) ``code``, without a traceback."""
        with self.start("-m", "certwatch", *args) as process:
            try:
                out, err = process.communicate(timeout=TIMEOUT)
            except BaseException:
                process.kill()
                raise
        assert "Traceback" not in out + err
        assert "a bug in certwatch" not in err, err
        allowed = code if isinstance(code, tuple) else (code,)
        assert process.returncode in allowed, f"exit code {process.returncode}\n{out}\n{err}"
        return Run(process.returncode, out, err)

    @contextmanager
    def service(self, node: int = 0) -> Iterator["subprocess.Popen[str]"]:
        """A certwatch that works the queue while the block runs, from its first pass on."""
        with self.start("-m", "tests.renewing.service", node=node) as process:
            try:
                assert process.stdout
                assert process.stdout.readline() == "ready\n"
                yield process
            finally:
                process.kill()
                process.communicate()

    def app(self) -> App:
        """certwatch by the place's settings, in this process."""
        return compose(load_settings(self.settings))

    def point(self, name: str, *records: str) -> None:
        """Set the records of a name; without any it leads to our edge."""
        self.loop.call_soon_threadsafe(
            self.dns.zone.__setitem__, name, records or (f"CNAME {HOUSE}.",)
        )

    def add(
        self,
        *names: str,
        mode: Mode | None = Mode.ACME,
        cname: str | None = HOUSE,
        origin: str | None = None,
    ) -> str:
        """Domains that lead here, in DNS and in the inventory; returns the first."""
        with self.app().store() as store:
            for name in names:
                self.point(name)
                domain = TrackingDomain(name=name, mode=mode, cname=cname, origin=origin)
                store.add(domain, datetime.now(UTC))
        return names[0]

    def in_place(self, name: str) -> str:
        """The serial of the certificate whose files are in place."""
        return parse_pem((self.folder / "certs" / name / "fullchain.pem").read_bytes())[0].serial

    def spends(self, name: str | None = None) -> list[bool]:
        """The places taken in the budget, by one domain or by all: whether each is committed."""
        with self.app().store() as store:
            spends = store.spends(self.ca.directory, datetime.min.replace(tzinfo=UTC))
        return [spend.committed for spend in spends if name in (None, spend.domain)]

    def orders(self) -> list[Ordered]:
        """The orders of our account as the CA lists them (RFC 8555 section 7.1.2.1): oldest first,
        without those that failed."""
        with self.app().store() as store:
            if store.account(self.ca.directory) is None:
                return []
            shop = self.app().renewing(store, on_step=_nothing, on_trouble=_nothing).shop
            issuer: Any = shop.issuers[self.ca.directory]
            try:
                with issuer._sessions.signed() as ca:
                    return list(_orders(ca))
            finally:
                issuer.close()

    def orders_of(self, name: str) -> list[str]:
        """The statuses of a domain's orders."""
        return [order.status for order in self.orders() if order.domain == name]


def _nothing(*_: object) -> None:
    pass


def _orders(ca: Any) -> Iterator[Ordered]:
    page = ca.read(ca.account.url).document()["orders"]
    while page:
        answer = ca.read(page)
        for url in answer.document()["orders"]:
            order = ca.read(url).document()
            (identifier,) = order["identifiers"]
            url = order.get("certificate")
            serial = parse_pem(ca.read(url).body)[0].serial if url else None
            yield Ordered(identifier["value"], order["status"], serial)
        page = answer.next_page()


@contextmanager
def place(folder: Path, *, nodes: int = 1, database: str | None = None) -> Iterator[Place]:
    """A place that runs while the block does; its database is made, its inventory empty."""
    challenges = free_ports(nodes)
    with ExitStack() as stack:
        play = stack.enter_context(_loop())
        running = stack.enter_context(_entered(play, _servers(folder, challenges)))
        ca = stack.enter_context(
            pebble(http_port=running.http_port, dns=running.nameserver, blocked=[BLOCKED])
        )
        (folder / "roots.pem").write_bytes(ca.roots() + running.roots)
        (folder / "certwatch.toml").write_text(_settings(folder, running, ca, database))
        found = Place(
            folder=folder,
            dns=running.dns,
            edges=running.edges,
            origin=running.origin,
            ca=ca,
            challenges=challenges,
            loop=play.loop,
            clicks=running.clicks,
            blocked=running.blocked,
        )
        found("init")
        yield found


def _settings(folder: Path, running: "_Servers", ca: Pebble, database: str | None) -> str:
    values = {
        "database": database or f"sqlite:///{folder / 'certwatch.db'}",
        "nameserver": running.nameserver,
        "https_port": running.https_port,
        "http_port": running.http_port,
        "roots": str(folder / "roots.pem"),
        "directory": ca.directory,
        "bundle": ca.ca_bundle,
        "key_file": str(folder / "certwatch.key"),
        "certificates": str(folder / "certs"),
    }
    return _SETTINGS.format(**{name: json.dumps(value) for name, value in values.items()})


@dataclass(kw_only=True)
class _Servers:
    dns: DnsServer
    edges: dict[str, Server]
    origin: Server
    roots: bytes
    clicks: list[Request]
    blocked: set[str]
    https_port: int
    http_port: int

    @property
    def nameserver(self) -> str:
        return f"{self.dns.address}:{self.dns.port}"


async def _servers(folder: Path, challenges: Sequence[int]) -> tuple[_Servers, AsyncExitStack]:
    clicks: list[Request] = []
    blocked: set[str] = set()

    async def edge(request: Request) -> Response:
        if not request.path.startswith(CHALLENGES):
            return await _page(request)
        if request.host in blocked:
            return Response(status=403, body="forbidden by the firewall")
        return await _passed_on(request, challenges)

    async def origin(request: Request) -> Response:
        clicks.append(request)
        return Response(status=302, headers=(("location", "https://brand.test/"),))

    authority = Authority.root("Origin Root", "Origins", life(datetime.now(UTC), 30, 20))
    own = authority.issue(ORIGIN, span=life(datetime.now(UTC), 30, 20))
    identity = Deployed(folder=folder / "certs")
    async with AsyncExitStack() as stack:
        dns = await stack.enter_async_context(DnsServer())
        edges: dict[str, Server] = {}
        https_port = http_port = 0
        for address in (*EDGES, ASTRAY):
            server = Server(
                address=address,
                respond=_page if address == ASTRAY else edge,
                https_port=https_port,
                http_port=http_port,
                identity=identity,
            )
            edges[address] = await stack.enter_async_context(server)
            https_port, http_port = server.https_port or 0, server.http_port or 0
        behind = Server(
            address=ORIGIN_AT,
            respond=origin,
            https_port=https_port,
            http_port=None,
            identity=Identity(default=own),
        )
        await stack.enter_async_context(behind)
        dns.zone["."] = ("NS a.root.test.",)
        dns.zone[HOUSE] = tuple(f"A {address}" for address in EDGES)
        dns.zone[ORIGIN] = (f"A {ORIGIN_AT}",)
        closing = stack.pop_all()
    return _Servers(
        dns=dns,
        edges=edges,
        origin=behind,
        roots=pem([authority.certificate]),
        clicks=clicks,
        blocked=blocked,
        https_port=https_port,
        http_port=http_port,
    ), closing


@secured
async def _page(request: Request) -> Response:
    return Response(status=200, headers=(("content-type", "text/html"),), body="<p>hello</p>")


async def _passed_on(request: Request, challenges: Sequence[int]) -> Response:
    """The answer of the first certwatch that runs and knows this challenge."""
    found = Response(status=502)
    for port in challenges:
        with suppress(OSError):
            found = await fetch(request, "127.0.0.1", port, timeout=10)
            if found.status == 200:
                break
    return found


@dataclass(frozen=True, slots=True)
class _Loop:
    loop: asyncio.AbstractEventLoop

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(TIMEOUT)


@contextmanager
def _loop() -> Iterator[_Loop]:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="place", daemon=True)
    thread.start()
    try:
        yield _Loop(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def _entered(
    play: _Loop, opening: Coroutine[Any, Any, tuple[_Servers, AsyncExitStack]]
) -> Iterator[_Servers]:
    running, closing = play.wait(opening)
    try:
        yield running
    finally:
        play.wait(closing.aclose())
