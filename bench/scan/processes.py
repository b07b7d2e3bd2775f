"""Child processes on chosen cores, and what they cost."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVERS, SUBJECT = 0, 1  # the cores: what is looked at, and who looks
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"  # Debian keeps servers there


@dataclass(frozen=True, slots=True)
class Cost:
    """What one finished process took: wall and CPU seconds, peak resident memory in bytes."""

    wall: float
    cpu: float
    peak: int


def program(name: str) -> str:
    """The path of a command. Raises SystemExit when it is not installed."""
    found = shutil.which(name, path=PATH)
    if found is None:
        raise SystemExit(f"{name} is not installed; `make bench` as root installs it")
    return found


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """The command, held on one core."""
    return [program("taskset"), "--cpu-list", str(core), *command]


def run(
    core: int,
    command: Sequence[str],
    *,
    output: Path | None = None,
    errors: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Cost:
    """Run a command on one core to its end. Raises SystemExit when it fails.

    stdout goes to the file ``output`` or nowhere, stderr to the file ``errors`` or ours.
    """
    began = time.perf_counter()
    with ExitStack() as stack:
        child = subprocess.Popen(
            pinned(core, command),
            stdout=stack.enter_context((output or Path(os.devnull)).open("wb")),
            stderr=stack.enter_context(errors.open("wb")) if errors else None,
            env={**os.environ, **(environ or {})},
        )
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        said = f": {errors.read_text(errors='replace')[-2000:]}" if errors else ""
        raise SystemExit(f"{' '.join(command)} failed with exit code {child.returncode}{said}")
    wall = time.perf_counter() - began
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


@contextmanager
def serving(
    core: int,
    command: Sequence[str],
    *,
    port: int,
    cwd: Path,
    environ: Mapping[str, str] | None = None,
    patience: float = 120,
) -> Iterator[None]:
    """A server on one core, from the moment that it takes connections until the block ends."""
    log = cwd / f"{Path(command[0]).name}.log"
    with log.open("wb") as sink:
        child = subprocess.Popen(
            pinned(core, command),
            cwd=cwd,
            stdout=sink,
            stderr=sink,
            env={**os.environ, **(environ or {})},
        )
    try:
        _await(child, port, time.monotonic() + patience, log)
        yield
    finally:
        child.terminate()
        child.wait()


def _await(child: subprocess.Popen[bytes], port: int, until: float, log: Path) -> None:
    while time.monotonic() < until and child.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"a server did not start: {log.read_text(errors='replace')[-2000:]}")


def free_ports(count: int) -> tuple[int, ...]:
    """TCP ports that nobody listens on just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return tuple(sock.getsockname()[1] for sock in sockets)
    finally:
        for sock in sockets:
            sock.close()
