"""A server between client and CA, which keeps what was sent and may answer in the CA's place."""

import http.client
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from tests.acme.issuers import serving


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; ``said`` is the payload inside its signature."""

    method: str
    path: str
    said: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def problem(cls, status: int, kind: str, detail: str = "", **headers: str) -> "Reply":
        """A problem document (RFC 7807)."""
        document = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail}
        return cls(status, json.dumps(document).encode(), headers)


class Between:
    """``meddle`` may answer a request itself, ``alter`` change an answer of the CA."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.asked: list[Asked] = []
        self.meddle: Callable[[Asked], Reply | None] = lambda asked: None
        self.alter: Callable[[Asked, Reply], Reply] = lambda asked, reply: reply
        self.directory = ""

    def orders(self) -> list[Any]:
        """What was said in each newOrder."""
        return [asked.said for asked in self.asked if asked.path == "/acme/neworders"]


@contextmanager
def between(upstream: str) -> Iterator[Between]:
    """Listen before a CA that speaks plain HTTP and takes its own address from the Host header."""
    middle = Between(upstream)

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.command, self.path, _payload(body))
            middle.asked.append(asked)
            reply = middle.meddle(asked) or middle.alter(asked, self.forward(body))
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        def forward(self, body: bytes) -> Reply:
            link = http.client.HTTPConnection(middle.upstream, timeout=20)
            try:
                link.request(self.command, self.path, body, dict(self.headers))
                answer = link.getresponse()
                headers = {
                    name: value
                    for name, value in answer.getheaders()
                    if name in ("Location", "Replay-Nonce", "Content-Type", "Retry-After", "Link")
                }
                return Reply(answer.status, answer.read(), headers)
            finally:
                link.close()

        do_GET = do_POST = do_HEAD = handle_any

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as port:
        middle.directory = f"http://127.0.0.1:{port}{urlsplit(upstream).path}"
        yield middle


def _payload(body: bytes) -> Any:
    if not body:
        return None
    payload = json.loads(body)["payload"]
    return json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) if payload else None
