"""The CA, chat, mail and nameservers, asked for real on loopback: good, bad and hostile."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from certwatch.errors import UpstreamError
from certwatch.lab.pki import Authority, Credential, life, pem
from certwatch.probes.upstream import ask_ca, ask_mail_server, ask_nameservers, ask_slack
from tests.probes.servers import running, running_dns, saying, server_context

TIMEOUT = 3.0
SECRET = "xoxb-s3cret"
DIRECTORY = {name: f"https://ca.test/{name}" for name in ("newNonce", "newAccount", "newOrder")}


@cache
def authority() -> Authority:
    now = datetime.now(UTC)
    return Authority.root("Test Root", "Test Trust", life(now, 30, 20))


@cache
def credential() -> Credential:
    return authority().issue("localhost", span=life(datetime.now(UTC), 10, 5))


@pytest.fixture
def context(tmp_path: Path, monkeypatch) -> ssl.SSLContext:
    """TLS for a server named localhost, whose root is the one that everybody trusts."""
    (tmp_path / "server.pem").write_bytes(credential().pem())
    (tmp_path / "root.pem").write_bytes(pem([authority().certificate]))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    return server_context(tmp_path / "server.pem")


def http(body: object, status: int = 200, *headers: str) -> bytes:
    text = body if isinstance(body, str) else json.dumps(body)
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(text.encode())}", *headers, "", text]
    return "\r\n".join(lines).encode()


async def refusal(coroutine) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await coroutine
    assert caught.value.remedy
    assert SECRET not in str(caught.value) + caught.value.remedy
    return caught.value


async def closed_port() -> int:
    async with running(saying(b"")) as port:
        return port


async def test_a_ca_that_answers_gives_its_time(context, tmp_path):
    talk = saying(http(DIRECTORY, 200, "Date: Mon, 01 Jun 2026 12:00:00 GMT"))
    async with running(talk, context) as port:
        url = f"https://localhost:{port}/directory"
        at = await ask_ca(url, ca_bundle=str(tmp_path / "root.pem"), timeout=TIMEOUT)
    assert at == datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("date", ["Date: today", "X-Other: 1", "Date: Mon, 01 Jun 99999 1:1:1 GMT"])
async def test_a_ca_without_a_time_gives_none(date):
    async with running(saying(http(DIRECTORY, 200, date))) as port:
        assert await ask_ca(f"http://127.0.0.1:{port}/", ca_bundle="", timeout=TIMEOUT) is None


@pytest.mark.parametrize(
    "answer",
    [
        http("<html>welcome</html>"),
        http(DIRECTORY, 404),
        http({"newNonce": "https://ca.test/"}),
        http([1, 2]),
        http("[" * 50_000),
        http("", 302, "Location: http://127.0.0.1:1/"),
    ],
)
async def test_what_is_no_directory_is_said_so(answer):
    async with running(saying(answer)) as port:
        error = await refusal(ask_ca(f"http://127.0.0.1:{port}/", ca_bundle="", timeout=TIMEOUT))
    assert "no ACME directory" in str(error)


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{"]
)
async def test_a_ca_that_breaks_off_cannot_be_asked(answer):
    async with running(saying(answer)) as port:
        error = await refusal(ask_ca(f"http://127.0.0.1:{port}/", ca_bundle="", timeout=TIMEOUT))
    assert str(error).startswith("127.0.0.1 cannot be asked: ")


async def test_a_slow_ca_and_an_endless_one_cannot_hold_us_up():
    async with running(saying(b"HTTP/1.1 200 X\r\n", hold=True)) as port:
        error = await refusal(ask_ca(f"http://127.0.0.1:{port}/", ca_bundle="", timeout=0.2))
    assert "no answer in time" in str(error)
    endless = [b"HTTP/1.1 200 X\r\n\r\n", *[b"x" * 65_536] * 50]
    async with running(saying(*endless, hold=True)) as port:
        await refusal(ask_ca(f"http://127.0.0.1:{port}/", ca_bundle="", timeout=TIMEOUT))


async def test_a_drip_of_bytes_has_one_deadline_for_all():
    drip = saying(b"HTTP/1.1 200 X\r\n\r\n", *[b" "] * 100, every=0.05)
    async with running(drip) as port, asyncio.timeout(2):
        error = await refusal(ask_ca(f"http://127.0.0.1:{port}/", ca_bundle="", timeout=0.3))
    assert "no answer in time" in str(error)


async def test_an_untrusted_ca_server_is_refused(context, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    async with running(saying(http(DIRECTORY)), context) as port:
        url = f"https://localhost:{port}/"
        error = await refusal(ask_ca(url, ca_bundle="", timeout=TIMEOUT))
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert "acme.ca_bundle" in error.remedy
    refused = await refusal(
        ask_ca(f"http://127.0.0.1:{await closed_port()}/", ca_bundle="", timeout=TIMEOUT)
    )
    assert "acme.ca_bundle" not in refused.remedy


@pytest.mark.parametrize("bundle", ["/nowhere/ca.pem", __file__])
async def test_a_ca_bundle_that_cannot_be_used_is_named(bundle):
    error = await refusal(ask_ca("https://127.0.0.1:1/", ca_bundle=bundle, timeout=TIMEOUT))
    assert bundle in str(error)


@pytest.mark.parametrize("url", ["", "directory", "ftp://ca.test/", "https://", "http://[::1"])
async def test_an_impossible_url_is_an_error_of_ours(url):
    await refusal(ask_ca(url, ca_bundle="", timeout=TIMEOUT))


async def slack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """``auth.test`` as Slack documents it: always 200, ``ok`` tells."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    good = head.startswith("POST /api/auth.test ") and f"Bearer {SECRET}\r\n" in head
    known = {"ok": True, "team": "Brand", "user": "certwatch", "team_id": "T1", "user_id": "U1"}
    writer.write(http(known if good else {"ok": False, "error": "invalid_auth"}))


