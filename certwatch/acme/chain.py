"""The certificate that the CA sends, believed only once it is looked at."""

from datetime import datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding

from certwatch.acme.guard import nonsense
from certwatch.acme.keys import fits
from certwatch.core import x509
from certwatch.core.model import Certificate
from certwatch.core.renewal import Blame
from certwatch.errors import CertificateError, RenewalError

MEDIA_TYPE = "application/pem-certificate-chain"  # RFC 8555 section 9.1
_SKEW = timedelta(days=1)  # a clock of ours that is behind must not cost a certificate


def read_chain(
    body: bytes, domain: str, key: bytes | None, *, now: datetime
) -> tuple[str, Certificate]:
    """A chain as PEM, leaf first and nothing else in it, and the leaf.

    Raises RenewalError unless the leaf is for exactly this name, valid now (``badCertificate``)
    and, where a private key is given, for that key (PEM; ``keyMismatch``).
    """
    try:
        chain = x509.parse_pem(body)
    except CertificateError as error:
        raise nonsense(f"the certificate cannot be read ({error})") from None
    leaf = chain[0]
    if set(leaf.sans) != {domain}:
        raise nonsense(f"the certificate is not for {domain} alone")
    if not leaf.not_before - _SKEW <= now < leaf.not_after:
        raise _untimely(leaf, domain, now)
    if key is not None and not fits(key, leaf):
        raise RenewalError(
            f"the certificate of this order for {domain} is for another private key",
            kind="keyMismatch",
            blame=Blame.OURS,
            remedy="nothing to do: the next attempt makes a new order",
        )
    pems = (x509.load(one).public_bytes(Encoding.PEM).decode("ascii") for one in chain)
    return "".join(pems), leaf


def _untimely(leaf: Certificate, domain: str, now: datetime) -> RenewalError:
    return RenewalError(
        f"the certificate of this order for {domain} is valid from {leaf.not_before:%Y-%m-%d %H:%M}"
        f" to {leaf.not_after:%Y-%m-%d %H:%M} UTC, not now ({now:%Y-%m-%d %H:%M} UTC)",
        kind="badCertificate",
        blame=Blame.CA,
        remedy="look at the clock of this machine; if it is right, ask the CA why",
    )
