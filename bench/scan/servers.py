"""N healthy tracking domains: Debian's nginx and nsd on one core, nothing beyond loopback.

Every domain is a CNAME to one of 100 addresses, as domains share a CDN's, and has an ECDSA
certificate and an nginx server block of its own (40 kB of memory each; 50,000 start in a minute).
"""

import getpass
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.scan.processes import SERVERS, free_ports, program, serving
from certwatch.lab.pki import Authority, life, new_key, pem

ADDRESSES = 100
ZONE = "bench.test"
RESOLVER = "127.0.0.153"  # the same nameserver on port 53, for a peer that knows no other


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the world listens; ``exporter`` is free for the peer."""

    dns: int
    https: int
    http: int
    origin: int
    exporter: int


@dataclass(frozen=True, slots=True)
class World:
    """The running servers, and the files that a monitor is given."""

    folder: Path
    domains: int
    ports: Ports

    @property
    def names(self) -> list[str]:
        """The tracking domains."""
        return [_name(n) for n in range(self.domains)]

    @property
    def settings(self) -> Path:
        """certwatch's settings for this world."""
        return self.folder / "certwatch.toml"

    @property
    def inventory(self) -> Path:
        """The domains as a CSV file."""
        return self.folder / "inventory.csv"


def _name(n: int) -> str:
    return f"d{n}.{ZONE}"


def address(n: int) -> str:
    """The address that serves the n-th domain."""
    return f"127.1.0.{n % ADDRESSES + 1}"


@contextmanager
def world(domains: int) -> Iterator[World]:
    """Start the servers for so many domains, in a temporary folder that goes with them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="certwatch-bench-")))
        made = World(folder, domains, Ports(*free_ports(5)))
        _write_certificates(made)
        _write_inventory(made)
        (folder / "nginx.conf").write_text(_nginx(made))
        (folder / "zone").write_text(_zone(domains))
        (folder / "nsd.conf").write_text(_nsd(made))
        nginx = [program("nginx"), "-p", str(folder), "-e", "stderr", "-c", "nginx.conf"]
        nsd = [program("nsd"), "-d", "-c", "nsd.conf"]
        stack.enter_context(serving(SERVERS, nginx, port=made.ports.https, cwd=folder))
        stack.enter_context(serving(SERVERS, nsd, port=made.ports.dns, cwd=folder))
        yield made


def _write_certificates(world: World) -> None:
    now, key = datetime.now(UTC), new_key()
    root = Authority.root("Bench Root", "Bench", life(now, 3650, 3000))
    issuer = root.intermediate("Bench CA", "Bench", life(now, 1000, 900))
    (world.folder / "roots.pem").write_bytes(pem([root.certificate]))
    served = world.folder / "served"
    served.mkdir()
    for name in (*world.names, f"origin.{ZONE}"):
        credential = issuer.issue(name, span=life(now, 90, 60), key=key)
        (served / name).write_bytes(credential.pem())


def _write_inventory(world: World) -> None:
    origin = f"origin.{ZONE}:{world.ports.origin}"
    rows = (f"{name},cdn,{_edge(n)},{origin}\n" for n, name in enumerate(world.names))
    world.inventory.write_text("domain,mode,cname,origin\n" + "".join(rows))
    world.settings.write_text(
        f"""[store]
url = "sqlite:///{world.folder}/certwatch.db"
[dns]
nameservers = ["127.0.0.1:{world.ports.dns}"]
[probe]
https_port = {world.ports.https}
http_port = {world.ports.http}
trust_roots = "{world.folder}/roots.pem"
allow_private_addresses = true
"""
    )


def _edge(n: int) -> str:
    return f"edge{n % ADDRESSES}.{ZONE}"


def _zone(domains: int) -> str:
    head = (
        f"$ORIGIN {ZONE}.\n$TTL 300\n@ SOA ns root 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"
    )
    edges = "".join(f"edge{n} A {address(n)}\n" for n in range(ADDRESSES))
    hosts = "".join(f"d{n} CNAME edge{n % ADDRESSES}\n" for n in range(domains))
    return f"{head}origin A 127.2.0.1\n{edges}{hosts}"


def _nsd(world: World) -> str:
    return f"""server:
    ip-address: 127.0.0.1@{world.ports.dns}
    {f"ip-address: {RESOLVER}@53" if os.geteuid() == 0 else ""}
    rrl-ratelimit: 0
    username: "{getpass.getuser()}"
    zonesdir: "{world.folder}"
    pidfile: "{world.folder}/nsd.pid"
    xfrdfile: "{world.folder}/xfrd.state"
    xfrdir: "{world.folder}"
    zonelistfile: "{world.folder}/zone.list"
    database: ""
remote-control:
    control-enable: no
zone:
    name: {ZONE}
    zonefile: zone
"""


def _nginx(world: World) -> str:
    ports, served = world.ports, world.folder / "served"
    hosts = "".join(_block(name, served / name, ports.https) for name in world.names)
    return f"""user {getpass.getuser()};
daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid nginx.pid;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    ssl_protocols TLSv1.2 TLSv1.3;
    server_names_hash_max_size 262144;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;
    uwsgi_temp_path t4; scgi_temp_path t5;
    add_header Strict-Transport-Security "max-age=31536000" always;
    server {{ listen {ports.http}; return 301 https://$host$request_uri; }}
{_block(f"origin.{ZONE}", served / f"origin.{ZONE}", ports.origin)}{hosts}}}
"""


def _block(name: str, file: Path, port: int) -> str:
    certificate = f"ssl_certificate {file}; ssl_certificate_key {file};"
    return (
        f'    server {{ listen {port} ssl; server_name {name}; {certificate} return 200 "ok"; }}\n'
    )
