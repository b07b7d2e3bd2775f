"""Handshakes with servers that are healthy, weak, silent or hostile."""

import asyncio
import os
import resource
import socket
import ssl
import struct
import warnings
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certwatch.core.model import Failure, TlsView, TrustVerdict
from certwatch.core.model import Path as Verified
from certwatch.probes import tls
from certwatch.probes.dial import Addresses, Dialler
from certwatch.probes.link import Link
from certwatch.probes.trouble import Failed
from tests.probes.authority import NOW, issue, root
from tests.probes.servers import HOST, Talk, running, server_context

NAME = "click.brand.test"
TRUSTED = Verified(TrustVerdict.TRUSTED)


async def idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


def saying_at_once(data: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(data)
        await writer.drain()

    return talk


def addresses(timeout: float = 2.0, private: bool = True, per_address: int = 8) -> Addresses:
    return Addresses(timeout=timeout, per_address=per_address, allow_private=private)


async def shake(port: int, sni: str | None = NAME, shared: Addresses | None = None) -> TlsView:
    dialler = Dialler(shared or addresses())
    async with dialler.open_tls(HOST, port, sni) as link:
        return tls.view(link, HOST, port, lambda chain, at: TRUSTED, NOW)


async def trouble(port: int, **options: object) -> tuple[Failure, str]:
    with pytest.raises(Failed) as caught:
        await shake(port, **options)  # type: ignore[arg-type]
    return caught.value.trouble.kind, caught.value.trouble.detail


async def test_the_chain_comes_as_served(tmp_path: Path) -> None:
    issuer = issue("Intermediate", root(), ca=True)
    leaf = issue(NAME, issuer)
    async with running(idle, server_context(leaf.save(tmp_path, issuer, root()))) as port:
        seen = await shake(port)
    assert [c.der for c in seen.chain] == [leaf.der, issuer.der, root().der]
    assert (seen.version, seen.path, seen.trouble) == ("TLSv1.3", TRUSTED, None)


async def test_equal_certificates_are_one_object(tmp_path: Path) -> None:
    context = server_context(issue(NAME, root()).save(tmp_path, root()))
    async with running(idle, context) as port:
        first, second = await shake(port), await shake(port)
    assert first.chain[1] is second.chain[1]


async def test_a_long_chain_is_cut(tmp_path: Path) -> None:
    extras = [issue(f"Extra {n}", root(), ca=True) for n in range(20)]
    context = server_context(issue(NAME, root()).save(tmp_path, *extras))
    async with running(idle, context) as port:
        assert len((await shake(port)).chain) == 10


async def test_tls12_only_works(tmp_path: Path) -> None:
    context = server_context(issue(NAME).save(tmp_path))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with running(idle, context) as port:
        assert (await shake(port)).version == "TLSv1.2"


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 1024)],
    ids=["P-384", "RSA 1024"],
)
async def test_unusual_and_weak_keys_are_seen(tmp_path: Path, key: rsa.RSAPrivateKey) -> None:
    context = server_context(issue(NAME, key=key).save(tmp_path))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with running(idle, context) as port:
        leaf = (await shake(port)).leaf
    assert leaf is not None
    assert leaf.key_bits == key.key_size


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_without_our_usual_group_is_asked_again(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    context = server_context(issue(NAME).save(tmp_path))
    context.maximum_version = version
    context.set_ecdh_curve("secp384r1")
    key = issue(NAME, key=ec.generate_private_key(ec.SECP384R1()))
    context.load_cert_chain(key.save(tmp_path))
    async with running(idle, context) as port:
        assert (await shake(port)).leaf is not None


async def test_sni_selects_and_no_sni_is_its_own_question(tmp_path: Path) -> None:
    default = server_context(issue("default.test").save(tmp_path))
    named = server_context(issue(NAME).save(tmp_path))

    def choose(sock: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if name == NAME:
            sock.context = named

    default.sni_callback = choose
    async with running(idle, default) as port:
        assert (await shake(port)).chain[0].sans == (NAME,)
        seen = await tls.address_view(Dialler(addresses()), HOST, port, NAME)
    assert seen.default_leaf is not None
    assert seen.default_leaf.sans == ("default.test",)
    assert (seen.default_trouble, seen.legacy_version) == (None, None)


async def test_a_server_that_wants_sni(tmp_path: Path) -> None:
    context = server_context(issue(NAME).save(tmp_path))
    context.sni_callback = lambda sock, name, _: None if name else 112
    async with running(idle, context) as port:
        seen = await tls.address_view(Dialler(addresses()), HOST, port, NAME)
    assert seen.default_leaf is None
    assert seen.default_trouble is not None


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
async def test_legacy_versions_are_found_out(tmp_path: Path, version: str) -> None:
    context = server_context(issue(NAME).save(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion[version]
        context.maximum_version = ssl.TLSVersion[version]
    async with running(idle, context) as port:
        dialler = Dialler(addresses())
        found = await tls.legacy_version(dialler, HOST, port, NAME)
        assert found == version.replace("_", ".")
        assert (await trouble(port))[0] in (Failure.ALERT, Failure.EOF)  # asyncio swallows alerts


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        port = unused.getsockname()[1]
    assert (await trouble(port))[0] is Failure.REFUSED


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"", (Failure.EOF, "")),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", (Failure.NOT_TLS, "it answers in HTTP")),
        (b"220 mail.test ESMTP\r\n", (Failure.NOT_TLS, "")),
        (bytes.fromhex("15030300020228"), (Failure.ALERT, "handshake_failure")),
        (bytes.fromhex("15030300020270"), (Failure.ALERT, "unrecognized_name")),
        (bytes.fromhex("15030300020246"), (Failure.ALERT, "protocol_version")),
        (bytes.fromhex("15030300020250"), (Failure.ALERT, "internal_error")),
        (bytes.fromhex("15030300020231"), (Failure.ALERT, "access_denied")),
    ],
)
async def test_answers_that_are_no_handshake(said: bytes, expected: tuple[Failure, str]) -> None:
    async with running(saying_at_once(said)) as port:
        assert await trouble(port) == expected


async def test_a_broken_record_is_malformed() -> None:
    async with running(saying_at_once(bytes.fromhex("160303000602000002ffff"))) as port:
        assert (await trouble(port))[0] is Failure.MALFORMED


async def test_a_reset_is_no_eof() -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with running(slam) as port:
        assert (await trouble(port))[0] is Failure.RESET


async def test_a_server_that_says_nothing_times_out() -> None:
    async with running(idle) as port:
        found = await trouble(port, shared=addresses(timeout=0.5))
    assert found == (Failure.TIMEOUT, "the TLS handshake did not finish")


async def test_a_silent_address_is_given_up_for_the_sweep() -> None:
    accepted = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        await reader.read()

    async with running(count) as port:
        shared = addresses(timeout=0.5)
        found = await asyncio.gather(*(trouble(port, shared=shared) for _ in range(40)))
    assert {kind for kind, _ in found} == {Failure.TIMEOUT}
    assert 8 <= accepted <= 16


async def test_few_connections_at_a_time() -> None:
    now = most = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await reader.read()
        now -= 1

    async def visit(shared: Addresses) -> None:
        async with Dialler(shared).open(HOST, port):
            await asyncio.sleep(0.02)

    async with running(count) as port:
        shared = addresses(per_address=3)
        await asyncio.gather(*(visit(shared) for _ in range(12)))
    assert 3 <= most <= 4  # a server may see the end of one after the beginning of the next


async def drain(link: Link) -> None:
    while await link.receive():
        pass


async def test_endless_bytes_are_cut_off() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with running(flood) as port, Dialler(addresses()).open(HOST, port) as link:
        with pytest.raises(Failed, match="more bytes"):
            await drain(link)


async def test_bytes_that_nobody_reads_stop_flowing() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    async with running(flood) as port, Dialler(addresses()).open(HOST, port, 10**9) as link:
        await asyncio.sleep(0.2)
        assert sent < 20_000_000
        assert await link.receive()


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
async def test_forbidden_addresses_are_never_connected_to(address: str) -> None:
    with pytest.raises(Failed) as caught:
        async with Dialler(addresses(private=False)).open_tls(address, 443, NAME):
            pass
    assert caught.value.trouble.kind is Failure.FORBIDDEN
    assert address in caught.value.trouble.detail


async def test_a_look_that_spent_its_time_opens_no_more(tmp_path: Path) -> None:
    async with running(idle, server_context(issue(NAME).save(tmp_path))) as port:
        dialler = Dialler(addresses(timeout=0.2))
        async with dialler.open(HOST, port):
            await asyncio.sleep(0.9)
        with pytest.raises(Failed, match="too long"):
            async with dialler.open(HOST, port):
                pass


async def test_no_descriptors_left_is_our_side() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with running(idle) as port:
        next_free = os.dup(0)
        os.close(next_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_free, hard))
        try:
            found = await trouble(port)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == (Failure.LOCAL, "Too many open files")
