"""How the ways to fail are told apart: operating system errors and TLS errors as ``Trouble``."""

import errno
import os
import re

from OpenSSL import SSL

from certwatch.core.model import Failure, Trouble

_BY_ERRNO = {
    errno.ECONNREFUSED: Failure.REFUSED,
    errno.ECONNRESET: Failure.RESET,
    errno.ECONNABORTED: Failure.RESET,
    errno.EPIPE: Failure.RESET,
    errno.ETIMEDOUT: Failure.TIMEOUT,
    errno.EHOSTUNREACH: Failure.UNREACHABLE,
    errno.EHOSTDOWN: Failure.UNREACHABLE,
}

# OpenSSL names a received alert "tlsv1 alert protocol version", "ssl/tls alert handshake failure",
# "tlsv1 unrecognized name": the protocol in which it was born, then its RFC 8446 name.
_ALERT = re.compile(r"(?:(?:sslv3|ssl/tls|tls|tlsv13?) alert|tlsv13?) (?P<name>[a-z0-9 ]+)")
_NO_COMMON_VERSION = ("unsupported protocol", "version too low", "wrong ssl version")


class Failed(Exception):
    """A stage of a look came to nothing. Stays inside the probes: a look turns it into a field."""

    def __init__(self, kind: Failure, detail: str = "") -> None:
        super().__init__(kind, detail)
        self.trouble = Trouble(kind, detail)


def from_os(error: OSError) -> Failed:
    """A failed system call; what is no answer of the other side is LOCAL."""
    kind = _BY_ERRNO.get(error.errno or 0, Failure.LOCAL)
    return Failed(kind, os.strerror(error.errno) if error.errno else type(error).__name__)


def from_tls(error: SSL.Error, first: bytes) -> Failed:
    """A failed handshake or record; ``first`` are the first bytes that the server sent."""
    if first and not _is_record(first):
        return Failed(Failure.NOT_TLS, "it answers in HTTP" if first.startswith(b"HTTP") else "")
    entries = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reasons = [str(entry[-1]).lower() for entry in entries]
    for reason in reasons:
        if reason in _NO_COMMON_VERSION:
            return Failed(Failure.ALERT, "protocol_version")
        if alert := _ALERT.fullmatch(reason):
            return Failed(Failure.ALERT, alert["name"].replace(" ", "_"))
    return Failed(Failure.MALFORMED, f"broken TLS: {reasons[0]}" if reasons else "broken TLS")


def _is_record(first: bytes) -> bool:
    """Whether bytes can begin a TLS record: a content type and major version 3 (RFC 8446, 5.1)."""
    return 20 <= first[0] <= 24 and first[1:2] in (b"\x03", b"")
