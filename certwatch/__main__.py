"""Where the command ``certwatch`` and ``python -m certwatch`` begin.

An interrupt from the keyboard ends it quietly from here on: while modules are still being imported
there is nothing yet to tidy up or to say.
"""

import os
import signal
from types import FrameType

INTERRUPTED = 130  # 128 + SIGINT, as shells count


def main() -> None:
    """Run the command that ``sys.argv`` names, and exit with its code."""
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_heard:  # a shell ignores it for what runs in the background
        signal.signal(signal.SIGINT, _leave)
    from certwatch import cli

    try:
        if is_heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        cli.main()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def _leave(number: int, frame: FrameType | None) -> None:
    """Not an exception: extension modules that are being imported make another one of it."""
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
