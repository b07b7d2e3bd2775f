"""Deploy in child processes that are killed at the first, second, third ... thing they do to disk.

Run as a script: ``crashes.py FOLDER``; prints after how many kills a child lived to the end.
"""

import os
import signal
import sys
from pathlib import Path
from ssl import DER_cert_to_PEM_cert
from typing import Any

from certwatch.deploy.files import FileDeployer
from tests.probes.authority import Issued, issue, root

NAME = "click.brand.test"
_TOUCHING = ("open", "os.mkdir", "os.chmod", "os.rename", "os.symlink", "os.remove", "os.rmdir")


def pem(issued: Issued) -> str:
    """The certificate alone."""
    return DER_cert_to_PEM_cert(issued.der)


def deploy(directory: Path, issued: Issued, keep: int = 1) -> None:
    """Put a certificate in place; its key is as good as any bytes."""
    deployer = FileDeployer(directory, keep=keep, unseal=bytes)
    key = f"key of {issued.parsed.serial}\n".encode()
    deployer.deploy(NAME, key=key, chain=pem(issued) + pem(root()), certificate=issued.parsed)


def seen(directory: Path) -> dict[str, str]:
    """What a reader of the domain's folder reads."""
    names = ("privkey", "cert", "chain", "fullchain")
    return {name: (directory / NAME / f"{name}.pem").read_text() for name in names}


def whole(issued: Issued) -> dict[str, str]:
    """What the four files of a certificate hold."""
    leaf, above = pem(issued), pem(root())
    key = f"key of {issued.parsed.serial}\n"
    return {"privkey": key, "cert": leaf, "chain": above, "fullchain": leaf + above}


def _die_at(step: int) -> None:
    count = 0
    sync = os.fsync

    def touch() -> None:
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(descriptor: Any) -> None:
        touch()
        sync(descriptor)

    os.fsync = watched  # type: ignore[assignment]
    sys.addaudithook(lambda event, args: touch() if event in _TOUCHING else None)


def _child(step: int, directory: Path, issued: Issued) -> int:
    child = os.fork()
    if child == 0:
        _die_at(step)
        deploy(directory, issued)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return status


def main(directory: Path) -> int:
    """Renew again and again; each renewal is killed one step later than the one before."""
    current = issue(NAME, root())
    deploy(directory, current)
    for step in range(1, 500):
        fresh = issue(NAME, root())
        status = _child(step, directory, fresh)
        if seen(directory) == whole(fresh):
            current = fresh
        assert seen(directory) == whole(current), f"killed at step {step}: a mixture is served"
        if status == 0:
            assert current is fresh
            return step - 1
        assert os.WTERMSIG(status) == signal.SIGKILL
        deploy(directory, current)  # and the way is free again
        assert seen(directory) == whole(current)
    raise AssertionError("no end")


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
