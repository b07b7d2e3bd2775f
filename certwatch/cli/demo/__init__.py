"""``certwatch demo``: a small world with planted faults, worked end to end."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from certwatch.cli.options import FINDINGS, Json
from certwatch.cli.output import print_json, say
from certwatch.errors import UsageError


def demo(
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="An empty folder to work in; else a temporary one."),
    ] = None,
    json_: Json = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the comparison as Markdown.")
    ] = False,
) -> None:
    """Find all faults of a small world on loopback.

    Real DNS, real TLS, real HTTP; nothing outside this machine is touched. Exit code 1 when a
    planted fault is missed or one is invented.
    """
    from certwatch.cli.demo.pages import document, markdown_lines
    from certwatch.cli.demo.story import tell

    story = tell(_folder(keep), aloud=not (json_ or markdown))
    if json_:
        print_json(document(story))
    elif markdown:
        say("\n".join(markdown_lines(story)))
    if not story.right:
        raise typer.Exit(FINDINGS)


def _folder(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="certwatch-demo-"))
    try:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise UsageError(f"{keep} is not empty; name a new folder")
    except OSError as error:
        raise UsageError(f"{keep} cannot be used ({error.strerror})") from None
    return keep.resolve()
