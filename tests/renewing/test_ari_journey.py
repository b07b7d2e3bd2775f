"""A renewal when the CA suggests it (RFC 9773): certwatch, acme2certifier and Debian's nginx.

That CA asks for challenges at port 80 and for DNS at port 53 alone. Who may not listen there meets
one that believes every answer; everything else is the same.
"""

import asyncio
import os
import random
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from getpass import getuser
from pathlib import Path
from typing import Any

import pytest

from certwatch.app import App, compose
from certwatch.config import load_settings
from certwatch.core.model import Mode, TrackingDomain
from certwatch.core.renewal import Lineage, Reason, Renewal, Step
from certwatch.core.x509 import parse_certificate
from certwatch.lab import nginx
from certwatch.lab.dns import DnsServer
from certwatch.lab.files import renewal_settings
from certwatch.lab.programs import find
from certwatch.services.ari import poll_ari
from certwatch.services.renew import Renewing
from certwatch.services.workshop import Outcome, WholeStore
from tests.acme.a2c import Acme2Certifier, acme2certifier
from tests.acme.between import Asked, Between, Reply, between
from tests.acme.pebble import free_ports

NAME, HOUSE = "click.brand.test", "edge.house.test"
NEW_ORDER, ARI = "/acme/neworders", "/acme/renewal-info/"
WINDOW_FROM, WINDOW_FOR = 10.0, timedelta(days=2)  # percent of a life of 90 days
POLL_IN = timedelta(hours=2)
SLACK = timedelta(minutes=1)  # what a busy machine may add


