"""Whose claim it is, so that nobody waits for the lease of a process that is known to be dead.

An owner is a text of host, boot, PID namespace, PID and start time: what follows a killed process
under its PID, in another container or on another machine, is never taken for it. In doubt, and
wherever there is no Linux, an owner is alive, and the lease alone decides.
"""

import os
from pathlib import Path

_PROC = Path("/proc")
_GONE = ("Z", "X")  # killed, but not waited for by its parent yet (proc(5))
_STATE, _START = 0, 19  # fields of /proc/PID/stat behind the name, which is in parentheses


def this_process() -> str:
    """This process as an owner; empty where the system does not tell."""
    place, found = _place(), _stat(os.getpid())
    return f"{place} {os.getpid()} {found[_START]}" if place and found else ""


def is_dead(owner: str | None) -> bool:
    """Whether an owner ran among the processes that we can see, and runs no more."""
    match (owner or "").split():
        case [*place, pid, start] if " ".join(place) == _place() and pid.isdecimal():
            return not _runs(int(pid), start)
    return False


def _place() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{os.uname().nodename} {boot} {os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:
        return ""


def _runs(pid: int, start: str) -> bool:
    try:
        os.kill(pid, 0)  # asks only, and sees processes that /proc hides (hidepid)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    found = _stat(pid)
    return found is None or (found[_START] == start and found[_STATE] not in _GONE)


def _stat(pid: int) -> list[str] | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields if len(fields) > _START else None
