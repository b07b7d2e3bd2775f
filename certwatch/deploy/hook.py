"""The operator's command after a new certificate is in place.

The command line is split as a shell would split it (``shlex``), but no shell runs it: variables,
pipes and ``&&`` mean nothing. ``sh -c '...'`` or a script of one's own brings them back.
"""

import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from certwatch.core.escape import visible
from certwatch.core.renewal import Blame
from certwatch.errors import RenewalError, SettingsError

KEPT = 4096  # bytes of its output, the last ones
_OURS = "CERTWATCH_"  # settings and their secrets travel in variables that begin so
_GLANCE = 0.05  # seconds between two looks at whether it has ended
_CHUNK = 65_536
_LEFT_OVER = 16 * _CHUNK  # more than a pipe holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A command with its arguments, and the longest that it may run."""

    command: tuple[str, ...]
    timeout: timedelta

    @classmethod
    def parse(cls, line: str, timeout: timedelta) -> "Hook | None":
        """The hook of a command line, None of an empty one. Raises SettingsError."""
        try:
            command = tuple(shlex.split(line))
        except ValueError as error:
            raise SettingsError(f"deploy.hook: {line!r} cannot be split ({error})") from None
        return cls(command=command, timeout=timeout) if command else None

    def run(self, variables: Mapping[str, str], *, hidden: str = "") -> None:
        """Run it once, with these variables instead of any other ``CERTWATCH_*``.

        It gets a session of its own, and after the timeout the whole of it is killed. Raises
        RenewalError with the exit code and the end of its output, lines of ``hidden`` left out.
        What it leaves running on purpose must redirect its own output.
        """
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
        try:
            process = subprocess.Popen(
                self.command,
                env=inherited | dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise self._failed(f"cannot be started ({_reason(error)})", b"", hidden) from None
        with process:
            code, output = _followed(process, self.timeout.total_seconds())
        if code is None:
            seconds = f"{self.timeout.total_seconds():g}"
            raise self._failed(f"ran longer than {seconds} s and was killed", output, hidden)
        if code:
            how = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
            raise self._failed(how, output, hidden)

    def _failed(self, how: str, output: bytes, hidden: str) -> RenewalError:
        said = _cleaned(output, hidden)
        return RenewalError(
            f"the certificate is in place, but deploy.hook ({visible(self.command[0])}) {how}"
            + (f": {said}" if said else ""),
            kind="deploy",
            blame=Blame.OURS,
            remedy="mend the command in deploy.hook, or raise deploy.hook_timeout; it is run again"
            " by itself",
        )


def _followed(process: "subprocess.Popen[bytes]", seconds: float) -> tuple[int | None, bytes]:
    """Exit code and last output of a process; None for one that was killed for being late."""
    assert process.stdout is not None
    output, until = _Tail(process.stdout.fileno()), time.monotonic() + seconds
    while (code := process.poll()) is None and time.monotonic() < until:
        output.take(_GLANCE)
    if code is None:
        os.killpg(process.pid, signal.SIGKILL)  # not reaped yet, so the group is still ours
    for _ in range(_LEFT_OVER // _CHUNK):  # something it left behind may write without end
        if not output.take(0):
            break
    return code, output.text


class _Tail:
    """The end of what comes through a pipe."""

    def __init__(self, pipe: int) -> None:
        self.text = b""
        self._pipe = pipe
        self._poll = select.poll()  # unlike select(), at home with descriptors above 1023
        self._poll.register(pipe, select.POLLIN)
        self._ended = False

    def take(self, wait: float) -> bool:
        """Wait so many seconds for more; whether something came."""
        if self._ended:
            time.sleep(wait)
        elif self._poll.poll(wait * 1000):
            data = os.read(self._pipe, _CHUNK)
            self._ended = not data
            self.text = (self.text + data)[-KEPT - 1 :]
            return bool(data)
        return False


def _cleaned(output: bytes, hidden: str) -> str:
    """The end of an output as one line that is safe to show, without lines of a secret."""
    secrets = {line.strip() for line in hidden.splitlines() if line.strip()}
    whole = output.decode("utf-8", "replace").splitlines()
    lines = whole[1:] if len(output) > KEPT and len(whole) > 1 else whole  # cut in the middle
    kept = [line.strip() for line in lines if not any(one in line for one in secrets)]
    return " / ".join(visible(line) for line in kept if line)[-KEPT:]


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