@dataclass
class LateClock:
    """The true time and so much more."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def jump(self, at: datetime) -> None:
        self.ahead = at - datetime.now(UTC)


@dataclass
class Stand:
    """One domain of a running certwatch, with everything around it."""

    address: str
    clock: LateClock
    app: App
    store: WholeStore
    wire: Between
    steps: list[Renewal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.renewing: Renewing = self.app.renewing(
            self.store, on_step=self.steps.append, on_trouble=lambda text: None
        )

    async def renew(self) -> list[Outcome]:
        """What `certwatch renew` does."""
        return await self.renewing.once(None, ())

    async def issue(self) -> Lineage:
        (outcome,) = await self.renew()
        assert outcome.is_done, outcome
        return self.lineage()

    def lineage(self) -> Lineage:
        (found,) = self.store.lineages([NAME])
        return found

    def due(self) -> list[Reason]:
        return [renewal.reason for renewal in self.renewing.preview(None, ())]

    def polled(self) -> list[str]:
        """The certIDs that the CA was asked about."""
        return [asked.path.removeprefix(ARI) for asked in self.wire.asked if ARI in asked.path]

    async def served(self) -> str:
        """The serial of what nginx shows for the domain now."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        port = self.app.settings.probe.https_port
        _, writer = await asyncio.open_connection(
            self.address, port, ssl=context, server_hostname=NAME
        )
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.transport.abort()
        return parse_certificate(der).serial

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Whatever happens, the CA is not asked for anything."""
        before = len(self.wire.asked)
        yield
        assert self.wire.asked[before:] == []


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    program = find(nginx.PROGRAM) or pytest.skip("no nginx: apt-get install nginx-light")
    address = f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
    trusted = _may_listen(address)
    async with AsyncExitStack() as stack:
        dns = await stack.enter_async_context(DnsServer(address, 53 if trusted else 0))
        dns.zone["."] = ("NS a.root.test.",)
        dns.zone[HOUSE] = (f"A {address}",)
        dns.zone[NAME] = (f"CNAME {HOUSE}.",)
        ca = stack.enter_context(
            acme2certifier(
                nameserver=address if trusted else None,
                window_from=WINDOW_FROM,
                window_for=WINDOW_FOR,
                poll_in=POLL_IN,
            )
        )
        wire = stack.enter_context(between(ca.directory))
        clock = LateClock()
        settings = _settings(tmp_path, dns, ca, wire, http_port=80 if trusted else 0)
        app = compose(load_settings(settings, environ={}), clock)
        app.upgrade_store()
        app.make_sealing_key()
        store = stack.enter_context(app.store())
        origin = f"origin.test:{app.settings.probe.https_port}"
        domain = TrackingDomain(name=NAME, mode=Mode.ACME, cname=HOUSE, origin=origin)
        store.add(domain, clock.now())
        stack.enter_context(_nginx(program, tmp_path, app, store, (address, dns.port)))
        made = Stand(address, clock, app, store, wire)
        issuer: Any = made.renewing.shop.issuers[wire.directory]
        stack.callback(issuer.close)
        yield made


def _may_listen(address: str) -> bool:
    """Whether this account may have the ports that the CA asks, of which loopback has plenty."""
    try:
        for port in (53, 80):
            socket.create_server((address, port)).close()
    except PermissionError:
        return False
    return True


def _settings(
    folder: Path, dns: DnsServer, ca: Acme2Certifier, wire: Between, *, http_port: int
) -> Path:
    challenges, https_port, some = free_ports(3)
    (folder / "roots.pem").write_bytes(ca.roots)
    text = renewal_settings(
        folder,
        nameserver=f"{dns.address}:{dns.port}",
        https_port=https_port,
        http_port=http_port or some,
        directory=wire.directory,
        ca_bundle=folder / "roots.pem",  # this CA speaks plain HTTP
        challenge_port=challenges,
    )
    file = folder / "certwatch.toml"
    file.write_text(text.replace("[acme]\n", '[acme]\ncontact = "ops@brand.com"\n'))
    return file


@contextmanager
def _nginx(
    program: str, folder: Path, app: App, store: WholeStore, resolver: tuple[str, int]
) -> Iterator[None]:
    for each in ("certs", "nginx"):
        (folder / each).mkdir()
    text, _ = app.nginx(
        store.domains(),
        resolvers=(resolver,),
        listen=(resolver[0],),
        user=getuser() if os.geteuid() == 0 else None,
        hsts=None,
    )
    listens = (resolver[0], app.settings.probe.http_port)
    with nginx.nginx(program, folder / "nginx", text, listens=listens):
        yield


async def test_a_certificate_is_renewed_when_the_ca_suggests_it(stand: Stand) -> None:
    first = await stand.issue()
    leaf = first.certificate
    assert await stand.served() == leaf.serial
    assert (stand.polled(), first.ari) == ([], None)

    assert await stand.renew() == []  # but the CA is asked when it wants it renewed
    ari = stand.lineage().ari
    assert ari
    assert stand.polled() == [first.ari_id]
    assert abs((ari.start_at - leaf.not_before) / leaf.lifetime - WINDOW_FROM / 100) < 0.01
    assert ari.end_at - ari.start_at == WINDOW_FOR
    assert ari.start_at <= ari.selected_at <= ari.end_at
    assert abs(ari.next_poll_at - stand.clock.now() - POLL_IN) < SLACK

    stand.clock.jump(ari.selected_at - SLACK)
    assert await stand.renew() == []
    assert stand.polled() == [first.ari_id] * 2
    again = stand.lineage().ari
    assert again
    assert again.selected_at == ari.selected_at  # drawn once

    stand.clock.jump(ari.selected_at + timedelta(seconds=1))
    assert stand.due() == [Reason.ARI]
    stand.steps.clear()
    second = await stand.issue()
    assert {(renewal.reason, renewal.replaces) for renewal in stand.steps} == {
        (Reason.ARI, first.ari_id)
    }
    assert [said.get("replaces") for said in stand.wire.orders()] == [None, first.ari_id]
    assert second.certificate.serial != leaf.serial
    assert await stand.served() == second.certificate.serial

    assert second.ari is None
    assert stand.due() == []  # by the first one's window it would be due
    await poll_ari(stand.renewing.shop)
    assert stand.polled()[2:] == [second.ari_id]
    assert stand.lineage().ari


async def test_a_window_that_is_moved_to_the_past_means_now(stand: Stand) -> None:
    first = await stand.issue()
    moved = b'{"suggestedWindow":{"start":"2020-01-01T00:00:00Z","end":"2020-01-02T00:00:00Z"}}'
    stand.wire.alter = lambda asked, reply: (
        Reply(200, moved) if asked.path == ARI + (first.ari_id or "") else reply
    )
    second = await stand.issue()
    assert {renewal.reason for renewal in stand.steps[-5:]} == {Reason.REVOKED}
    assert stand.wire.orders()[1]["replaces"] == first.ari_id
    assert await stand.served() == second.certificate.serial
    assert await stand.renew() == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("1", timedelta(minutes=1)), ("3600", timedelta(hours=1)), ("3000000", timedelta(days=1))],
)
async def test_the_next_poll_is_after_retry_after_between_a_minute_and_a_day(
    stand: Stand, sent: str, kept: timedelta
) -> None:
    stand.wire.alter = lambda asked, reply: (
        Reply(reply.status, reply.body, {"Retry-After": sent}) if ARI in asked.path else reply
    )
    await stand.issue()
    before = stand.clock.now()
    await stand.renew()
    ari = stand.lineage().ari
    assert ari
    assert before + kept <= ari.next_poll_at <= stand.clock.now() + kept
    stand.clock.jump(ari.next_poll_at - timedelta(seconds=30))
    with stand.silence():
        assert await stand.renew() == []
    stand.clock.jump(ari.next_poll_at)
    await stand.renew()
    assert len(stand.polled()) == 2


async def test_a_ca_that_says_when_is_not_asked_for_an_order_before(stand: Stand) -> None:
    def busy(asked: Asked) -> Reply | None:
        return Reply.problem(429, "rateLimited", "too many", Retry_After="7200")

    stand.wire.meddle = lambda asked: busy(asked) if asked.path == NEW_ORDER else None
    before = stand.clock.now()
    (outcome,) = await stand.renew()
    assert (outcome.step, outcome.blame) == (Step.QUEUED, "ours")
    assert "rateLimited: too many" in outcome.detail
    (waiting,) = stand.store.open_renewals()
    assert waiting.due_at == outcome.retry_at
    assert timedelta() <= waiting.due_at - before - POLL_IN < SLACK
    assert stand.store.spends(stand.wire.directory, before - timedelta(days=1)) == ()

    stand.wire.meddle = lambda asked: None
    for at in (stand.clock.now(), waiting.due_at - timedelta(seconds=30)):
        stand.clock.jump(at)
        with stand.silence():
            assert await stand.renew() == []
    stand.clock.jump(waiting.due_at)
    lineage = await stand.issue()
    assert await stand.served() == lineage.certificate.serial
