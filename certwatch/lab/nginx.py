"""A real nginx in the lab, with the configuration that certwatch rendered for it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from certwatch.lab.programs import running

PROGRAM = "nginx"
_SCRATCH = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def nginx(
    program: str, folder: Path, configuration: str, *, listens: tuple[str, int]
) -> Iterator[None]:
    """Run nginx in an empty folder. Raises LabError.

    Only what belongs to the machine and not to the task is added: where it keeps scratch files,
    and that it stays in the foreground.
    """
    scratch = "".join(f"    {name}_temp_path {folder}/{name};\n" for name in _SCRATCH)
    text = configuration.replace("http {\n", "http {\n" + scratch, 1)
    file = folder / "nginx.conf"
    file.write_text(text, encoding="utf-8")
    command = [program, "-e", "stderr", "-p", str(folder), "-c", str(file)]
    command += ["-g", f"daemon off; pid {folder}/nginx.pid;"]
    with running(
        command,
        log=folder / "nginx.log",
        answers=lambda: socket.create_connection(listens, 1).close(),
    ):
        yield
