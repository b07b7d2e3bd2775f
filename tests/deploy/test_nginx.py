"""The rendered configuration under Debian's nginx: certificates, challenges and clicks."""

import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from certwatch.acme.responder import PREFIX, Responder
from certwatch.core.model import Mode, TrackingDomain
from certwatch.deploy.files import FileDeployer
from certwatch.deploy.nginx import Front, proxied, render
from certwatch.errors import UsageError
from tests.deploy import nginx
from tests.deploy.nginx import HOUSE, Recorder
from tests.factories import CATALOG
from tests.probes.authority import issue, root
from tests.probes.servers import HOST, Dns, running, running_dns, server_context

NAME = "click.brand.test"
ORIGIN = "origin.test"
CLICK = "/f/a/Xyz%2F..%2f?u=a%20b&c=%E2%82%AC"
AGENT = "Mozilla/5.0 (X11; \xfc) Odd/1.0  two spaces"


@dataclass
class Edge:
    """nginx with everything around it."""

    front: Front
    deployer: FileDeployer
    origin: Recorder
    dns: Dns

    async def get(self, target: str, *lines: str, name: str = NAME) -> bytes:
        head = [f"GET {target} HTTP/1.1", f"Host: {name}", *lines, "Connection: close", "", ""]
        request = "\r\n".join(head).encode("latin-1")
        return (await nginx.https(self.front.https_port, name, request))[1]

    async def get_clear(self, target: str, name: str = NAME) -> bytes:
        request = f"GET {target} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
        return await nginx.http(self.front.http_port, request.encode())

    async def leaf(self, name: str = NAME) -> bytes:
        request = f"HEAD / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
        return (await nginx.https(self.front.https_port, name, request.encode()))[0]


def key_authorization(host: str, token: str) -> str | None:
    return "token.thumbprint" if (host, token) == (NAME, "token") else None


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Edge]:
    nginx.program()
    origin, context = Recorder(), server_context(issue(ORIGIN, root()).save(tmp_path, root()))
    async with AsyncExitStack() as stack:
        dns = await stack.enter_async_context(running_dns())
        dns.host(ORIGIN)
        port = await stack.enter_async_context(running(origin.talk, context))
        challenges = Responder((HOST, 0), key_authorization, lambda host: host == NAME)
        await stack.enter_async_context(challenges)
        front = nginx.front(
            tmp_path,
            challenge=(HOST, challenges.port),
            resolvers=((HOST, dns.port),),
            hsts=600,
        )
        deployer = FileDeployer(front.directory, keep=1, unseal=bytes)
        nginx.deploy(deployer, NAME)
        file = nginx.configured([(NAME, (ORIGIN, port, "https"))], front, tmp_path)
        await stack.enter_async_context(nginx.running(file, front.https_port))
        yield Edge(front, deployer, origin, dns)


async def test_a_click_arrives_byte_for_byte(edge: Edge) -> None:
    lines = (
        f"User-Agent: {AGENT}",
        "X-Forwarded-For: 6.6.6.6",
        "X-Forwarded-Proto: gopher",
        "X-Forwarded-Host: evil.test",
        "X-Real-IP: 6.6.6.6",
        "Forwarded: for=6.6.6.6",
    )
    answer = await edge.get(CLICK, *lines)
    assert answer.startswith(b"HTTP/1.1 302")
    assert b"\r\nLocation: https://brand.test/\r\n" in answer
    head = edge.origin.heads[0].decode("latin-1")
    request, *headers = head.rstrip().split("\r\n")
    assert request == f"GET {CLICK} HTTP/1.1"
    named = {name.lower(): value for name, value in (line.split(": ", 1) for line in headers)}
    assert named["host"] == NAME
    assert named["user-agent"] == AGENT
    assert named["x-forwarded-for"] == named["x-real-ip"] == HOST
    assert (named["x-forwarded-proto"], named["x-forwarded-host"]) == ("https", NAME)
    assert "evil" not in head
    assert "6.6.6.6" not in head


@pytest.mark.parametrize(
    "target",
    [
        "//x//y",
        "/a/../b/./c",
        "/a/%2e%2E/b%2Fc",
        "/\xe9?\xfc",
        "/?a=%00&b=\\",
        "/;x|y'\"",
        "/" + "q" * 20_000,
    ],
)
async def test_odd_paths_arrive_unchanged_too(edge: Edge, target: str) -> None:
    assert (await edge.get(target)).startswith(b"HTTP/1.1 302")
    assert edge.origin.heads[0].startswith(f"GET {target} HTTP/1.1\r\n".encode("latin-1"))


