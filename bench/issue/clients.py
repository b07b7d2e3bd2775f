"""The clients, each as its users run it, and what a batch of certificates costs them.

All make ECDSA P-256 keys, pass HTTP-01 and write PEM files. lego and certbot make one certificate a
process and answer challenges themselves; at once means several of them, each with an address and a
folder (so an account) of its own. certwatch makes a batch with one command.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from time import perf_counter

from bench.issue.servers import EDGE, EDGE_AT, ORIGIN, ZONE, World, account
from bench.scan.processes import SUBJECT, Cost, program, run
from certwatch.lab.files import renewal_settings
from certwatch.lab.sockets import free_ports

BUDGET = 1_000
_numbers = count()  # every certificate is for a name of its own


@dataclass(frozen=True, slots=True)
class Batch:
    """So many certificates and what they cost; ``idle`` is the command with nothing to do."""

    certificates: int
    cost: Cost
    idle: Cost | None = None


def certwatch(world: World, certificates: int, at_once: int) -> Batch:
    """One `certwatch renew` on an inventory of new domains, behind an nginx that serves them."""
    names, folder = _names(world, certificates, EDGE_AT), _folder(world)
    base = [sys.executable, "-m", "certwatch", "--config", str(folder / "certwatch.toml")]
    _prepare(world, folder, names, base)
    environ = {"CERTWATCH_ACME__CONCURRENCY": str(at_once)}
    with world.edge(folder / "nginx", (folder / "rendered.conf").read_text()):
        renew = [*base, "renew"]
        cost = run(SUBJECT, renew, errors=folder / "log", environ=environ)
        idle = run(SUBJECT, renew, errors=folder / "log", environ=environ)
    budget = json.loads(subprocess.check_output([*base, "budget", "--json"]))
    _all_there(folder, f"certs/*.{ZONE}/fullchain.pem", certificates)
    if budget["spent"] != certificates:
        raise SystemExit(f"certwatch's ledger holds {budget['spent']}, not {certificates}")
    return Batch(certificates, cost, idle)


def _prepare(world: World, folder: Path, names: Sequence[str], base: Sequence[str]) -> None:
    for each in ("certs", "nginx"):
        (folder / each).mkdir()
    text = renewal_settings(
        folder,
        nameserver=world.nameserver,
        https_port=world.https_port,
        http_port=world.http_port,
        directory=world.ca.directory,
        ca_bundle=world.ca.ca_bundle,
        challenge_port=free_ports(1)[0],
    )
    (folder / "certwatch.toml").write_text(f"{text}\n[budget]\ncertificates = {BUDGET}\n")
    (folder / "roots.pem").write_bytes(world.roots)
    rows = (f"{name},acme,{EDGE},{ORIGIN}:{world.https_port}\n" for name in names)
    (folder / "inventory.csv").write_text("domain,mode,cname,origin\n" + "".join(rows))
    run(SUBJECT, [*base, "init"])
    run(SUBJECT, [*base, "domains", "import", str(folder / "inventory.csv")])
    where = ["--listen", EDGE_AT, "--user", account(), "--out", str(folder / "rendered.conf")]
    run(SUBJECT, [*base, "edge", "render", "nginx", *where], errors=folder / "log")


def lego(world: World, certificates: int, at_once: int) -> Batch:
    """`lego run` for each name, with its own web server."""

    def command(name: str, address: str, folder: Path) -> list[str]:
        where = ["--server", world.ca.directory, "--path", str(folder)]
        who = ["--accept-tos", "--email", f"ops@{ZONE}", "--key-type", "ec256"]
        how = ["--http", "--http.port", f"{address}:{world.http_port}"]
        return [program("lego"), *where, *who, *how, "--domains", name, "run"]

    environ = {"LEGO_CA_CERTIFICATES": str(world.ca.ca_bundle)}
    return _each(world, certificates, at_once, command, environ, f"certificates/*.{ZONE}.crt")


def certbot(world: World, certificates: int, at_once: int) -> Batch:
    """`certbot certonly --standalone` for each name."""

    def command(name: str, address: str, folder: Path) -> list[str]:
        dirs = [part for it in ("config", "work", "logs") for part in (f"--{it}-dir", str(folder))]
        who = ["--non-interactive", "--agree-tos", "--register-unsafely-without-email"]
        how = ["--http-01-address", address, "--http-01-port", str(world.http_port)]
        made = ["--quiet", "--key-type", "ecdsa", "--server", world.ca.directory, "-d", name]
        return [program("certbot"), "certonly", "--standalone", *dirs, *who, *how, *made]

    environ = {"REQUESTS_CA_BUNDLE": str(world.ca.ca_bundle)}
    return _each(world, certificates, at_once, command, environ, "live/*/fullchain.pem")


def _each(
    world: World,
    certificates: int,
    at_once: int,
    command: Callable[[str, str, Path], list[str]],
    environ: dict[str, str],
    made: str,
) -> Batch:
    """A process for each name, so many workers side by side."""
    folder = _folder(world)
    shares = [
        _names(world, len(range(worker, certificates, at_once)), f"127.0.22.{worker + 1}")
        for worker in range(at_once)
    ]

    def work(worker: int) -> list[Cost]:
        own, address = folder / str(worker), f"127.0.22.{worker + 1}"
        own.mkdir()
        return [
            run(
                SUBJECT,
                command(name, address, own),
                errors=folder / f"{worker}.log",
                environ=environ,
            )
            for name in shares[worker]
        ]

    began = perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        costs = [cost for share in pool.map(work, range(at_once)) for cost in share]
    wall = perf_counter() - began
    _all_there(folder, f"*/{made}", certificates)
    peak = max(cost.peak for cost in costs)
    return Batch(certificates, Cost(wall, sum(cost.cpu for cost in costs), peak))


def _names(world: World, certificates: int, address: str) -> list[str]:
    names = [f"d{next(_numbers)}.{ZONE}" for _ in range(certificates)]
    world.point(names, address)
    return names


def _folder(world: World) -> Path:
    return Path(mkdtemp(dir=world.folder))


def _all_there(folder: Path, pattern: str, certificates: int) -> None:
    found = len(list(folder.glob(pattern)))
    if found != certificates:
        raise SystemExit(f"{found} certificates instead of {certificates} in {os.fspath(folder)}")