async def test_slack_says_who_the_token_is():
    async with running(slack) as port:
        said = await ask_slack(
            token=SECRET, base_url=f"http://127.0.0.1:{port}/api/", timeout=TIMEOUT
        )
    assert said == "bot certwatch in workspace Brand"


async def test_a_bad_token_is_refused_with_slacks_word():
    async with running(slack) as port:
        url = f"http://127.0.0.1:{port}/api/"
        error = await refusal(ask_slack(token="xoxb-old", base_url=url, timeout=TIMEOUT))
    assert "(invalid_auth)" in str(error)


@pytest.mark.parametrize("token", [SECRET + "\r\nX: y", SECRET + "\u20ac", "\x00" + SECRET])
async def test_a_token_that_is_no_header_is_not_quoted(token):
    async with running(slack) as port:
        url = f"http://127.0.0.1:{port}/api/"
        await refusal(ask_slack(token=token, base_url=url, timeout=TIMEOUT))


async def test_a_token_is_never_sent_in_the_clear():
    error = await refusal(
        ask_slack(token=SECRET, base_url="http://slack.test/api/", timeout=TIMEOUT)
    )
    assert "in the clear" in str(error)


@asynccontextmanager
async def smtp(context: ssl.SSLContext | None, *, wrapped: bool = False) -> AsyncIterator[int]:
    """A mail server that knows one login; STARTTLS where there is a context."""

    def authenticate(server, session, envelope, mechanism, data):
        good = (data.login, data.password) == (b"watch", SECRET.encode())
        return AuthResult(success=good, handled=False)

    def protocol() -> SMTP:
        return SMTP(
            object(),
            hostname="mail.test",
            tls_context=None if wrapped else context,
            require_starttls=context is not None and not wrapped,
            authenticator=authenticate,
            auth_require_tls=context is not None and not wrapped,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if wrapped else None)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0)


async def log_in(
    port: int, security: str = "starttls", timeout: float = TIMEOUT, **changes: str
) -> str:
    login = {"host": "localhost", "username": "watch", "password": SECRET, **changes}
    return await ask_mail_server(port=port, security=security, timeout=timeout, **login)


async def test_mail_logs_in_over_starttls(context):
    async with smtp(context) as port:
        said = await log_in(port)
    assert said == f"localhost port {port} answers with starttls, logged in as watch"


async def test_mail_logs_in_over_tls(context):
    async with smtp(context, wrapped=True) as port:
        assert "with tls, logged in" in await log_in(port, "tls")


async def test_mail_without_a_login_only_says_hello(context):
    async with smtp(context) as port:
        assert (await log_in(port, username="", password="")).endswith("no login set")


async def test_plain_mail_is_for_this_machine_only():
    async with smtp(None) as port:
        assert "in the clear" in await log_in(port, "plain", username="")
    error = await refusal(log_in(25, "plain", host="mail.test"))
    assert "not this machine" in str(error)


async def test_a_wrong_password_is_refused_without_showing_it(context):
    async with smtp(context) as port:
        error = await refusal(log_in(port, password=SECRET + "!"))
    assert str(error) == "localhost refuses the login of watch (code 535)"


async def test_a_mail_server_without_starttls_gets_no_password():
    async with smtp(None) as port:
        error = await refusal(log_in(port))
    assert "does not offer STARTTLS" in str(error)


async def test_a_mail_server_of_another_name_is_refused(context):
    async with smtp(context) as port:
        error = await refusal(log_in(port, host="127.0.0.1"))
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)


@pytest.mark.parametrize("username", ["w\u00e4tch", "watch\r\nQUIT"])
async def test_an_odd_login_is_an_error_of_ours(context, username):
    async with smtp(context) as port:
        await refusal(log_in(port, username=username))


async def test_a_closed_port_and_a_silent_server():
    error = await refusal(log_in(await closed_port()))
    assert "refused" in str(error)
    async with running(saying(b"")) as port:
        error = await refusal(log_in(port, timeout=0.2))
    assert "no answer in time" in str(error)


async def test_a_server_that_talks_without_end():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(60):
            writer.write(b"220-x\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with running(talk) as port:
        started = time.monotonic()
        error = await refusal(log_in(port, timeout=0.3))
    assert "no answer in time" in str(error)
    assert time.monotonic() - started < 2


async def test_each_nameserver_is_asked():
    async with running_dns() as dns:
        troubles = await ask_nameservers(
            [("127.0.0.1", dns.port), ("127.0.0.1", await closed_port())], timeout=0.3
        )
    good, bad = troubles.values()
    assert good == ""
    assert bad
    assert list(troubles) == [f"127.0.0.1 port {dns.port}", list(troubles)[1]]


async def test_a_nameserver_that_talks_nonsense_is_no_nameserver():
    class Nonsense(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, address):
            self.transport.sendto(data[:2] + b"\xff", address)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Nonsense, local_addr=("127.0.0.1", 0))
    server = transport.get_extra_info("sockname")
    troubles = await ask_nameservers([server], timeout=0.3)
    transport.close()
    assert all(troubles.values())
