"""The world starts quickly, several at once, writes its files, changes, and leaves nothing."""

import asyncio
import csv
import json
import time
import urllib.request
from pathlib import Path

import dns.message
import dns.query
import pytest
from cryptography import x509

from certwatch.config import load_settings
from certwatch.errors import LabError
from certwatch.lab.http import Response
from certwatch.lab.leaves import CRL_PATH
from certwatch.lab.plants import PLANTS
from certwatch.lab.server import Server
from certwatch.lab.truth import Leaf
from certwatch.lab.world import World
from tests.lab.clients import handshake


async def test_it_starts_within_two_seconds_and_leaves_nothing(tmp_path: Path) -> None:
    started = time.monotonic()
    async with World(tmp_path) as world:
        assert time.monotonic() - started < 2
        files = {file.name for file in tmp_path.iterdir()}
        assert files == {"certwatch.toml", "inventory.csv", "roots.pem", "ground_truth.json"}
        assert len(world.plants) >= len(PLANTS) - 1  # a machine without IPv6 cannot show one
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(ConnectionRefusedError):
        await handshake("127.0.1.20", world.https_port, None)


async def test_its_files_are_what_certwatch_reads(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        settings = load_settings(tmp_path / "certwatch.toml", {})
        assert settings.dns.nameservers == ((world.dns.address, world.dns.port),)
        assert settings.probe.https_port == world.https_port
        assert settings.probe.allow_private_addresses
        with (tmp_path / "inventory.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        truth = json.loads((tmp_path / "ground_truth.json").read_text(encoding="utf-8"))
        assert len(rows) == len(truth) == len(world.plants)
        assert "klick.grün.test" in {row["domain"] for row in rows}
        root = x509.load_pem_x509_certificate((tmp_path / "roots.pem").read_bytes())
        assert root == world.authorities.root.certificate


async def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match="file"):
        await World(tmp_path / "file" / "lab", plants=()).__aenter__()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_two_worlds_run_at_once(tmp_path: Path, world: World) -> None:
    async with World(tmp_path / "other", plants=()) as other:
        assert other.https_port != world.https_port
        for each in (world, other):
            await handshake("127.0.1.20", each.https_port, None)


async def test_change_renews_what_was_planted_to_be_renewed(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        before, _ = await handshake("127.0.1.20", world.https_port, "click.renewed.test")
        world.change()
        after, _ = await handshake("127.0.1.20", world.https_port, "click.renewed.test")
        same, _ = await handshake("127.0.1.20", world.https_port, "click.soon.test")
        assert before.serial_number != after.serial_number
        world.change()
        again, _ = await handshake("127.0.1.20", world.https_port, "click.soon.test")
        assert same == again


async def test_lights_out_silences_dns_until_lights_on(world: World) -> None:
    world.serve("click.brand.test", Leaf())
    query = dns.message.make_query("click.brand.test", "A")

    def ask() -> dns.message.Message:
        return dns.query.udp(query, world.dns.address, port=world.dns.port, timeout=0.3)

    world.lights_out()
    with pytest.raises(dns.exception.Timeout):
        await asyncio.to_thread(ask)
    world.lights_on()
    assert len((await asyncio.to_thread(ask)).answer) == 2


async def test_the_crl_is_published(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        url = f"http://127.0.0.1:{world.http_port}"
        data = await asyncio.to_thread(lambda: urllib.request.urlopen(url + CRL_PATH).read())
        assert len(list(x509.load_der_x509_crl(data))) == 1
        with pytest.raises(urllib.error.HTTPError, match="404"):
            await asyncio.to_thread(urllib.request.urlopen, f"{url}/no-such.crl")


async def test_without_ipv6_what_needs_it_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certwatch.lab.places.IPV6", "2001:db8::1")  # not ours
    async with World(tmp_path) as world:
        shown = {plant.name: plant for plant in world.plants}
        assert "click.families.test" not in shown
        assert shown["click.hazel.test"].at == ("proxy",)


async def test_an_address_that_cannot_be_had_is_an_error_of_ours() -> None:
    async def nothing(request: object) -> Response:
        return Response(status=200)

    with pytest.raises(LabError, match="Linux"):
        await Server(address="192.0.2.1", respond=nothing).__aenter__()
    async with Server(address="127.0.0.1", respond=nothing) as taken:
        twin = Server(address="127.0.0.1", respond=nothing, https_port=taken.https_port)
        with pytest.raises(LabError, match="try again"):
            await twin.__aenter__()
