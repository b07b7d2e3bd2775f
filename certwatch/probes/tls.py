"""What an address serves under TLS: the chain for a name, and what it does without one."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from certwatch.core.model import AddressView, Certificate, Failure, Path, TlsView
from certwatch.core.x509 import parse_certificate
from certwatch.errors import CertificateError
from certwatch.probes.dial import Dialler
from certwatch.probes.link import Link
from certwatch.probes.offers import Offer
from certwatch.probes.trouble import Failed

Verify = Callable[[tuple[Certificate, ...], datetime], Path]

_MAX_CERTIFICATES = 10
_MAX_CHAIN_BYTES = 65_536

# Certificates are parsed once and shared: a sweep meets the same intermediates over and over, and
# the next sweep the same leaves.
_parse = lru_cache(maxsize=8192)(parse_certificate)


def served_chain(link: Link) -> tuple[Certificate, ...]:
    """The certificates of a finished handshake, leaf first; at most ten and 64 KB of them.

    What cannot be parsed behind the leaf is left out. Raises Failed when the leaf cannot.
    """
    parsed: list[Certificate] = []
    room = _MAX_CHAIN_BYTES
    for position, der in enumerate(link.chain()[:_MAX_CERTIFICATES]):
        room -= len(der)
        try:
            if room < 0:
                raise CertificateError("larger than 64 KB")
            parsed.append(_parse(der))
        except CertificateError as error:
            if position == 0:
                raise Failed(Failure.MALFORMED, f"the served certificate: {error}") from None
    if not parsed:
        raise Failed(Failure.MALFORMED, "no certificate served")
    return tuple(parsed)


def view(link: Link, address: str, port: int, verify: Verify, now: datetime) -> TlsView:
    """A finished handshake as a value. Raises Failed when the leaf cannot be read."""
    chain = served_chain(link)
    return TlsView(
        address=address, port=port, version=link.version, chain=chain, path=verify(chain, now)
    )


async def address_view(dialler: Dialler, address: str, port: int, sni: str) -> AddressView:
    """What an address serves without SNI, and whether it still speaks TLS 1.0 or 1.1 for a name."""
    default, trouble = None, None
    try:
        async with dialler.open_tls(address, port, None) as link:
            default = served_chain(link)[0]
    except Failed as failure:
        trouble = failure.trouble
    return AddressView(
        address=address,
        default_leaf=default,
        default_trouble=trouble,
        legacy_version=await legacy_version(dialler, address, port, sni),
    )


async def legacy_version(dialler: Dialler, address: str, port: int, sni: str) -> str | None:
    """``TLSv1`` or ``TLSv1.1`` when a server accepts nothing newer being offered (RFC 8996)."""
    try:
        async with dialler.open_tls(address, port, sni, Offer.LEGACY) as link:
            return link.version
    except Failed:
        return None
