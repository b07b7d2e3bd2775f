"""Plays the demo and writes what the README shows of it: ``python -m docs.demo`` (``make docs``).

The picture is the command's own output on a terminal, its long table cut in the middle; the table
of what was planted and found is what ``certwatch demo --markdown`` prints.
"""

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
COLUMNS = 150
STEP = 5  # every fifth row of the long table is shown
_DEMO = [sys.executable, "-m", "certwatch", "demo"]
_BLOCK = re.compile(r"(<!-- demo -->\n).*(<!-- /demo -->)", re.DOTALL)
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # fetched from elsewhere
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def on_a_terminal(command: list[str]) -> str:
    """What a command writes to a terminal, colours and all."""
    ours, theirs = pty.openpty()
    environ = os.environ | {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environ) as child:
        os.close(theirs)
        with open(ours, "rb", buffering=0) as terminal:
            written = b"".join(iter(lambda: _read(terminal), b""))
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} failed with exit code {child.returncode}")
    return written.decode().replace("\r", "")


def _read(terminal: io.FileIO) -> bytes:
    try:
        return terminal.read(65536) or b""
    except OSError:  # Linux says so when the other end is closed
        return b""


def shortened(output: str) -> str:
    """The output with some rows of its table left out, and without the folder of this run."""
    lines = output.splitlines()
    plain = [_ESCAPE.sub("", line) for line in lines]
    head = next(n for n, line in enumerate(plain) if line.startswith("state "))
    tail = next(n for n, line in enumerate(plain) if line.startswith("Compared with")) - 1
    starts = [n for n in range(head + 1, tail) if plain[n][:1].strip()]
    rows = [lines[a:b] for a, b in zip(starts, [*starts[1:], tail], strict=True)]
    end = [line for line in lines[tail:] if not line.startswith(("report ", "folder "))]
    return "\n".join([*lines[: head + 1], *(line for row in rows[::STEP] for line in row), *end])


def picture(output: str) -> str:
    """Terminal output as an SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(shortened(output)))
    svg = console.export_svg(title="certwatch demo", unique_id="demo")
    return _FONT.sub("", svg)


def main() -> None:
    """Write ``docs/demo.svg`` and the table in ``README.md``."""
    (ROOT / "docs/demo.svg").write_text(picture(on_a_terminal(_DEMO)), encoding="utf-8")
    table = subprocess.run([*_DEMO, "--markdown"], check=True, capture_output=True, text=True)
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    filled = _BLOCK.sub(lambda block: f"{block[1]}{table.stdout}{block[2]}", text)
    readme.write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    main()
