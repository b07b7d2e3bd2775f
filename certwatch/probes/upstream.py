"""The services that certwatch itself leans on, each asked once: nameservers, CA, mail, chat.

Every function says in its result or in an UpstreamError how it went; neither holds a secret, and
neither quotes an exception that could (a library that refuses a header shows its value).
"""

import asyncio
import ipaddress
import json
import os
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import certifi
import dns.asyncquery
import dns.exception
import dns.message
import httpx

from certwatch.errors import UpstreamError
from certwatch.probes.resolver import system_nameservers

_MAX_BODY = 65_536
_PART = 8_192
_DIRECTORY = ("newNonce", "newAccount", "newOrder")  # RFC 8555 section 7.1.1
_FAR_V6 = (
    "2001:db8::1",
    9,
)  # RFC 3849; connecting a UDP socket looks up the route, nothing is sent


async def ask_nameservers(
    nameservers: Sequence[tuple[str, int]], *, timeout: float
) -> Mapping[str, str]:
    """Ask each nameserver (the system's when none are given) for the root's NS records.

    By ``ADDRESS port PORT``: "" for one that answers, whatever it says, else what is wrong. Empty
    when there is no nameserver at all. ``timeout`` is in seconds.
    """
    servers = tuple(nameservers) or system_nameservers()
    troubles = await asyncio.gather(*(_ask_nameserver(*server, timeout) for server in servers))
    names = (f"{address} port {port}" for address, port in servers)
    return dict(zip(names, troubles, strict=True))


async def _ask_nameserver(address: str, port: int, timeout: float) -> str:
    try:
        await dns.asyncquery.udp(dns.message.make_query(".", "NS"), address, timeout, port)
    except dns.exception.Timeout:
        return f"no answer within {timeout:g} s"
    except dns.exception.DNSException:
        return "its answer is no DNS message"
    except OSError as error:
        return os.strerror(error.errno) if error.errno else "it cannot be reached"
    return ""


def has_ipv6() -> bool:
    """Whether this machine has a way to IPv6 addresses out there."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(_FAR_V6)
    except OSError:
        return False
    return True


async def ask_ca(url: str, *, ca_bundle: str, timeout: float) -> datetime | None:
    """Read an ACME directory (RFC 8555 section 7.1.1); the answer's Date, None where it has none.

    ``ca_bundle`` is a PEM file, "" for the usual roots. Raises UpstreamError.
    """
    said = await _ask("GET", url, "acme.directory", timeout, ca_bundle=ca_bundle)
    if said.status != 200 or not all(isinstance(said.body.get(key), str) for key in _DIRECTORY):
        raise UpstreamError(
            f"{_host(url)} answers {said.status}, but with no ACME directory",
            "set acme.directory to the URL that the CA documents; it often ends in /directory",
        )
    return said.at


async def ask_slack(*, token: str, base_url: str, timeout: float) -> str:
    """Ask Slack who the token is (``auth.test``); says which bot in which workspace.

    Raises UpstreamError.
    """
    url = base_url.rstrip("/") + "/auth.test"
    if not url.startswith("https://") and not _is_loopback(_host(url)):
        raise UpstreamError(
            "slack.base_url is not https: the token would be sent in the clear",
            "set slack.base_url to https://slack.com/api/",
        )
    headers = {"Authorization": f"Bearer {token}"}
    said = await _ask("POST", url, "slack.base_url", timeout, headers=headers)
    if said.body.get("ok") is not True:
        why = said.body.get("error") or f"status {said.status}"
        raise UpstreamError(
            f"Slack does not accept the token ({why})",
            "install the app in the workspace again and put its bot token (xoxb-...) into"
            " slack.token",
        )
    return f"bot {said.body.get('user', '?')} in workspace {said.body.get('team', '?')}"


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer: status, Date, and the JSON object in its body ({} for any other body)."""

    status: int
    at: datetime | None
    body: Mapping[str, Any]


