"""The peer: Debian's prometheus-blackbox-exporter, one core, driven by curl on the other.

It does what certwatch's certificate sweep does: resolve the name, shake hands, read the chain and
verify it. As root it resolves through the same nameserver (its own /etc/resolv.conf in a private
mount namespace); otherwise it is handed the addresses and spared that work.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from bench.scan.processes import SERVERS, SUBJECT, program, run, serving
from bench.scan.servers import RESOLVER, World, address

PARALLEL = 20  # what served the exporter best
RESOLVES = os.geteuid() == 0

_MODULES = """modules:
  tls:
    prober: tcp
    timeout: 10s
    tcp: {tls: true, preferred_ip_protocol: ip4, tls_config: {ca_file: roots.pem}}
"""
_BIND = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


@contextmanager
def exporter(world: World) -> Iterator[Callable[[], float]]:
    """The running exporter, as a function that sweeps all domains and returns the seconds."""
    config, targets = world.folder / "blackbox.yml", world.folder / "targets"
    config.write_text(_MODULES)
    targets.write_text("".join(_target(world, n, name) for n, name in enumerate(world.names)))
    listen = f"127.0.0.1:{world.ports.exporter}"
    command = [
        program("prometheus-blackbox-exporter"),
        f"--config.file={config}",
        f"--web.listen-address={listen}",
        "--log.level=error",
    ]
    environ = {"GOMAXPROCS": "1"}
    port = world.ports.exporter
    with serving(SUBJECT, _resolving(world, command), port=port, cwd=world.folder, environ=environ):
        yield lambda: _sweep(world, targets)


def _resolving(world: World, command: list[str]) -> list[str]:
    if not RESOLVES:
        return command
    resolver = world.folder / "resolv.conf"
    resolver.write_text(f"nameserver {RESOLVER}\n")
    return [program("unshare"), "--mount", "sh", "-c", _BIND, "sh", str(resolver), *command]


def _target(world: World, n: int, name: str) -> str:
    host = name if RESOLVES else address(n)
    query = {"module": "tls", "target": f"{host}:{world.ports.https}", "hostname": name}
    return f'url = "http://127.0.0.1:{world.ports.exporter}/probe?{urlencode(query)}"\n'


def _sweep(world: World, targets: Path) -> float:
    answers = world.folder / "answers"
    command = [
        program("curl"),
        "--no-progress-meter",
        "--parallel",
        "--parallel-max",
        str(PARALLEL),
    ]
    cost = run(SERVERS, [*command, "--config", str(targets)], output=answers)
    good = answers.read_text().count("\nprobe_success 1")
    if good != world.domains:
        raise SystemExit(f"the exporter saw only {good} of {world.domains} certificates")
    return cost.wall
