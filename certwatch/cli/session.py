"""What the global options say, and the wired certwatch that follows from it."""

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from certwatch.app import App
    from certwatch.services.workshop import WholeStore


@dataclass(kw_only=True)
class Session:
    """One run of the command line."""

    config: Path | None = None
    verbose: bool = False
    _opened: ExitStack = field(default_factory=ExitStack, init=False, repr=False)

    @property
    def settings_file(self) -> Path:
        """The settings file that is meant, whether it exists or not."""
        from certwatch.config import DEFAULT_FILE

        return self.config or Path(os.environ.get("CERTWATCH_CONFIG") or DEFAULT_FILE)

    @cached_property
    def app(self) -> "App":
        """certwatch by the settings in force. Raises SettingsError."""
        from certwatch.app import compose
        from certwatch.config import load_settings

        return compose(load_settings(self.config))

    @cached_property
    def store(self) -> "WholeStore":
        """The database. Raises StoreError when it is not there or not up to date."""
        return self._opened.enter_context(self.app.store())

    def close(self) -> None:
        """Let go of what was opened."""
        self._opened.close()


def session_of(ctx: typer.Context) -> Session:
    """The session that the global options began."""
    found: Session = ctx.ensure_object(Session)
    return found