async def test_http_goes_to_https_with_host_path_and_query(edge: Edge) -> None:
    for target in (CLICK, "//evil.test/", "/"):
        answer = await edge.get_clear(target)
        assert answer.startswith(b"HTTP/1.1 308")
        assert f"\r\nLocation: https://{NAME}{target}\r\n".encode() in answer
        assert b"Strict-Transport-Security" not in answer
    assert not edge.origin.heads


async def test_http_links_are_served_until_there_is_a_certificate(tmp_path: Path) -> None:
    nginx.program()
    front, origin = nginx.front(tmp_path), Recorder()
    async with running(origin.talk) as port:
        file = nginx.configured([(NAME, (HOST, port, "http"))], front, tmp_path)
        async with nginx.running(file, front.https_port):
            request = f"GET {CLICK} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()
            assert (await nginx.http(front.http_port, request)).startswith(b"HTTP/1.1 302")
            head = origin.heads[0].decode()
            assert head.startswith(f"GET {CLICK} HTTP/1.1\r\nHost: {NAME}\r\n")
            assert "X-Forwarded-Proto: http\r\n" in head
            nginx.deploy(FileDeployer(front.directory, keep=0, unseal=bytes), NAME)
            assert (await nginx.http(front.http_port, request)).startswith(b"HTTP/1.1 308")
    assert len(origin.heads) == 1


async def test_hsts_is_sent_over_https_once(edge: Edge) -> None:
    edge.origin.answer = (
        b"HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\nContent-Length: 0\r\n\r\n"
    )
    answer = await edge.get("/")
    assert answer.count(b"Strict-Transport-Security") == 1
    assert b"Strict-Transport-Security: max-age=600\r\n" in answer


async def test_challenges_are_answered_through_nginx(edge: Edge) -> None:
    assert (await edge.get_clear(PREFIX + "token")).endswith(b"\r\n\r\ntoken.thumbprint")
    assert (await edge.get(PREFIX + "token")).endswith(b"\r\n\r\ntoken.thumbprint")
    assert (await edge.get_clear(PREFIX + "other")).startswith(b"HTTP/1.1 404")
    assert (await edge.get_clear(PREFIX + "token", "new.test")).startswith(b"HTTP/1.1 404")
    assert not edge.origin.heads


async def test_a_new_certificate_is_served_at_the_next_handshake_without_a_reload(
    edge: Edge,
) -> None:
    before = await edge.leaf()
    for _ in range(3):
        fresh = nginx.deploy(edge.deployer, NAME)
        assert await edge.leaf() == fresh.der != before


async def test_unknown_hosts_get_no_certificate_and_no_page(edge: Edge) -> None:
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        await edge.leaf("evil.test")
    with pytest.raises((ssl.SSLError, OSError)):
        await nginx.https(edge.front.https_port, None, b"GET / HTTP/1.1\r\n\r\n")
    assert (await edge.get_clear(CLICK, "evil.test")).startswith(b"HTTP/1.1 404")
    inside = b"GET / HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n"
    assert (await nginx.https(edge.front.https_port, NAME, inside))[1] == b""
    assert not edge.origin.heads


async def test_an_origin_under_a_foreign_certificate_gets_nothing(
    edge: Edge, tmp_path: Path
) -> None:
    edge.dns.zone.clear()
    assert (await edge.get(CLICK)).startswith(b"HTTP/1.1 502")
    foreign = server_context(issue("foreign.test", root()).save(tmp_path, root()))
    stranger = Recorder()
    async with running(stranger.talk, foreign) as port:
        front = replace(edge.front, http_port=nginx.free_port(), https_port=nginx.free_port())
        folder = tmp_path / "second"
        folder.mkdir()
        edge.dns.host(ORIGIN)
        file = nginx.configured([(NAME, (ORIGIN, port, "https"))], front, folder)
        async with nginx.running(file, front.https_port):
            second = replace(edge, front=front)
            assert (await second.get(CLICK)).startswith(b"HTTP/1.1 502")
    assert not stranger.heads


async def test_an_origin_that_moves_is_found_again(edge: Edge) -> None:
    assert edge.dns.asked[ORIGIN, "A"] == 0  # not looked up before it is needed
    await edge.get("/")
    assert edge.dns.asked[ORIGIN, "A"] >= 1


async def test_an_origin_in_clear(tmp_path: Path) -> None:
    front = nginx.front(tmp_path)
    origin = Recorder()
    async with running(origin.talk) as port:
        nginx.deploy(FileDeployer(front.directory, keep=0, unseal=bytes), NAME)
        file = nginx.configured([(NAME, (HOST, port, "http"))], front, tmp_path)
        async with nginx.running(file, front.https_port):
            request = f"GET {CLICK} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n"
            await nginx.https(front.https_port, NAME, request.encode())
    assert origin.heads[0].startswith(f"GET {CLICK} HTTP/1.1\r\nHost: {NAME}\r\n".encode())


