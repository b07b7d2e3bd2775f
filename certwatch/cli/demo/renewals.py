"""The demo's second half: a certificate is wished for, ordered at a real CA, served by nginx.

Needs Debian's ``pebble`` and ``nginx``. It plays in a folder and a database of its own, beside the
world that the first half looked at.
"""

import asyncio
import getpass
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from certwatch.app import compose
from certwatch.cli.demo.acts import Act
from certwatch.cli.demo.stage import Stage
from certwatch.config import load_settings
from certwatch.core.model import Mode, State, TrackingDomain
from certwatch.lab import nginx, pebble
from certwatch.lab.files import renewal_settings
from certwatch.lab.http import Request, Response, redirect
from certwatch.lab.pki import pem
from certwatch.lab.programs import find
from certwatch.lab.sockets import free_ports
from certwatch.services.renew import Renewing
from certwatch.services.workshop import WholeStore

NAME = "click.renewed.test"
ADDRESS, TARGET, ORIGIN = "127.0.9.1", "edge.renewed.test", "spgo.io"
CLICK = "/f/a/Tm9Ub2tlbg~~/AAQ/RgRk%2F..?u=a%20b&c=%E2%82%AC"
AGENT = "Mozilla/5.0 (a mail reader)"
MISSING = "a certificate from a real CA is left out: {} is not installed (apt-get install {})"
_WELL = (State.OK, State.INFO)  # it is worth a note that a certificate changed
_PACKAGES = {pebble.PROGRAM: "pebble", nginx.PROGRAM: "nginx-light"}


def missing() -> list[str]:
    """The programs that this half needs and that are not installed."""
    return [program for program in _PACKAGES if find(program) is None]


def without(programs: list[str]) -> str:
    """What is left out, and how to get it."""
    packages = " ".join(_PACKAGES[program] for program in programs)
    return MISSING.format(" and ".join(programs), packages)


def play_renewals(folder: Path, stage: Stage, narrate: Callable[[Act], None]) -> list[Act]:
    """All acts, told as they end. Raises LabError when a server does not start."""
    acts: list[Act] = []
    with ExitStack() as stack:
        play = _Play(folder, stage, stack)
        for scene in (play.enabled, play.clicked, play.renewed, play.budgeted):
            acts.append(scene())
            narrate(acts[-1])
    return acts


