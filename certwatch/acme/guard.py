"""What a CA must not be believed: answers that are no ACME, and addresses that are not its own."""

from urllib.parse import SplitResult, urlsplit

from certwatch.acme.problems import clip
from certwatch.core import names
from certwatch.core.renewal import Blame
from certwatch.errors import RenewalError

FIND_DIRECTORY = "set acme.directory to the URL that the CA documents; it often ends in /directory"
_PORTS = {"https": 443, "http": 80}


def nonsense(what: str) -> RenewalError:
    """The CA answers, but not as RFC 8555 says."""
    return RenewalError(
        f"the CA's answer makes no sense: {what}",
        kind="ca_error",
        blame=Blame.CA,
        remedy=f"{FIND_DIRECTORY}; if it is right, ask the CA",
    )


def at_home(url: object, directory: str) -> str:
    """A URL that a CA's answer names, if it belongs to the CA: scheme and port of the directory,
    and its host or one of the same registered domain. Raises RenewalError: a CA must not be able to
    send our requests into our own network."""
    if isinstance(url, str) and url.isascii() and url.isprintable() and not set(url) & set(" \\"):
        there, here = _parts(url), _parts(directory)
        if there and here and there[:2] == here[:2] and _related(there[2], here[2]):
            return url
    if url == directory:
        raise RenewalError(
            "acme.directory is no web address",
            kind="ca_unreachable",
            blame=Blame.OURS,
            remedy=FIND_DIRECTORY,
        )
    raise RenewalError(
        f"the CA names an address that is not its own: {clip(url) or 'none'}",
        kind="ca_error",
        blame=Blame.CA,
        remedy=f"nothing was asked there; {FIND_DIRECTORY}",
    )


def _parts(url: str) -> tuple[str, int, str] | None:
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if "@" in parts.netloc or not parts.hostname:
        return None
    return parts.scheme, port, parts.hostname


def _related(there: str, here: str) -> bool:
    if there == here:
        return True
    if here.rpartition(".")[2].isdigit() or ":" in here or "." not in here:  # no name of DNS
        return False
    return names.registered_domain(there) == names.registered_domain(here)
