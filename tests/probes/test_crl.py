"""Revocation by lists that are right, old, forged, partial, unreachable or dangerous to fetch."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from cryptography import x509
from hypothesis import assume, given
from hypothesis import strategies as st

from certwatch.core.model import Path, Revocation, TrustVerdict
from certwatch.probes.crl import Revocations, Shelf, read_list
from certwatch.probes.dial import Addresses
from certwatch.probes.exchange import Exchange
from certwatch.probes.resolver import Resolver
from tests.probes.authority import DAY, NOW, Issued, issue, revocation_list, root
from tests.probes.servers import HOST, Dns, running, running_dns

UNTRUSTED = Path(TrustVerdict.UNTRUSTED)


@dataclass
class Publisher:
    """Serves one list, and asks about certificates that name it."""

    port: int
    resolver: Resolver
    dns: Dns
    body: bytes = b""
    status: str = "200 OK"
    fetched: int = 0
    shelf: Shelf = field(default_factory=Shelf)
    private: bool = True

    @property
    def url(self) -> str:
        return f"http://crl.test:{self.port}/list.crl"

    def leaf(self) -> Issued:
        return issue("click.brand.test", root(), crl_url=self.url)

    def sweep(self) -> Revocations:
        addresses = Addresses(timeout=2, per_address=8, allow_private=self.private)
        return Revocations(self.shelf, self.resolver, addresses, "certwatch/test")

    async def verdict(self, leaf: Issued, at: datetime = NOW, path: Path = UNTRUSTED) -> Revocation:
        chain = (leaf.parsed, root().parsed)
        return (await self.sweep().verdict(chain, path, at))[0]


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        served.fetched += 1
        head = f"HTTP/1.1 {served.status}\r\nContent-Length: {len(served.body)}\r\n"
        writer.write(f"{head}Location: http://crl.test/\r\n\r\n".encode() + served.body)

    async with running(talk) as port, running_dns() as dns:
        dns.host("crl.test")
        exchange = Exchange([(HOST, dns.port)], 2)
        await exchange.open()
        served = Publisher(port, Resolver(exchange), dns)
        yield served
        await exchange.close()


async def test_good_and_revoked(publisher: Publisher) -> None:
    good, revoked = publisher.leaf(), publisher.leaf()
    publisher.body = revocation_list(root(), revoked)
    assert await publisher.verdict(good) is Revocation.GOOD
    sweep = publisher.sweep()
    found = await sweep.verdict((revoked.parsed, root().parsed), UNTRUSTED, NOW)
    assert found == (Revocation.REVOKED, NOW - 2 * DAY)


async def test_the_issuer_of_the_verified_path_counts(publisher: Publisher) -> None:
    leaf = publisher.leaf()
    publisher.body = revocation_list(root())
    path = Path(TrustVerdict.TRUSTED, certificates=(leaf.parsed, root().parsed))
    found = await publisher.sweep().verdict((leaf.parsed,), path, NOW)
    assert found[0] is Revocation.GOOD


async def test_without_its_issuer_nothing_is_known(publisher: Publisher) -> None:
    publisher.body = revocation_list(root())
    leaf = publisher.leaf().parsed
    impostor = issue("Test Root", ca=True).parsed
    for chain in ((leaf,), (leaf, impostor)):
        assert (await publisher.sweep().verdict(chain, UNTRUSTED, NOW))[0] is Revocation.UNKNOWN
    assert publisher.fetched == 0


async def test_a_certificate_without_a_list(publisher: Publisher) -> None:
    assert await publisher.verdict(issue("a.test", root())) is Revocation.NOT_OFFERED


@pytest.mark.parametrize(("serial", "expected"), [("-7f", "unknown"), ("7f" * 300, "good")])
async def test_monstrous_serial_numbers(publisher: Publisher, serial: str, expected: str) -> None:
    publisher.body = revocation_list(root(), publisher.leaf())
    leaf = replace(publisher.leaf().parsed, serial=serial)
    path = Path(TrustVerdict.TRUSTED, certificates=(leaf, root().parsed))
    assert (await publisher.sweep().verdict((leaf,), path, NOW))[0] == expected


def scope(**options: object) -> x509.IssuingDistributionPoint:
    given = dict.fromkeys(
        ("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl",
         "only_contains_attribute_certs"), False
    )  # fmt: skip
    base = {"full_name": None, "relative_name": None, "only_some_reasons": None}
    return x509.IssuingDistributionPoint(**(base | given | options))  # type: ignore[arg-type]


ELSEWHERE = [x509.UniformResourceIdentifier("http://crl.test/other.crl")]


@pytest.mark.parametrize(
    "body",
    [
        revocation_list(root(), next_update=NOW),
        revocation_list(root(), this_update=NOW + DAY, next_update=NOW + 2 * DAY),
        revocation_list(issue("Test Root", ca=True)),
        revocation_list(issue("Another Root", ca=True)),
        revocation_list(root(), extension=x509.DeltaCRLIndicator(1)),
        revocation_list(root(), extension=scope(only_contains_ca_certs=True)),
        revocation_list(root(), extension=scope(indirect_crl=True)),
        revocation_list(root(), extension=scope(full_name=ELSEWHERE)),
        revocation_list(root())[:-1],
        b"-----BEGIN X509 CRL-----",
        b"",
    ],
    ids=["old", "of tomorrow", "forged", "of another CA", "delta", "for CAs", "indirect",
         "another shard", "cut", "no DER", "empty"],
)  # fmt: skip
async def test_a_list_that_does_not_count_is_unknown(publisher: Publisher, body: bytes) -> None:
    publisher.body = body
    assert await publisher.verdict(publisher.leaf()) is Revocation.UNKNOWN


async def test_a_list_for_leaves_of_this_url_counts(publisher: Publisher) -> None:
    here = [x509.UniformResourceIdentifier(publisher.url)]
    extension = scope(full_name=here, only_contains_user_certs=True)
    publisher.body = revocation_list(root(), extension=extension)
    assert await publisher.verdict(publisher.leaf()) is Revocation.GOOD


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops", "302 Found", "206 Partial"])
async def test_only_a_200_counts(publisher: Publisher, status: str) -> None:
    publisher.body, publisher.status = revocation_list(root()), status
    assert await publisher.verdict(publisher.leaf()) is Revocation.UNKNOWN


@pytest.mark.parametrize(
    "url",
    [
        "http://crl.test:1/refused",
        "http://gone.test/",
        "https://nul\x00.test/",
        "ldap://crl.test/",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1",
        "http://crl.test:99999/",
        "http://",
        "//crl.test/",
    ],
)
async def test_a_url_that_cannot_be_fetched_is_unknown(publisher: Publisher, url: str) -> None:
    leaf = issue("click.brand.test", root(), crl_url=url)
    assert await publisher.verdict(leaf) is Revocation.UNKNOWN


async def test_a_list_at_a_private_address_is_not_fetched(publisher: Publisher) -> None:
    publisher.body, publisher.private = revocation_list(root()), False
    assert await publisher.verdict(publisher.leaf()) is Revocation.UNKNOWN
    assert publisher.fetched == 0


async def test_a_huge_list_is_not_read(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.body = revocation_list(root())
    monkeypatch.setattr("certwatch.probes.crl.MAX_BYTES", 100)
    assert await publisher.verdict(publisher.leaf()) is Revocation.UNKNOWN


async def test_a_list_is_fetched_once_and_kept_until_its_next_update(publisher: Publisher) -> None:
    publisher.body = revocation_list(root())
    leaves = [publisher.leaf() for _ in range(5)]
    sweep = publisher.sweep()
    chains = [(leaf.parsed, root().parsed) for leaf in leaves]
    await asyncio.gather(*(sweep.verdict(chain, UNTRUSTED, NOW) for chain in chains))
    assert await publisher.verdict(leaves[0], NOW + DAY / 2) is Revocation.GOOD
    assert publisher.fetched == 1
    assert await publisher.verdict(leaves[0], NOW + 2 * DAY) is Revocation.UNKNOWN
    assert publisher.fetched == 2


async def test_a_failure_is_remembered_for_the_sweep(publisher: Publisher) -> None:
    publisher.status = "500 Oops"
    leaf, sweep = publisher.leaf(), publisher.sweep()
    for _ in range(3):
        found = await sweep.verdict((leaf.parsed, root().parsed), UNTRUSTED, NOW)
        assert found[0] is Revocation.UNKNOWN
    assert publisher.fetched == 1


def test_the_shelf_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    body = revocation_list(root())
    found = read_list(body, root().der, "http://crl.test/")
    assert found is not None
    monkeypatch.setattr("certwatch.probes.crl._MAX_KEPT_BYTES", len(body) + 1)
    shelf = Shelf()
    shelf.put(("a", ""), found)
    shelf.put(("b", ""), found)
    assert (shelf.get(("a", ""), NOW), shelf.get(("b", ""), NOW)) == (None, found)


HONEST = revocation_list(root())


@given(st.data())
def test_a_damaged_list_does_not_count(data: st.DataObject) -> None:
    body = bytearray(HONEST)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    assume(bytes(body) != HONEST)
    assert read_list(bytes(body), root().der, "http://crl.test/") is None


@given(st.binary(max_size=300))
def test_any_bytes_are_no_list(body: bytes) -> None:
    assert read_list(body, root().der, "http://crl.test/") is None