class _Play:
    """A domain in mode ``acme``, a CA, an nginx, and certwatch between them."""

    def __init__(self, folder: Path, stage: Stage, stack: ExitStack) -> None:
        self._world, self._heard = stage.world, list[Request]()
        certificates = folder / "certs"
        for each in (folder, folder / "pebble", folder / "nginx", certificates):
            each.mkdir(exist_ok=True)
        stage.play(self._build)
        dns = f"{self._world.dns.address}:{self._world.dns.port}"
        ca = stack.enter_context(
            pebble.pebble(
                find(pebble.PROGRAM) or "",
                folder / "pebble",
                nameserver=dns,
                http_port=self._world.http_port,
            )
        )
        ours = pem([self._world.authorities.root.certificate])
        (folder / "roots.pem").write_bytes(ours + ca.root)
        text = renewal_settings(
            folder,
            nameserver=dns,
            https_port=self._world.https_port,
            http_port=self._world.http_port,
            directory=ca.directory,
            ca_bundle=ca.ca_bundle,
            challenge_port=free_ports(1)[0],
        )
        (folder / "certwatch.toml").write_text(text, encoding="utf-8")
        self._app = compose(load_settings(folder / "certwatch.toml", environ={}))
        self._app.upgrade_store()
        self._app.make_sealing_key()
        self._store: WholeStore = stack.enter_context(self._app.store())
        self._store.add(self._domain(), self._app.clock.now())
        stack.enter_context(
            nginx.nginx(
                find(nginx.PROGRAM) or "",
                folder / "nginx",
                self._configuration(),
                listens=(ADDRESS, self._world.http_port),
            )
        )

    def _build(self) -> None:
        world = self._world
        world.dns.zone["renewed.test"] = ("NS ns1.renewed.test.",)
        world.dns.zone[TARGET] = (f"A {ADDRESS}",)
        world.dns.zone[NAME] = (f"CNAME {TARGET}.",)
        world.edges[ORIGIN].sites[NAME] = self._origin

    async def _origin(self, request: Request) -> Response:
        self._heard.append(request)
        return redirect("https://www.shop.test/offer", 302)

    def _domain(self) -> TrackingDomain:
        origin = f"{ORIGIN}:{self._world.https_port}"
        return TrackingDomain(
            name=NAME, provider="sparkpost", mode=Mode.ACME, cname=TARGET, origin=origin
        )

    def _configuration(self) -> str:
        host, port = self._world.dns.address, self._world.dns.port
        text, _ = self._app.nginx(
            self._store.domains(),
            resolvers=((host, port),),
            listen=(ADDRESS,),
            user=getpass.getuser(),
            hsts=31_536_000,
        )
        return text

    def enabled(self) -> Act:
        """A wish, and every address serves the certificate."""
        began = self._app.clock.now()
        outcome = asyncio.run(self._renewing().follow(NAME, timedelta(minutes=2)))
        took = (self._app.clock.now() - began).total_seconds()
        return Act(
            title=f"{NAME} is wished for",
            why="precheck, order, challenge, certificate, files: nginx serves it without a reload",
            shown=f"active after {took:.1f} s; a look finds it {self._state()}"
            if outcome is None
            else f"blocked: {outcome.detail}",
            right=outcome is None and self._state() in _WELL,
        )

    def clicked(self) -> Act:
        """A click passes through nginx to the e-mail service, byte for byte."""
        status = asyncio.run(_click(self._world.https_port, self._roots()))
        heard = next((one for one in self._heard if one.target == CLICK), None)
        whole = heard is not None and (heard.host, heard.header("user-agent")) == (NAME, AGENT)
        return Act(
            title="somebody clicks a link in an old mail",
            why="the e-mail service must see Host, path, query and User-Agent as they were sent",
            shown=f"{ORIGIN} answered {status}, having seen {heard.target if heard else 'nothing'}",
            right=whole and status == 302,
        )

    def renewed(self) -> Act:
        """A second certificate takes the place of the first."""
        before = self._serial()
        outcomes = asyncio.run(self._renewing().once([NAME], [NAME]))
        after = self._serial()
        done = [one.is_done for one in outcomes] == [True]
        return Act(
            title="it is renewed",
            why="renewed is what every address serves, not what a file holds",
            shown=f"serial {before[:12]}... gave way to {after[:12]}...",
            right=done and before != after and self._state() in _WELL,
        )

    def budgeted(self) -> Act:
        """The ledger knows both certificates."""
        now, directory = self._app.clock.now(), self._app.settings.acme.directory
        spends = self._store.spends(directory, now - self._app.allowance.window)
        spent = sum(spend.committed for spend in spends)
        return Act(
            title="the budget remembers",
            why="no span of seven days may ever hold more certificates than it allows",
            shown=f"{spent} of {self._app.allowance.certificates} certificates are spent",
            right=len(spends) == spent == 2,
        )

    def _renewing(self) -> Renewing:
        return self._app.renewing(
            self._store, on_step=lambda renewal: None, on_trouble=lambda text: None
        )

    def _state(self) -> State:
        judged = next(iter(self._store.latest([NAME]))).judged
        return judged.state if judged else State.UNKNOWN

    def _serial(self) -> str:
        return next(self._store.lineages([NAME])).certificate.serial

    def _roots(self) -> str:
        return self._app.settings.probe.trust_roots


async def _click(port: int, roots: str) -> int:
    """Ask nginx for the link as a browser does; the status of the answer."""
    context = ssl.create_default_context(cafile=roots)
    reader, writer = await asyncio.open_connection(ADDRESS, port, ssl=context, server_hostname=NAME)
    head = (
        f"GET {CLICK} HTTP/1.1\r\nHost: {NAME}\r\nUser-Agent: {AGENT}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode("ascii"))
    answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1])
