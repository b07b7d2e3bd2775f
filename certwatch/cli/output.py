"""What people and programs see: tables and lines on stdout, complaints and progress on stderr.

Every text that may come from the network passes ``terminal``, which shows control characters,
escape sequences and bidirectional controls instead of sending them; Rich markup in data is never
interpreted. Colour appears on terminals only (and never with NO_COLOR); in a pipe tables are plain
text, one row a line, nothing cut off.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO

from certwatch.core.escape import terminal
from certwatch.errors import CertwatchError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STYLES = {
    "critical": "bold red",
    "warning": "yellow",
    "info": "cyan",
    "ok": "green",
    "unknown": "magenta",
}
_WIDE = 120  # columns from which sentences have room beside the rest
_AT_ONCE = 500  # rows put out together, so that 50,000 of them need little memory


class StdoutError(CertwatchError):
    """Standard output takes nothing more: its disk is full, for instance."""


class Stdout:
    """Standard output whose failures are ours to tell; only a reader that left is left alone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text. Raises StdoutError, and BrokenPipeError when the reader is gone."""
        with _telling():
            return self._stream.write(text)

    def writelines(self, parts: Iterable[str]) -> None:
        """Write text that comes in parts, as ``write`` does."""
        for part in parts:
            self.write(part)

    def flush(self) -> None:
        """Send what waits in the buffer, as ``write`` does."""
        with _telling():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StdoutError(f"stdout cannot be written ({error.strerror})") from None


@dataclass(frozen=True, slots=True)
class Column:
    """One column; a ``stated`` one holds states or severities and is coloured by them."""

    header: str
    stated: bool = False
    whole: bool = False  # never wrapped, however narrow the terminal
    prose: bool = False  # sentences: below the row where the terminal is narrow


@cache
def _console(to_stderr: bool) -> "Console":
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:  # Rich would exit with 1, which means findings here
            raise BrokenPipeError

    return Plain(stderr=to_stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(text: str = "", style: str = "") -> None:
    """Print lines for people on stdout; line breaks are kept, all else is escaped."""
    _print(text, style, to_stderr=False)


def note(text: str) -> None:
    """Print a notice on stderr."""
    _print(text, "", to_stderr=True)


def complain(text: str) -> None:
    """Print what went wrong on stderr, behind the program's name."""
    _print(f"certwatch: {text}", "", to_stderr=True)


def _print(text: str, style: str, *, to_stderr: bool) -> None:
    from rich.text import Text

    lines = "\n".join(terminal(line) for line in text.split("\n"))
    _console(to_stderr).print(Text(lines, style=style))


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document; ASCII only, so that no terminal is ever driven by data."""
    print(json.dumps(document, indent=2))


def json_parts(
    head: Mapping[str, Any], key: str, items: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """One JSON document in parts: the members of ``head``, and a long list, one item a line."""
    return json_lists(head, {key: items})


def json_lists(
    head: Mapping[str, Any], lists: Mapping[str, Iterable[Mapping[str, Any]]]
) -> Iterator[str]:
    """One JSON document in parts: the members of ``head``, and long lists, one item a line."""
    yield json.dumps(head)[:-1]
    for key, items in lists.items():
        yield f", {json.dumps(key)}: [\n"
        iterator, comma = iter(items), ""
        while chunk := list(islice(iterator, _AT_ONCE)):
            yield comma + ",\n".join(map(json.dumps, chunk))
            comma = ",\n"
        yield "\n]"
    yield "}\n"


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> int:
    """Print a table with a header, nothing at all without a row; how many rows there were."""
    lay_out = _for_people if _console(False).is_terminal else _for_pipes
    iterator, printed = iter(rows), 0
    while chunk := [[terminal(cell) for cell in row] for row in islice(iterator, _AT_ONCE)]:
        lay_out(columns, chunk, printed == 0)
        printed += len(chunk)
    return printed


def _for_people(columns: Sequence[Column], rows: Sequence[Sequence[str]], header: bool) -> None:
    if _console(False).width < _WIDE and columns[-1].prose:
        _on_two_lines(columns, rows)
    else:
        _side_by_side(columns, rows, header)


def _side_by_side(columns: Sequence[Column], rows: Sequence[Sequence[str]], header: bool) -> None:
    from rich.table import Table

    grid = Table(box=None, show_header=header, header_style="dim", pad_edge=False)
    for column in columns:
        grid.add_column(column.header, overflow="fold", no_wrap=column.whole)
    for row in rows:
        grid.add_row(*map(_cell, columns, row))
    _console(False).print(grid, soft_wrap=False)


def _on_two_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """The last column has a line of its own below the others."""
    from rich.padding import Padding
    from rich.text import Text

    widths = [max(len(row[i]) for row in rows) for i in range(len(columns) - 1)]
    for *cells, prose in rows:
        padded = [c.ljust(width) for c, width in zip(cells, widths, strict=True)]
        styled = (_cell(column, text) for column, text in zip(columns, padded, strict=False))
        _console(False).print(Text("  ").join(styled))
        if prose:
            _console(False).print(Padding(Text(prose), (0, 0, 0, widths[0] + 2)), soft_wrap=False)


def _cell(column: Column, text: str) -> "Text":
    from rich.text import Text

    return Text(text, style=STYLES.get(text.strip(), "") if column.stated else "")


def _for_pipes(columns: Sequence[Column], rows: Sequence[Sequence[str]], header: bool) -> None:
    lines = [[column.header for column in columns], *rows] if header else rows
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr while work goes on, on terminals only; call the result once a step."""
    if total < 2 or not _console(True).is_terminal:
        yield lambda: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_console(True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def minute(at: datetime | None) -> str:
    """An instant for people, to the minute, in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""


def counted(number: int, noun: str) -> str:
    """``1 domain``, ``2,000 domains``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
