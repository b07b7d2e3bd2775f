"""Files that are written whole or not at all."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TextIO

from certwatch.errors import CertwatchError

BY_UMASK = 0o666  # what open() asks for; the umask takes from it


@contextmanager
def whole_file(path: Path, mode: int = BY_UMASK) -> Iterator[TextIO]:
    """A UTF-8 text file to write: in place once the block ends well, else as it was before.

    Links are followed. A file that is replaced keeps its permissions; a new one gets ``mode``, less
    the umask. Devices and pipes are written to directly. Raises CertwatchError when it cannot be
    written.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8", newline="") as file:
                yield file
        else:
            with _draft_of(Path(os.path.realpath(path)), mode) as file:
                yield file
    except OSError as error:
        raise CertwatchError(f"{path} cannot be written ({error.strerror})") from None


@contextmanager
def _draft_of(target: Path, mode: int) -> Iterator[TextIO]:
    draft = target.with_name(f".certwatch-{token_hex(8)}.part")
    create = partial(os.open, mode=mode)
    try:
        with open(draft, "x", encoding="utf-8", newline="", opener=create) as file:
            _take_access(file.fileno(), target)
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _take_access(descriptor: int, target: Path) -> None:
    """Give a draft the owner and permissions of the file that it will replace, if there is one."""
    with suppress(FileNotFoundError):
        replaced = target.stat()
        with suppress(PermissionError):  # only root may give files away
            os.fchown(descriptor, replaced.st_uid, replaced.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(replaced.st_mode))
