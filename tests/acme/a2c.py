"""A second CA on loopback, with ARI and profiles: acme2certifier, in a process of its own.

It asks for HTTP-01 challenges on port 80 and for DNS on port 53 and nowhere else; where both are
not to be had it takes every domain's word for it.
"""

import json
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certwatch.lab.pki import Authority, Credential, pem
from tests.acme.pebble import free_ports, process, wait_for

HOW_TO_GET_IT = "no acme2certifier: pip install acme2certifier"
_SERVE = """
import sys
from werkzeug.serving import run_simple
from acme2certifier.share.acme2certifier_wsgi import application
run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True)
"""


@dataclass(frozen=True, slots=True)
class Acme2Certifier:
    """A running acme2certifier; it speaks plain HTTP. ``roots`` is the PEM of its root."""

    directory: str
    roots: bytes


@contextmanager
def acme2certifier(
    *,
    nameserver: str | None = None,
    eab_keys: Mapping[str, str] | None = None,
    profiles: Sequence[str] = (),
    validity_days: int = 90,
    window_from: float = 85.0,
    window_for: timedelta | None = None,
    poll_in: timedelta = timedelta(hours=6),
) -> Iterator[Acme2Certifier]:
    """Run acme2certifier.

    ``nameserver`` is the address of a resolver on port 53, with which challenges are truly asked
    for; without one every answer is believed. ``window_from`` is the percentage of a certificate's
    life after which renewal is suggested, ``window_for`` how long (else to its end), ``poll_in``
    the Retry-After of that.
    """
    if find_spec("acme2certifier") is None:
        pytest.skip(HOW_TO_GET_IT)
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="certwatch-a2c-") as name:
        folder = Path(name)
        root = _authority(folder)
        sections = {
            "DEFAULT": {"debug": "False"},
            "Nonce": {"nonce_check_disable": "False"},
            "DBhandler": {"handler": "wsgi", "dbfile": str(folder / "acme.db")},
            "CAhandler": {
                "handler_module": "acme2certifier.cahandlers.openssl_ca_handler",
                "issuing_ca_key": str(folder / "ca.key"),
                "issuing_ca_cert": str(folder / "ca.pem"),
                "issuing_ca_crl": str(folder / "ca.crl"),
                "ca_cert_chain_list": json.dumps([str(folder / "root.pem")]),
                "cert_save_path": str(folder),
                "cert_validity_days": str(validity_days),
            },
            "Challenge": {"challenge_validation_disable": str(nameserver is None)},
            "Order": {"profiles_check_disable": "False"},
            "Renewalinfo": {
                "renewalthreshold_pctg": str(window_from),
                "retry_after_timeout": str(int(poll_in.total_seconds())),
            },
        }
        if window_for:
            seconds = str(int(window_for.total_seconds()))
            sections["Renewalinfo"]["renewal_window_duration"] = seconds
        if nameserver:
            sections["DEFAULT"]["dns_server_list"] = json.dumps([nameserver])
        if profiles:
            offered = {profile: f"https://ca.test/{profile}" for profile in profiles}
            sections["Order"]["profiles"] = json.dumps(offered)
        if eab_keys:
            (folder / "eab.json").write_text(json.dumps(dict(eab_keys)))
            sections["EABhandler"] = {
                "eab_handler_module": "acme2certifier.eabhandlers.json_handler",
                "key_file": str(folder / "eab.json"),
            }
        _write(folder / "acme.cfg", sections)
        environment = {
            "ACME_SRV_CONFIGFILE": str(folder / "acme.cfg"),
            "ACME2CERTIFIER_I_KNOW_THE_RISK": "1",
        }
        running = Acme2Certifier(f"http://127.0.0.1:{port}/directory", pem([root.certificate]))
        command = [sys.executable, "-c", _SERVE, str(port)]
        with process(command, folder / "log", environment) as alive:
            wait_for(lambda: _get(running.directory), alive, folder / "log")
            yield running


def _authority(folder: Path) -> Authority:
    now = datetime.now(UTC)
    span = (now - timedelta(days=1), now + timedelta(days=3650))
    root = Authority.root("Lab Root", "Lab", span)
    issuing = root.intermediate("Lab CA", "Lab", span)
    crl = x509.load_der_x509_crl(issuing.crl([], span))
    (folder / "root.pem").write_bytes(pem([root.certificate]))
    (folder / "ca.pem").write_bytes(pem([issuing.certificate]))
    (folder / "ca.key").write_bytes(Credential((), issuing.key).pem())
    (folder / "ca.crl").write_bytes(crl.public_bytes(Encoding.PEM))
    return root


def _write(file: Path, sections: Mapping[str, Mapping[str, str]]) -> None:
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{key}: {value}" for key, value in values.items()), ""]
    file.write_text("\n".join(lines))


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        body: bytes = answer.read()
        return body
