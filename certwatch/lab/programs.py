"""Real servers of the system's packages, run for as long as a block does."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from certwatch.errors import LabError

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"  # Debian keeps servers there
_PATIENCE = 30.0  # seconds until it answers
_GRACE = 10.0  # seconds until it has ended


def find(program: str) -> str | None:
    """The path of a program, None where it is not installed."""
    return shutil.which(program, path=_PATH)


@contextmanager
def running(
    command: Sequence[str],
    *,
    log: Path,
    answers: Callable[[], object],
    environ: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a server from its first answer to the end of the block; ``answers`` raises OSError until
    it does. Raises LabError, with the end of its log, when it does not start."""
    with log.open("wb") as out:
        try:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, env={**os.environ, **(environ or {})}
            )
        except OSError as error:
            raise LabError(f"{command[0]} cannot be started ({error.strerror})") from None
    try:
        _await(process, answers, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: "subprocess.Popen[bytes]", answers: Callable[[], object], log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            answers()
        except OSError:  # urllib's errors are some, too
            time.sleep(0.02)
        else:
            return
    said = log.read_text("utf-8", "replace")[-1000:].strip()
    raise LabError(f"{process.args!r} did not start: {said or 'it said nothing'}")
