"""The lab's authorities as parsed certificates, for tests of what judges them.

``ROOT`` and ``ISSUER`` are trusted by ``trust()``; every life is counted from ``NOW``.
"""

from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding

from certwatch.core.model import Certificate
from certwatch.core.trust import TrustStore
from certwatch.core.x509 import parse_certificate
from certwatch.lab.pki import Authority, Credential, life
from tests.factories import NAME, NOW

LONG = life(NOW, 3650, 3000)
ROOT = Authority.root("Test Root", "Test Trust", LONG)
ISSUER = ROOT.intermediate("Test CA 1", "Test Trust", LONG)
STRANGER = Authority.root("Strange Root", "Strangers", LONG).intermediate(
    "Strange CA", "Strangers", LONG
)


def parsed(credential: Credential | Authority) -> tuple[Certificate, ...]:
    """The chain as it is served; of an authority its own certificate and those above it."""
    if isinstance(credential, Authority):
        chain = credential.above or (credential.certificate,)
    else:
        chain = credential.chain
    return tuple(parse_certificate(one.public_bytes(Encoding.DER)) for one in chain)


def issued(
    *names: str,
    by: Authority = ISSUER,
    days: float = 90,
    left: float = 60,
    now: datetime = NOW,
) -> Credential:
    """A server certificate, good unless told otherwise."""
    return by.issue(*(names or (NAME,)), span=life(now, days, left))


def trust(*roots: Authority) -> TrustStore:
    """A store that trusts these roots, by default ``ROOT``."""
    return TrustStore(parsed(root)[0] for root in roots or (ROOT,))
