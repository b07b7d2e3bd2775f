"""certwatch renew, killing itself (SIGKILL) right before or after one call of a step.

usage: python -m tests.renewing.tripwire POINT before|after NAME [POINT before|after NAME ...]

Every renewal is a process of its own, forked from one that has everything imported. Prints how
each ended, as a line of JSON.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

from certwatch.acme.client import CaIssuer
from certwatch.cli import main
from certwatch.deploy.files import FileDeployer
from certwatch.store import SqlStore

POINTS: dict[str, tuple[type, str, int]] = {  # class, method, which of its calls
    "claimed": (SqlStore, "claim", 1),
    "precheck-planted": (SqlStore, "plant", 1),
    "order-made": (CaIssuer, "order", 1),
    "order-charged": (SqlStore, "charge", 1),
    "ordered": (SqlStore, "advance", 1),
    "challenge-planted": (SqlStore, "plant", 2),
    "challenge-answered": (CaIssuer, "answer", 1),
    "finalized": (SqlStore, "advance", 2),
    "csr-sent": (CaIssuer, "finalize", 1),
    "certificate-fetched": (CaIssuer, "certificate", 1),
    "issued": (SqlStore, "issued", 1),
    "put-in-place": (FileDeployer, "deploy", 1),
    "deployed": (SqlStore, "advance", 3),
    "done": (SqlStore, "done", 1),
}
"""The named steps of a renewal, in their order."""


def stretch(point: str, when: str) -> None:
    """Let the process die at that point."""
    owner, name, which = POINTS[point]
    real: Callable[..., Any] = getattr(owner, name)
    calls = count(1)

    def wired(*args: Any, **options: Any) -> Any:
        is_it = next(calls) == which
        if is_it and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **options)
        if is_it:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, wired)


def renew(point: str, when: str, name: str) -> int:
    """How a renewal with a tripwire ends: an exit code, or minus a signal."""
    pid = os.fork()
    if pid == 0:
        stretch(point, when)
        sys.argv[1:] = ["renew", name]
        with open(os.devnull, "w") as sys.stdout:
            main()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    import certwatch.app.renewing  # noqa: F401  (once for all of them)

    words = sys.argv[1:]
    kills = zip(words[::3], words[1::3], words[2::3], strict=True)
    print(json.dumps({kill[2]: renew(*kill) for kill in kills}))
