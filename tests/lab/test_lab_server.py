"""The lab's servers do with TLS and HTTP what they were told, seen by the ssl and http modules."""

import asyncio
import http.client
import shutil
import socket
import ssl
from typing import Any

import pytest

from certwatch.lab.http import Request, Response
from certwatch.lab.pki import pem
from certwatch.lab.places import PLACES
from certwatch.lab.sites import Quirk, site_of
from certwatch.lab.tls import TlsFault
from certwatch.lab.truth import Leaf
from certwatch.lab.world import World
from tests.lab.clients import get, get_plain, handshake, sans

NAME = "click.brand.test"


async def test_sni_selects_the_certificate_and_it_verifies(world: World) -> None:
    world.serve(NAME, Leaf(), place="fastly")
    roots = pem([world.authorities.root.certificate]).decode()
    leaf, version = await handshake("127.0.1.3", world.https_port, NAME, roots=roots)
    assert (sans(leaf), version) == ([NAME], "TLSv1.3")


async def test_strangers_and_clients_without_sni_get_the_default(world: World) -> None:
    for name in (None, "other.test"):
        leaf, _ = await handshake("127.0.1.3", world.https_port, name)
        assert sans(leaf) == ["default.ssl.fastly.net"]


async def test_a_wildcard_serves_the_names_below_it(world: World) -> None:
    wildcard = world.authorities.credential("*.brand.test", Leaf())
    world.servers["proxy"].identity.names["*.brand.test"] = wildcard
    leaf, _ = await handshake("127.0.1.20", world.https_port, NAME)
    assert sans(leaf) == ["*.brand.test"]


async def test_certificates_rotate_while_running(world: World) -> None:
    world.serve(NAME, Leaf(left=10))
    before, _ = await handshake("127.0.1.20", world.https_port, NAME)
    world.identify(NAME, Leaf(left=44))
    after, _ = await handshake("127.0.1.20", world.https_port, NAME)
    assert (after.not_valid_after_utc - before.not_valid_after_utc).days == 34


@pytest.mark.parametrize(("place", "name"), [("cloudflare", "other.test"), ("needs_sni", None)])
async def test_a_refused_name_gets_a_real_alert(world: World, place: str, name: str | None) -> None:
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        await handshake(PLACES[place].address, world.https_port, name)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
async def test_openssl_sees_the_alert_by_its_number(world: World) -> None:
    command = ["s_client", "-connect", f"127.0.1.2:{world.https_port}", "-servername", "x.test"]
    process = await asyncio.create_subprocess_exec(
        "openssl",
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    _, errors = await process.communicate()
    assert b"SSL alert number 112" in errors


@pytest.mark.parametrize("leaf", [Leaf(rsa_bits=1024), Leaf(left=-1), Leaf(left=46)])
async def test_weak_and_untimely_certificates_are_served(world: World, leaf: Leaf) -> None:
    world.serve(NAME, leaf)
    shown, _ = await handshake("127.0.1.20", world.https_port, NAME)
    assert sans(shown) == [NAME]


@pytest.mark.filterwarnings("ignore:ssl.OP_NO_:DeprecationWarning")
async def test_tls_versions(world: World) -> None:
    legacy, modern = PLACES["legacy"].address, PLACES["proxy"].address
    for name in ("legacy", "tls12"):
        world.serve(NAME, Leaf(), place=name)
    assert (await handshake(legacy, world.https_port, NAME, legacy=True))[1] == "TLSv1.1"
    assert (await handshake(legacy, world.https_port, NAME))[1] == "TLSv1.3"
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        await handshake(modern, world.https_port, NAME, legacy=True)
    assert (await handshake(PLACES["tls12"].address, world.https_port, NAME))[1] == "TLSv1.2"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (TlsFault.EOF, (ssl.SSLEOFError, ssl.SSLZeroReturnError)),  # which, depends on Python
        (TlsFault.RESET, ConnectionResetError),
        (TlsFault.STALL, TimeoutError),
        (TlsFault.GARBAGE, ssl.SSLError),
    ],
)
async def test_tls_faults(world: World, fault: TlsFault, error: Any) -> None:
    world.servers["proxy"].fault = fault
    with pytest.raises(error):
        await handshake("127.0.1.20", world.https_port, NAME)


async def test_closed_ports_refuse(world: World) -> None:
    with pytest.raises(ConnectionRefusedError):
        await handshake(PLACES["closed"].address, world.https_port, NAME)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((PLACES["no_http"].address, world.http_port), timeout=1)


async def test_a_connection_carries_several_requests(world: World) -> None:
    world.serve(NAME, Leaf())

    def twice() -> list[int]:
        connection = http.client.HTTPConnection("127.0.1.20", world.http_port, timeout=2)
        statuses = []
        for _ in range(2):
            connection.request("GET", "/", headers={"Host": NAME})
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
        return statuses

    assert await asyncio.to_thread(twice) == [301, 301]


async def test_what_is_no_http_gets_400(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.1.20", world.http_port)
    writer.write(b"nonsense\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_an_endless_body_goes_on_and_slow_headers_trickle(world: World) -> None:
    async def endless(request: Request) -> Response:
        return Response(status=200, endless=True)

    async def slow(request: Request) -> Response:
        return Response(status=200, pause=0.05)

    world.serve(NAME, Leaf(), respond=endless)
    reader, writer = await asyncio.open_connection("127.0.1.20", world.http_port)
    writer.write(f"GET / HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
    assert len(await reader.readexactly(1_000_000)) == 1_000_000
    writer.close()

    world.serve(NAME, Leaf(), respond=slow)
    started = asyncio.get_running_loop().time()
    assert (await get(world, "proxy", NAME))[0] == 200
    assert asyncio.get_running_loop().time() - started > 0.15


@pytest.mark.parametrize(("quirk", "https"), [(Quirk.MUTE, True), (Quirk.MUTE_HTTP, False)])
async def test_a_mute_site_closes_one_port_without_an_answer(
    world: World, quirk: Quirk, https: bool
) -> None:
    async def behind(request: Request) -> Response:
        return Response(status=200)

    world.serve(NAME, Leaf(), respond=site_of(behind, (quirk,)))
    mute, loud = (get, get_plain) if https else (get_plain, get)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
        await mute(world, "proxy", NAME)
    assert (await loud(world, "proxy", NAME))[0] in (200, 301)


async def test_head_has_no_body(world: World) -> None:
    world.serve(NAME, Leaf())
    reader, writer = await asyncio.open_connection("127.0.1.1", world.http_port)
    writer.write(b"HEAD / HTTP/1.1\r\nHost: nobody.test\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).endswith(b"\r\n\r\n")
    writer.close()


async def test_port_80_redirects_to_the_same_link(world: World) -> None:
    world.serve(NAME, Leaf())
    status, headers, _ = await get_plain(world, "proxy", NAME, "/a?b=c")
    assert (status, headers["location"]) == (301, f"https://{NAME}/a?b=c")