def accepted(file: Path) -> None:
    done = subprocess.run(nginx.command(file, "-t"), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"listen": ("0.0.0.0",), "hsts": None},
        {"resolvers": (("::1", 53), ("127.0.0.1", 5353))},
        {"directory": Path("/srv/my certs/a+b=c")},
        {"challenge": ("::1", 8402)},
    ],
)
def test_nginx_accepts_what_is_rendered(tmp_path: Path, changes: dict[str, object]) -> None:
    nginx.program()
    domains = [
        (NAME, ("spgo.io", 443, "https")),
        ("go.brand.test", ("192.0.2.1", 8443, "https")),
        ("x.brand.test", ("2001:db8::1", 80, "http")),
        ("xn--mnchen-3ya.brand.test", ("_odd.host.test", 443, "https")),
    ]
    accepted(nginx.configured(domains, nginx.front(tmp_path, **changes), tmp_path))


def test_nginx_accepts_an_inventory_without_acme_domains(tmp_path: Path) -> None:
    nginx.program()
    accepted(nginx.configured([], nginx.front(tmp_path), tmp_path))


def test_a_hundred_thousand_domains_fit(tmp_path: Path) -> None:
    nginx.program()
    long = ".".join(["l" * 63] * 3)
    domains = [(f"click.brand{n}.test", ("spgo.io", 443, "https")) for n in range(100_000)]
    domains += [(f"a{n}.{long}.{'m' * 40}.test", ("spgo.io", 443, "https")) for n in range(100)]
    accepted(nginx.configured(domains, nginx.front(tmp_path), tmp_path))


def test_the_same_domains_in_another_order_are_the_same_text(tmp_path: Path) -> None:
    front = nginx.front(tmp_path)
    domains = [(f"{n}.brand.test", (f"o{n % 2}.test", 443, "https")) for n in range(9)]
    text = render(domains, front, HOUSE / "reports")
    assert render(reversed(domains), front, HOUSE / "reports") == text


HOSTILE = ["a;b", "x}", "{", "$host", "a b", "a\nb", '"', "'", "\\", "#", "~^.*$", "*.a.test"]


@pytest.mark.parametrize("text", [*HOSTILE, "", ".a.test", "A.test", "a..test", "a.test."])
def test_no_name_can_speak_to_nginx(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError):
        render([(text, ("o.test", 443, "https"))], nginx.front(tmp_path), HOUSE / "reports")


@pytest.mark.parametrize(
    "origin",
    [
        *((text, 443, "https") for text in [*HOSTILE, "", "a..b", "fe80::1%eth0;", "::1]"]),
        *(("o.test", port, "https") for port in (-1, 0, 70_000)),
        ("o.test", 443, "unix:/x"),
    ],
)
def test_no_origin_can_speak_to_nginx(tmp_path: Path, origin: tuple[str, int, str]) -> None:
    with pytest.raises(UsageError):
        render([(NAME, origin)], nginx.front(tmp_path), HOUSE / "reports")


@pytest.mark.parametrize(
    "changes",
    [
        {"directory": Path("/srv/$host")},
        {"directory": Path('/srv/"; include /x')},
        {"directory": Path("certs")},
        {"roots": Path("/a\nb")},
        {"user": "root; x"},
        {"resolvers": ()},
        {"resolvers": (("ns.test", 53),)},
        {"listen": ("0.0.0.0:80; x",)},
        {"listen": ()},
        {"hsts": -1},
    ],
)
def test_no_setting_can_speak_to_nginx(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        render([], nginx.front(tmp_path, **changes), HOUSE / "reports")


def test_only_acme_domains_are_proxied_each_to_its_origin() -> None:
    domains = [
        TrackingDomain(name="a.test", mode=Mode.ACME, provider="sparkpost"),
        TrackingDomain(name="b.test", mode=Mode.ACME, provider="sparkpost", cname="eu.spgo.io"),
        TrackingDomain(name="c.test", mode=Mode.ACME, origin="mine.test:8443"),
        TrackingDomain(name="d.test", mode=Mode.ACME),
        TrackingDomain(name="e.test", mode=Mode.CDN, provider="sparkpost"),
        TrackingDomain(name="f.test", provider="sparkpost"),
        TrackingDomain(name="g.test", mode=Mode.ACME, origin="plain.test:80"),
    ]
    placed, left_out = proxied(domains, CATALOG)
    assert dict(placed) == {
        "a.test": ("spgo.io", 443, "https"),
        "b.test": ("eu.spgo.io", 443, "https"),
        "c.test": ("mine.test", 8443, "https"),
        "g.test": ("plain.test", 80, "http"),
    }
    assert left_out == ["d.test"]
