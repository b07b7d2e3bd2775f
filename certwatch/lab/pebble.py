"""A real CA in the lab: Pebble, Let's Encrypt's own for tests (Debian's package ``pebble``)."""

import json
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from certwatch.lab.pki import Authority, life, pem
from certwatch.lab.programs import running
from certwatch.lab.sockets import free_ports

PROGRAM = "pebble"
_SECONDS = 90 * 86400  # a certificate's life
_ENVIRON = {
    "PEBBLE_VA_NOSLEEP": "1",
    "PEBBLE_AUTHZREUSE": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pebble:
    """A running Pebble: its directory's URL, the PEM file that verifies its HTTPS, and the root of
    what it issues, as PEM."""

    directory: str
    ca_bundle: Path
    root: bytes


@contextmanager
def pebble(
    program: str, folder: Path, *, nameserver: str, http_port: int, bad_nonces: int = 5
) -> Iterator[Pebble]:
    """Run Pebble in an empty folder; it validates over HTTP-01 at that port. Raises LabError.

    ``bad_nonces``: the percentage of good nonces that it refuses, as a client must bear it.
    """
    port, management = free_ports(2)
    bundle = _identify(folder)
    config = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(folder / "own.pem"),
        "privateKey": str(folder / "own.pem"),
        "httpPort": http_port,
        "tlsPort": http_port,  # unused: no challenge of ours comes that way
        "externalAccountBindingRequired": False,
        "certificateValidityPeriod": _SECONDS,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
    directory = f"https://127.0.0.1:{port}/dir"
    command = [program, "-config", str(folder / "pebble.json"), "-dnsserver", nameserver]
    with running(
        command,
        log=folder / "pebble.log",
        answers=lambda: _get(directory, bundle),
        environ=_ENVIRON | {"PEBBLE_WFE_NONCEREJECT": str(bad_nonces)},
    ):
        root = _get(f"https://127.0.0.1:{management}/roots/0", bundle)
        yield Pebble(directory=directory, ca_bundle=bundle, root=root)


def _identify(folder: Path) -> Path:
    """Pebble's own HTTPS certificate; the file that verifies it."""
    authority = Authority.root("Pebble's HTTPS", "Certwatch Lab", life(datetime.now(UTC), 30, 29))
    credential = authority.issue("127.0.0.1", span=life(datetime.now(UTC), 30, 29))
    (folder / "own.pem").write_bytes(credential.pem())
    bundle = folder / "bundle.pem"
    bundle.write_bytes(pem([authority.certificate]))
    return bundle


def _get(url: str, bundle: Path) -> bytes:
    context = ssl.create_default_context(cafile=str(bundle))
    with urllib.request.urlopen(url, timeout=5, context=context) as answer:
        body: bytes = answer.read()
    return body
