"""The files that certwatch needs to look at a lab: settings, inventory, roots, ground truth."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from certwatch.core.names import display
from certwatch.errors import LabError
from certwatch.lab.leaves import ORGANIZATION
from certwatch.lab.truth import Plant

COLUMNS = ("domain", "provider", "mode", "edge", "origin", "cname", "owner", "tags", "sample_link")

_SETTINGS = """\
# Written by the lab: how certwatch sees this loopback world.

[store]
url = {database}

[dns]
nameservers = [{nameserver}]
timeout = "3s"

[probe]
concurrency = 16  # the world shares this machine with its visitor: a busy one must not look broken
https_port = {https_port}
http_port = {http_port}
timeout = "4s"
trust_roots = {roots}
allow_private_addresses = true  # the whole lab is on loopback
accept_ca = [{organization}]

[checks]
rollout_grace = "1s"  # the demo's sweeps are seconds apart

[report]
directory = {reports}

[[extra_edges]]
name = "small-cdn"
title = "Small CDN"
cname_suffixes = [".small-cdn.test"]
alias_limit = 2
"""


_RENEWAL_SETTINGS = """\
# Written by the lab: how certwatch renews in this loopback world.

[store]
url = {database}

[dns]
nameservers = [{nameserver}]
timeout = "3s"

[probe]
https_port = {https_port}
http_port = {http_port}
timeout = "4s"
trust_roots = {roots}
allow_private_addresses = true  # the whole lab is on loopback

[acme]
directory = {directory}
ca_bundle = {ca_bundle}
challenge_listen = "127.0.0.1:{challenge_port}"
key_file = {key_file}

[deploy]
directory = {certificates}
"""


def renewal_settings(
    folder: Path,
    *,
    nameserver: str,
    https_port: int,
    http_port: int,
    directory: str,
    ca_bundle: Path,
    challenge_port: int,
) -> str:
    """The text of ``certwatch.toml`` for renewing in this folder, at that CA."""
    return _RENEWAL_SETTINGS.format(
        database=json.dumps(f"sqlite:///{folder / 'certwatch.db'}"),
        nameserver=json.dumps(nameserver),
        https_port=https_port,
        http_port=http_port,
        roots=json.dumps(str(folder / "roots.pem")),
        directory=json.dumps(directory),
        ca_bundle=json.dumps(str(ca_bundle)),
        challenge_port=challenge_port,
        key_file=json.dumps(str(folder / "certwatch.key")),
        certificates=json.dumps(str(folder / "certs")),
    )


def settings(folder: Path, *, nameserver: str, https_port: int, http_port: int) -> str:
    """The text of ``certwatch.toml`` for a lab in this folder."""
    return _SETTINGS.format(
        database=json.dumps(f"sqlite:///{folder / 'certwatch.db'}"),
        nameserver=json.dumps(nameserver),
        https_port=https_port,
        http_port=http_port,
        roots=json.dumps(str(folder / "roots.pem")),
        organization=json.dumps(ORGANIZATION),
        reports=json.dumps(str(folder / "reports-out")),
    )


def inventory_row(
    plant: Plant, origin: tuple[str, int] | None, sample_link: str | None
) -> dict[str, str]:
    """A plant as a row of ``certwatch domains import``; empty cells are not declared."""
    return {
        "domain": display(plant.name),
        "provider": plant.provider or "",
        "mode": plant.mode or "",
        "origin": f"{origin[0]}:{origin[1]}" if origin else "",
        "tags": " ".join(plant.tags),
        "sample_link": sample_link or "",
        **plant.declared,
    }


def write_files(
    folder: Path,
    *,
    settings: str,
    inventory: Iterable[Mapping[str, str]],
    roots: bytes,
    truth: Iterable[Plant],
) -> None:
    """Write a lab's files into a folder, which is made where it is missing.

    Raises LabError when they cannot be written.
    """
    expected = [{"domain": p.name, "story": p.story, "codes": sorted(p.codes)} for p in truth]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "certwatch.toml").write_text(settings, encoding="utf-8")
        (folder / "roots.pem").write_bytes(roots)
        (folder / "ground_truth.json").write_text(json.dumps(expected, indent=1) + "\n")
        with (folder / "inventory.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(inventory)
    except OSError as error:
        raise LabError(f"{folder}: the lab's files cannot be written ({error.strerror})") from None
