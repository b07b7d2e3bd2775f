"""Challenges answered while a command runs, wired by the settings."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from certwatch.acme.responder import Responder
from certwatch.core.model import Mode
from certwatch.errors import ListenError
from certwatch.services.workshop import WholeStore

if TYPE_CHECKING:
    from certwatch.app import App


@asynccontextmanager
async def answering(
    app: "App", store: WholeStore, on_trouble: Callable[[str], None]
) -> AsyncIterator[None]:
    """Challenges are answered, by us or by another certwatch on the same database."""
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
            on_trouble(f"{error}; going on, in case it is another certwatch on the same database")
        yield


def _is_ours(store: WholeStore, host: str) -> bool:
    """Whether a host is a tracking domain whose certificate is ours."""
    return any(one.domain.mode is Mode.ACME for one in store.latest([host]))