async def _ask(
    method: str,
    url: str,
    setting: str,
    timeout: float,
    *,
    headers: Mapping[str, str] | None = None,
    ca_bundle: str = "",
) -> _Said:
    """One request; redirects are not followed, for they could carry a token elsewhere."""
    body = b""
    try:
        async with (
            asyncio.timeout(timeout),
            httpx.AsyncClient(verify=_context(ca_bundle), timeout=timeout) as client,
            client.stream(method, url, headers=headers) as answer,
        ):
            async for part in answer.aiter_bytes(_PART):
                body += part
                if len(body) > _MAX_BODY:
                    break
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
        raise UpstreamError(
            f"{_host(url) or setting} cannot be asked: {_reason(error)}",
            _way_out(setting, error),
        ) from None
    return _Said(answer.status_code, _date(answer.headers.get("date", "")), _object(body))


def _way_out(setting: str, error: Exception) -> str:
    if setting == "acme.directory" and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "set acme.ca_bundle to a PEM file with the root that the CA's own HTTPS leads to"
    return f"check {setting}, this machine's way out and its proxy settings"


async def ask_mail_server(
    *, host: str, port: int, security: str, username: str, password: str, timeout: float
) -> str:
    """Connect, secure the connection, log in where a login is set, and leave; says what was done.

    ``security`` is ``starttls``, ``tls`` or ``plain`` (loopback only). Raises UpstreamError.
    """
    if security == "plain" and not _is_loopback(host):
        raise UpstreamError(
            f"email.security is plain, but {host} is not this machine",
            "set email.security to starttls (port 587) or tls (port 465)",
        )
    try:
        talk = partial(_log_in, host, port, security, username, password, timeout)
        return await asyncio.wait_for(_in_a_thread(talk), timeout)
    except smtplib.SMTPAuthenticationError as error:
        raise UpstreamError(
            f"{host} refuses the login of {username} (code {error.smtp_code})",
            "check email.username and email.password; some servers want an app password",
        ) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise UpstreamError(
            f"{host} port {port} ({security}) cannot be used: {_reason(error)}",
            "check email.host, email.port and email.security, and this machine's way out",
        ) from None


def _in_a_thread(work: Callable[[], str]) -> asyncio.Future[str]:
    """The outcome of work in a thread that nobody waits for: a server that talks on without end
    would hold a pool's thread, and with it the end of this program."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[str] = loop.create_future()

    def settle(result: str | None, error: Exception | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result or "")

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as failure:
            error = failure
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="mail", daemon=True).start()
    return outcome


def _log_in(
    host: str, port: int, security: str, username: str, password: str, timeout: float
) -> str:
    context = _context("")
    with (
        smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
        if security == "tls"
        else smtplib.SMTP(host, port, timeout=timeout) as server
    ):
        if security == "starttls":
            server.starttls(context=context)
        server.ehlo_or_helo_if_needed()
        if username:
            server.login(username, password)
    how = "in the clear" if security == "plain" else f"with {security}"
    who = f"logged in as {username}" if username else "no login set"
    return f"{host} port {port} answers {how}, {who}"


def _context(ca_bundle: str) -> ssl.SSLContext:
    """Verified TLS by a PEM file, else that of SSL_CERT_FILE, else certifi's roots."""
    file = ca_bundle or os.environ.get("SSL_CERT_FILE") or certifi.where()
    try:
        return ssl.create_default_context(cafile=file)
    except OSError:
        raise UpstreamError(
            f"{file} cannot be used as trusted roots", "name a readable PEM file of certificates"
        ) from None


def _reason(error: Exception) -> str:
    """Why, without quoting anything that we sent."""
    match error:
        case TimeoutError() | httpx.TimeoutException():
            return "no answer in time"
        case smtplib.SMTPNotSupportedError():
            return "it does not offer STARTTLS or a login"
        case smtplib.SMTPResponseException():
            return f"it answers {error.smtp_code}"
        case smtplib.SMTPServerDisconnected() | httpx.ConnectError():
            return str(error) or "no connection"
        case OSError() if not isinstance(error, smtplib.SMTPException):
            return str(error)
    return type(error).__name__


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host
    except httpx.InvalidURL:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return at.astimezone(UTC) if at.tzinfo else None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
