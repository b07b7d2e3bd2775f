"""Revocation by the list that a certificate itself names (RFC 5280 section 6.3).

A list counts only when the issuer of the certificate signed it, when it is of today, and when it
covers what is asked. Whatever else happens is UNKNOWN, never GOOD.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes

from certwatch.core.model import Certificate, Path, Revocation, TrustVerdict
from certwatch.probes import http
from certwatch.probes.dial import Addresses, Dialler
from certwatch.probes.http import Answer
from certwatch.probes.once import Once
from certwatch.probes.resolver import Resolver
from certwatch.probes.trouble import Failed
from certwatch.probes.web import target_of

MAX_BYTES = 20_000_000
_MAX_KEPT_BYTES = 64_000_000
_MAX_URLS = 3
_PORTS = {"http": 80, "https": 443}

_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

Verdict = tuple[Revocation, datetime | None]
UNKNOWN: Verdict = (Revocation.UNKNOWN, None)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """One verified list. It is kept as bytes: a list of half a million entries is 20 MB that way,
    ten times that as Python values, and bytes are searched in a millisecond."""

    crl: x509.CertificateRevocationList
    der: bytes

    def covers(self, now: datetime) -> bool:
        """Whether it speaks of this instant (RFC 5280 section 5.1.2.5 demands a next update)."""
        until = self.crl.next_update_utc
        return until is not None and self.crl.last_update_utc <= now < until

    def revoked_at(self, serial: int) -> datetime | None:
        """Since when a serial number is revoked; None when it is not."""
        octets = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
        if len(octets) < 128 and bytes((2, len(octets))) + octets not in self.der:
            return None  # its DER encoding is nowhere in the list
        entry = self.crl.get_revoked_certificate_by_serial_number(serial)
        return entry.revocation_date_utc if entry else None


class Shelf:
    """Verified lists kept between sweeps until their next update, the oldest dropped first."""

    def __init__(self) -> None:
        self._lists: dict[tuple[str, str], RevocationList] = {}

    def get(self, key: tuple[str, str], now: datetime) -> RevocationList | None:
        """The list of a (URL, issuer fingerprint) that is good now."""
        kept = self._lists.get(key)
        return kept if kept and kept.covers(now) else None

    def put(self, key: tuple[str, str], found: RevocationList) -> None:
        """Keep a list."""
        self._lists.pop(key, None)
        self._lists[key] = found
        while sum(len(kept.der) for kept in self._lists.values()) > _MAX_KEPT_BYTES:
            del self._lists[next(iter(self._lists))]


class Revocations:
    """Asks for revocation within one sweep: each list is fetched once, a failure is remembered."""

    def __init__(self, shelf: Shelf, resolver: Resolver, addresses: Addresses, agent: str) -> None:
        self._shelf = shelf
        self._resolver = resolver
        self._addresses = addresses
        self._agent = agent
        self._fetches: Once[tuple[str, str], RevocationList | None] = Once()

    async def verdict(self, chain: Sequence[Certificate], path: Path, now: datetime) -> Verdict:
        """What the first of the leaf's lists that can be had says, and since when."""
        leaf = chain[0]
        if not leaf.crl_urls:
            return Revocation.NOT_OFFERED, None
        issuer, serial = _issuer(chain, path), int(leaf.serial, 16)
        if issuer is None or serial < 0:  # RFC 5280 section 4.1.2.2 forbids negative numbers
            return UNKNOWN
        for url in leaf.crl_urls[:_MAX_URLS]:
            found = await self._list(url, issuer, now)
            if found is not None:
                revoked_at = found.revoked_at(serial)
                return (Revocation.REVOKED if revoked_at else Revocation.GOOD), revoked_at
        return UNKNOWN

    async def close(self) -> None:
        """Cancel fetches that nobody awaits any more."""
        await self._fetches.close()

    async def _list(self, url: str, issuer: Certificate, now: datetime) -> RevocationList | None:
        key = (url, issuer.fingerprint)
        kept = self._shelf.get(key, now)
        if kept is not None:
            return kept
        return await self._fetches.get(key, lambda: self._fetch(url, issuer, now))

    async def _fetch(self, url: str, issuer: Certificate, now: datetime) -> RevocationList | None:
        body = await self._download(url)
        if body is None:
            return None
        found = await asyncio.to_thread(read_list, body, issuer.der, url)
        if found is None or not found.covers(now):
            return None
        self._shelf.put((url, issuer.fingerprint), found)
        return found

    async def _download(self, url: str) -> bytes | None:
        """The body of a 200 answer in full; the connection goes through the same guard as any."""
        try:
            parts = urlsplit(url)
            host, port, target = parts.hostname, parts.port, target_of(parts)
        except ValueError:
            return None
        if parts.scheme not in _PORTS or not host:
            return None
        found = await self._resolver.addresses(host)
        dialler = Dialler(self._addresses)
        for address in cast(tuple[str, ...], found.values)[:2]:
            answer = await self._get(
                dialler, address, parts.scheme, host, port or _PORTS[parts.scheme], target
            )
            if answer and answer.status == 200 and answer.complete:
                return answer.body
        return None

    async def _get(
        self, dialler: Dialler, address: str, scheme: str, host: str, port: int, target: str
    ) -> Answer | None:
        limit = MAX_BYTES + 65_536
        opened = (
            dialler.open_tls(address, port, host, limit=limit)
            if scheme == "https"
            else dialler.open(address, port, limit)
        )
        try:
            async with opened as link:
                return await http.get(link, host, target, self._agent, dialler.timeout, MAX_BYTES)
        except Failed:
            return None


def _issuer(chain: Sequence[Certificate], path: Path) -> Certificate | None:
    """The certificate that signed the leaf: of the verified path, else served and checked here."""
    if path.verdict is TrustVerdict.TRUSTED and len(path.certificates) > 1:
        return path.certificates[1]
    candidates = [other for other in chain[1:] if other.subject == chain[0].issuer]
    return next((other for other in candidates if _issued(chain[0], other)), None)


def _issued(leaf: Certificate, issuer: Certificate) -> bool:
    try:
        x509.load_der_x509_certificate(leaf.der).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer.der)
        )
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def read_list(body: bytes, issuer_der: bytes, url: str) -> RevocationList | None:
    """A list in DER that this issuer signed and that is whole; None for anything else."""
    try:
        issuer = x509.load_der_x509_certificate(issuer_der)
        crl = x509.load_der_x509_crl(body)
        key = cast(CertificateIssuerPublicKeyTypes, issuer.public_key())
        if crl.issuer != issuer.subject or not crl.is_signature_valid(key):
            return None
        if not _whole(crl, url):
            return None
    except _UNREADABLE:
        return None
    return RevocationList(crl, body)


def _whole(crl: x509.CertificateRevocationList, url: str) -> bool:
    """Whether the list covers every leaf that names this URL: not a delta, not for CAs or some
    reasons only, not another shard (RFC 5280 sections 5.2.4 and 5.2.5)."""
    for extension in crl.extensions:
        point = extension.value
        if isinstance(point, x509.IssuingDistributionPoint):
            partial = point.only_contains_ca_certs or point.only_contains_attribute_certs
            if partial or point.indirect_crl or point.only_some_reasons or point.relative_name:
                return False
            if point.full_name and url not in [str(name.value) for name in point.full_name]:
                return False
        elif extension.critical:
            return False
    return True
