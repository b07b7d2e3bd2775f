"""Challenges answered while a command runs, wired by the settings."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from certwatch.acme.responder import PREFIX, Responder
from certwatch.core.model import Mode
from certwatch.errors import InventoryError, ListenError
from certwatch.services.workshop import WholeStore

if TYPE_CHECKING:
    from certwatch.app import App

_NOBODY = "certwatch.invalid"  # a host that no inventory holds
_PATIENCE = 5.0  # seconds
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # what listens everywhere is asked at home


@asynccontextmanager
async def answering(
    app: "App", store: WholeStore, on_trouble: Callable[[str], None]
) -> AsyncIterator[None]:
    """Challenges are answered, by us or by another certwatch on the same database. Raises
    ListenError where neither can be."""
    responder = Responder(
        app.settings.acme.challenge_listen,
        answer=lambda host, token: store.challenge(host, token, app.clock.now()),
        known=lambda host: _is_ours(store, host),
    )
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(responder)
        except ListenError as error:
            if not error.in_use:
                raise
            if not await _answers_for_us(app, store):
                raise _occupied(app) from None
            on_trouble("another certwatch on this database answers challenges; that is as well")
        yield


def _occupied(app: "App") -> ListenError:
    host, port = app.settings.acme.challenge_listen
    return ListenError(
        f"challenges cannot be answered on {host} port {port}: another program listens there, which"
        " is no certwatch on this database; stop it, or set acme.challenge_listen",
        in_use=True,
    )


async def _answers_for_us(app: "App", store: WholeStore) -> bool:
    """Whether who listens where we would knows what stands in our database."""
    token, content = token_urlsafe(32), token_urlsafe(32)
    until = app.clock.now() + timedelta(minutes=1)
    await asyncio.to_thread(store.plant, token, content, _NOBODY, until)
    try:
        return content.encode() in await _get(*app.settings.acme.challenge_listen, token)
    except (OSError, TimeoutError):
        return False
    finally:
        await asyncio.to_thread(store.uproot, token)


async def _get(host: str, port: int, token: str) -> bytes:
    """The listener's whole answer, at most 64 KB of it."""
    head = f"GET {PREFIX}{token} HTTP/1.1\r\nHost: {_NOBODY}\r\nConnection: close\r\n\r\n"
    async with asyncio.timeout(_PATIENCE):
        reader, writer = await asyncio.open_connection(_LOOPBACK.get(host, host), port)
        try:
            writer.write(head.encode("ascii"))
            return await reader.read(65_536)
        finally:
            writer.close()


def _is_ours(store: WholeStore, host: str) -> bool:
    """Whether a host is a tracking domain whose certificate is ours."""
    try:
        return store.domain(host).mode is Mode.ACME
    except InventoryError:
        return False
