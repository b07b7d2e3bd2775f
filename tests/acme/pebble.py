"""A real CA on loopback: Debian's Pebble, with its own DNS server where none is given.

Each start makes a new CA and a new HTTPS certificate; everything ends with the block.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from ssl import create_default_context

import pytest
import trustme

HOW_TO_GET_IT = "no {}: apt-get install pebble"
START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Pebble:
    """A running Pebble. ``ca_bundle`` verifies its HTTPS; challenges are asked for at
    ``http_port``."""

    directory: str
    management: str
    ca_bundle: str
    http_port: int

    def roots(self) -> bytes:
        """The root of the certificates that it issues, as PEM; another one after each start."""
        return _get(f"{self.management}/roots/0", self.ca_bundle)


@contextmanager
def pebble(
    *,
    http_port: int | None = None,
    dns: str | None = None,
    always_valid: bool = False,
    bad_nonces: int = 0,
    eab_keys: Mapping[str, str] | None = None,
    blocked: Sequence[str] = (),
    validity: timedelta = timedelta(days=90),
) -> Iterator[Pebble]:
    """Run Pebble.

    ``dns`` is ``address:port`` of its resolver; without one every name is 127.0.0.1. ``bad_nonces``
    is the percentage of good nonces that it refuses, ``eab_keys`` the external accounts (base64url
    keys by id) of which it then demands one. The folder of its files can be used by nobody else.
    """
    if shutil.which("pebble") is None:
        pytest.skip(HOW_TO_GET_IT.format("pebble"))
    port, management, challenges = free_ports(3)
    challenges = http_port or challenges
    with tempfile.TemporaryDirectory(prefix="certwatch-pebble-") as name, _dns(dns) as resolver:
        folder = Path(name)
        bundle = _identity(folder)
        config = {
            "listenAddress": f"127.0.0.1:{port}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(folder / "cert.pem"),
            "privateKey": str(folder / "key.pem"),
            "httpPort": challenges,
            "tlsPort": 9,
            "externalAccountBindingRequired": bool(eab_keys),
            "externalAccountMACKeys": dict(eab_keys or {}),
            "certificateValidityPeriod": int(validity.total_seconds()),
            "domainBlocklist": list(blocked),
        }
        (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
        environment = {
            "PEBBLE_VA_NOSLEEP": "1",
            "PEBBLE_WFE_NONCEREJECT": str(bad_nonces),
            "PEBBLE_AUTHZREUSE": "0",
            "PEBBLE_WFE_ORDERS_PER_PAGE": "25",
        }
        if always_valid:
            environment["PEBBLE_VA_ALWAYS_VALID"] = "1"
        command = ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", resolver]
        running = Pebble(
            f"https://127.0.0.1:{port}/dir", f"https://127.0.0.1:{management}", bundle, challenges
        )
        with process(command, folder / "pebble.log", environment) as alive:
            wait_for(lambda: _get(running.directory, bundle), alive, folder / "pebble.log")
            yield running


@contextmanager
def process(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Callable[[], bool]]:
    """Run a program to the end of the block; yields whether it still runs."""
    with log.open("wb") as out:
        started = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, **(environment or {})}
        )
    try:
        yield lambda: started.poll() is None
    finally:
        started.terminate()
        try:
            started.wait(timeout=10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def wait_for(ask: Callable[[], object], alive: Callable[[], bool], log: Path) -> None:
    """Ask until there is an answer; a program that ended, or never answers, fails the test."""
    deadline = time.monotonic() + START_SECONDS
    while alive() and time.monotonic() < deadline:
        try:
            ask()
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"it did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that were free just now, for TCP and UDP."""
    held: list[socket.socket] = []
    ports: list[int] = []
    while len(ports) < count:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        held += [tcp, udp]
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            continue
        ports.append(tcp.getsockname()[1])
    for each in held:
        each.close()
    return ports


@contextmanager
def _dns(given: str | None) -> Iterator[str]:
    """The resolver to use: the one given, else one for which every name is 127.0.0.1."""
    if given is not None:
        yield given
        return
    if shutil.which("pebble-challtestsrv") is None:
        pytest.skip(HOW_TO_GET_IT.format("pebble-challtestsrv"))
    port, management = free_ports(2)
    off = [word for name in ("http01", "https01", "tlsalpn01") for word in (f"-{name}", "")]
    where = ["-dns01", f"127.0.0.1:{port}", "-management", f"127.0.0.1:{management}"]
    command = ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", *where, *off]
    with tempfile.TemporaryDirectory(prefix="certwatch-dns-") as folder:
        log = Path(folder) / "log"
        with process(command, log) as alive:
            wait_for(
                lambda: socket.create_connection(("127.0.0.1", management), 1).close(), alive, log
            )
            yield f"127.0.0.1:{port}"


def _identity(folder: Path) -> str:
    """Pebble's own HTTPS certificate; returns the file that verifies it."""
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1", "localhost")
    own.private_key_pem.write_to_path(folder / "key.pem")
    for pem in own.cert_chain_pems:
        pem.write_to_path(folder / "cert.pem", append=True)
    authority.cert_pem.write_to_path(folder / "bundle.pem")
    return str(folder / "bundle.pem")


def _get(url: str, ca_bundle: str) -> bytes:
    context = create_default_context(cafile=ca_bundle)
    with urllib.request.urlopen(url, timeout=5, context=context) as answer:
        body: bytes = answer.read()
        return body
