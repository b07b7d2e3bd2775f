"""Writes the reference pages from the code: ``python -m docs.generate`` (``make docs``).

The pages are committed, and a test compares them with what this would write now; so a command, a
setting or a check code cannot come without its documentation.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from certwatch.checks import FAMILIES
from certwatch.checks.registry import codes_of
from certwatch.cli import app
from certwatch.settings_file import Table, example_settings, tables

ROOT = Path(__file__).parent.parent
_NOTE = "<!-- Written by `make docs` from the code; change it there. -->\n"


def pages() -> dict[Path, str]:
    """Every generated file and its text."""
    return {
        ROOT / "docs/commands.md": "\n".join(_commands()),
        ROOT / "docs/settings.md": "\n".join(_settings()),
        ROOT / "docs/checks.md": "\n".join(_checks()),
        ROOT / "config/certwatch.example.toml": example_settings(),
    }


def _commands() -> Iterator[str]:
    yield _NOTE + "# Commands\n"
    yield (
        "Exit codes: 0 fine; 1 findings at or above `--fail-on`; 2 wrong usage or settings; 3 it"
        " could not do its work; 130 interrupted.\n"
    )
    root = typer.main.get_command(app)
    context = root.make_context("certwatch", [], resilient_parsing=True)
    yield from _command(root, context)


def _command(command: Any, context: Any) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"## `{context.command_path}`\n\n```\n{usage}\n```\n"
    yield _help(command.help or "") + "\n"
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    if rows := [record for record in records if record]:
        yield "| argument or option | meaning |\n|---|---|"
        yield from (f"| `{_name(names)}` | {_cell(text)} |" for names, text in rows)
        yield ""
    for name, sub in getattr(command, "commands", {}).items():
        child = type(context)(sub, info_name=name, parent=context, resilient_parsing=True)
        yield from _command(sub, child)


def _help(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _name(names: str) -> str:
    """An argument or option without the Python type that Typer appends to arguments."""
    return re.sub(r" <(list\[)?(str|Path)\]?>$", "", names).replace("|", "/")


def _settings() -> Iterator[str]:
    yield _NOTE + "# Settings\n"
    yield (
        "In `certwatch.toml` (or the file of `--config` or `CERTWATCH_CONFIG`). The environment"
        " wins: `CERTWATCH_PROBE__TIMEOUT=5s` is `timeout` in `[probe]`; lists are separated by"
        " commas. A secret can come from a file: `CERTWATCH_SLACK__TOKEN_FILE=PATH`. Durations are"
        " `90s`, `10m`, `6h`, `7d`. `certwatch init` writes a file that"
        " explains what this version uses (`config/certwatch.example.toml`).\n"
    )
    for table in tables():
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    yield f"## `{table.header}`\n\n{table.about}\n\n| key | default | meaning |\n|---|---|---|"
    for key in table.keys:
        default = f"`{key.default}`" if key.default else "required" if key.is_required else "none"
        yield f"| `{key.name}` | {default} | {_cell(key.description)} |"
    yield ""


def _checks() -> Iterator[str]:
    yield _NOTE + "# Checks\n"
    yield (
        "A code is never renamed. The severity is the default; some findings are graver where the"
        " case is. `[checks]` in the settings changes or mutes it, for all domains or for some.\n"
    )
    for family in FAMILIES:
        codes = codes_of(family)
        title = family.__name__.rpartition(".")[2]
        yield f"## {title}\n\n{_cell(_first_line(family.__doc__))}\n"
        yield "| code | severity | meaning |\n|---|---|---|"
        yield from (f"| `{c.code}` | {c.severity} | {_cell(c.meaning)} |" for c in codes)
        yield ""


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0]


def _cell(text: str) -> str:
    """Our own text in a table cell: its `code` stays, a pipe would end the cell."""
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write every page."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
