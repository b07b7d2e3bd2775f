"""Issuers over a store in memory, as certwatch.app makes them over the database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography.fernet import Fernet

from certwatch.acme.client import CaIssuer
from certwatch.acme.vault import Vault
from certwatch.clock import SystemClock
from certwatch.ports import CaOrder, OrderStatus

NAME = "click.brand.com"


class Shelf:
    """The stored account, kept as the database keeps it: the first key stays."""

    def __init__(self) -> None:
        self.vault = Vault(Fernet.generate_key().decode())
        self.account: tuple[str | None, bytes] | None = None

    def load(self) -> tuple[str | None, bytes] | None:
        """What is stored."""
        return self.account

    def keep(self, url: str | None, key: bytes) -> tuple[str | None, bytes]:
        """Store unless there is one; a URL may be added to the key that is there."""
        if self.account is None or (self.account[1] == key and self.account[0] is None):
            self.account = (url, key)
        return self.account


@contextmanager
def issuer(directory: str, shelf: Shelf | None = None, **settings: Any) -> Iterator[CaIssuer]:
    """An issuer, closed at the end; the same shelf makes it one that was started again."""
    shelf = shelf or Shelf()
    made = CaIssuer(
        directory,
        vault=shelf.vault,
        load_account=shelf.load,
        keep_account=shelf.keep,
        clock=SystemClock(),
        **{"timeout": 20.0, **settings},
    )
    try:
        yield made
    finally:
        made.close()


class Answers:
    """The key authorizations that a domain's web server gives out, by token."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def plant(self, order: CaOrder) -> None:
        """Make the order's challenge answerable."""
        assert order.challenge is not None
        self.planted[order.challenge.token] = order.challenge.key_authorization


@contextmanager
def answering(answers: Answers) -> Iterator[int]:
    """A web server for challenges; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.planted.get(self.path.rpartition("/")[2], "nothing here").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as port:
        yield port


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A threaded web server on loopback; yields its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def settled(ca: CaIssuer, order: CaOrder, *unsettled: OrderStatus) -> CaOrder:
    """The order once it is in none of these states; half a minute at most."""
    deadline = time.monotonic() + 30
    while order.status in unsettled and time.monotonic() < deadline:
        time.sleep(0.01)
        order = ca.look(order.url, order.domain)
    assert order.status not in unsettled
    return order


def ready(
    ca: CaIssuer, answers: Answers, domain: str = NAME, replaces: str | None = None
) -> CaOrder:
    """An order whose challenge is passed."""
    order = ca.order(domain, replaces=replaces)
    if order.challenge:
        answers.plant(order)
        ca.answer(order)
    return settled(ca, order, OrderStatus.PENDING)


def valid(ca: CaIssuer, order: CaOrder, key: bytes) -> CaOrder:
    """The order once its certificate is made."""
    order = ca.finalize(order, key)
    return settled(ca, order, OrderStatus.PENDING, OrderStatus.READY, OrderStatus.PROCESSING)
