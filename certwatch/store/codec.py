"""Values of the core as compact bytes and back, driven by their type hints.

A dataclass becomes a JSON object without the fields at their default, so an old row still reads
after a field with a default was added, and a field that is no more is passed over. Certificates
are kept apart: the bytes hold numbers into a list of fingerprints, which is stored in front.
"""

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from certwatch.core.model import Certificate, Finding, Observation
from certwatch.errors import StoreError

Numbered = dict[str, tuple[int, Certificate]]  # by fingerprint
Encode = Callable[[Any, Numbered], Any]
Decode = Callable[[Any, Sequence[Certificate]], Any]
_LEVEL = 1  # of zlib; the highest gains a twentieth in size for half as much time again
_JSON = json.JSONEncoder(separators=(",", ":"), check_circular=False, default=str)


class Damaged(StoreError):
    """Stored bytes that do not read as what they should be."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept whole of the latest look."""

    observation: Observation
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """A look's document, read as far as the fingerprints of the certificates that it needs."""

    fingerprints: tuple[str, ...]
    document: Any

    def look(self, certificates: Mapping[str, Certificate]) -> Look:
        """The look. Raises Damaged when a certificate is missing or the document is none."""
        try:
            needed = [certificates[fingerprint] for fingerprint in self.fingerprints]
            look: Look = _codec(Look).decode(self.document, needed)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise Damaged(f"a stored look cannot be read ({type(error).__name__})") from None
        return look


def pack_look(look: Look) -> tuple[bytes, dict[str, Certificate]]:
    """The bytes of a look, and the certificates they refer to by fingerprint."""
    seen: Numbered = {}
    document = _codec(Look).encode(look, seen)
    return _squeeze([list(seen), document]), {each.fingerprint: each for _, each in seen.values()}


def open_look(data: bytes) -> Stored:
    """Read a look's bytes as far as possible without its certificates. Raises Damaged."""
    try:
        fingerprints, document = json.loads(zlib.decompress(data))
        return Stored(tuple(fingerprints), document)
    except (zlib.error, ValueError, TypeError) as error:
        raise Damaged(f"a stored look cannot be read ({type(error).__name__})") from None


def pack_certificate(certificate: Certificate) -> bytes:
    """The parsed fields of a certificate; its DER has a column of its own."""
    return _squeeze(_WHOLE.encode(replace(certificate, der=b""), {}))


def open_certificate(data: bytes, der: bytes) -> Certificate:
    """The certificate again. Raises Damaged."""
    try:
        certificate: Certificate = _WHOLE.decode(json.loads(zlib.decompress(data)), ())
    except (zlib.error, ValueError, TypeError, KeyError) as error:
        raise Damaged(f"a stored certificate cannot be read ({type(error).__name__})") from None
    return replace(certificate, der=der)


def dump_json(value: Any) -> str:
    """JSON in ASCII, so that NUL and lone surrogates from the network fit in any text column."""
    return _JSON.encode(value)


def encode_findings(findings: Sequence[Finding]) -> str:
    """Findings as JSON text."""
    return dump_json(_codec(tuple[Finding, ...]).encode(findings, {}))


def decode_findings(text: str) -> tuple[Finding, ...]:
    """Findings from ``encode_findings``."""
    findings: tuple[Finding, ...] = _codec(tuple[Finding, ...]).decode(json.loads(text), ())
    return findings


def _squeeze(document: Any) -> bytes:
    return zlib.compress(dump_json(document).encode("ascii"), _LEVEL)


class _Codec(NamedTuple):
    """How the values of one type are written and read."""

    encode: Encode
    decode: Decode


def _as_is(value: Any, _: Any) -> Any:
    return value


def _number(certificate: Certificate, seen: Numbered) -> int:
    place = seen.get(certificate.fingerprint)
    if place is None:
        place = seen[certificate.fingerprint] = (len(seen), certificate)
    return place[0]


_PLAIN = _Codec(_as_is, _as_is)  # JSON has the type itself
_SCALARS: dict[Any, _Codec] = {
    datetime: _Codec(lambda at, _: at.isoformat(), lambda text, _: datetime.fromisoformat(text)),
    bytes: _Codec(lambda raw, _: b64encode(raw).decode(), lambda text, _: b64decode(text)),
    Certificate: _Codec(_number, lambda number, certs: certs[number]),
}


@cache
def _codec(hint: Any) -> _Codec:
    if hint in _SCALARS:
        return _SCALARS[hint]
    if is_dataclass(hint):
        return _record(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _Codec(_as_is, lambda value, _: hint(value))
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return _optional(get_args(hint))
    return _PLAIN


def _record(cls: Any) -> _Codec:
    hints = get_type_hints(cls)
    codecs = {field.name: _codec(hints[field.name]) for field in fields(cls)}
    plan = [(f.name, f.default, codecs[f.name].encode) for f in fields(cls)]
    values = attrgetter(*codecs)

    def encode(value: Any, seen: Numbered) -> dict[str, Any]:
        # Identity is enough: a default that is missed is merely written out.
        return {
            name: item if write is _as_is else write(item, seen)
            for (name, default, write), item in zip(plan, values(value), strict=True)
            if item is not default
        }

    def decode(document: dict[str, Any], certificates: Sequence[Certificate]) -> Any:
        known = document.keys() & codecs.keys()
        return cls(**{name: codecs[name].decode(document[name], certificates) for name in known})

    return _Codec(encode, decode)


def _tuple(parts: tuple[Any, ...]) -> _Codec:
    if parts[1:] != (Ellipsis,):
        return _fixed([_codec(part) for part in parts])
    encode, decode = _codec(parts[0])
    return _Codec(
        _as_is
        if encode is _as_is
        else lambda value, certs: [encode(item, certs) for item in value],
        (lambda items, _: tuple(items))
        if decode is _as_is
        else lambda items, certs: tuple([decode(item, certs) for item in items]),
    )


def _fixed(codecs: list[_Codec]) -> _Codec:
    if all(codec == _PLAIN for codec in codecs):
        return _Codec(_as_is, lambda items, _: tuple(items))
    return _Codec(
        lambda value, certs: [c.encode(v, certs) for c, v in zip(codecs, value, strict=True)],
        lambda items, certs: tuple(c.decode(v, certs) for c, v in zip(codecs, items, strict=True)),
    )


def _optional(parts: tuple[Any, ...]) -> _Codec:
    (part,) = (part for part in parts if part is not NoneType)
    encode, decode = _codec(part)
    return _Codec(
        _as_is
        if encode is _as_is
        else lambda value, certs: None if value is None else encode(value, certs),
        _as_is
        if decode is _as_is
        else lambda item, certs: None if item is None else decode(item, certs),
    )


_WHOLE = _record(Certificate)  # where its fields are kept; in looks a number stands for it
