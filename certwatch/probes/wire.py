"""DNS messages (RFC 1035): a question as bytes, and what an answer says.

dnspython reads and writes unusual names. Its message parser is not used: it takes 150 microseconds
for an answer of two records, ten times as long as this, and a sweep has a million answers to read.
"""

import re
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import dns.exception
import dns.name

from certwatch.core.model import DnsStatus

A, NS, CNAME, SOA, AAAA, CAA = 1, 2, 5, 6, 28, 257

_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_ANSWER, _TRUNCATED, _RECURSE = 0x8000, 0x0200, 0x0100
_EDNS = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"  # OPT, 1232 octets over UDP (RFC 6891)
_STATUS = {0: DnsStatus.OK, 3: DnsStatus.NXDOMAIN, 5: DnsStatus.REFUSED}
_MAX_RECORDS = 256
_MAX_NAME = 253
_MAX_STEPS = 160  # labels and pointers of one name
_PLAIN = re.compile(rb"[a-z0-9_.-]+").fullmatch

Value = str | tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: ``values`` by (owner, type); CAA values are (flags, tag, value).

    ``negative`` says that it carries an SOA: the end of the chain surely lacks the type (RFC 2308).
    """

    status: DnsStatus
    values: Mapping[tuple[str, int], tuple[Value, ...]] = field(default_factory=dict)
    negative: bool = False
    truncated: bool = False


class Foreign(Exception):
    """A datagram that is no answer to the question: stray or forged, to be ignored."""


def question(name: str, rdtype: int) -> bytes:
    """The question section for a name. Raises dns.exception.DNSException over the limits."""
    return _encoded(name) + struct.pack("!HH", rdtype, 1)


@lru_cache(maxsize=1024)
def _encoded(name: str) -> bytes:
    return dns.name.from_text(name).to_digestable()


def query(qid: int, question: bytes) -> bytes:
    """A recursive query with EDNS."""
    return _HEADER.pack(qid, _RECURSE, 1, 0, 0, 1) + question + _EDNS


def read_reply(wire: bytes, asked: bytes) -> Reply:
    """What an answer says; never more than 256 records of it. Raises Foreign.

    A nameserver that could not read the question may leave it out of its failure.
    """
    if len(wire) < _HEADER.size:
        raise Foreign
    _, flags, questions, answers, authorities, _ = _HEADER.unpack_from(wire)
    rcode = flags & 0x0F
    end = _HEADER.size + len(asked)
    echoed = questions == 1 and wire[_HEADER.size : end].lower() == asked
    bare = questions == 0 and rcode not in (0, 3)
    if not flags & _ANSWER or not (echoed or bare):
        raise Foreign
    status = _STATUS.get(rcode, DnsStatus.SERVFAIL)
    if flags & _TRUNCATED:
        return Reply(status, truncated=True)
    if bare:
        return Reply(status)
    try:
        return _read_records(wire, end, status, answers, authorities)
    except (dns.exception.DNSException, struct.error, ValueError, IndexError):
        return Reply(DnsStatus.MALFORMED)


def _read_records(wire: bytes, at: int, status: DnsStatus, answers: int, authorities: int) -> Reply:
    names: dict[int, str] = {}
    values: dict[tuple[str, int], tuple[Value, ...]] = {}
    negative = False
    for index in range(min(answers + authorities, _MAX_RECORDS)):
        owner, at = _name(wire, at, names)
        rdtype, rdclass, _, length = _RECORD.unpack_from(wire, at)
        at += _RECORD.size
        if at + length > len(wire):
            raise ValueError("a record ends after the message")
        if index >= answers:
            negative = negative or rdtype == SOA
        elif rdclass == 1 and (value := _value(wire, at, length, rdtype, names)) is not None:
            values[owner, rdtype] = (*values.get((owner, rdtype), ()), value)
        at += length
    return Reply(status, values, negative)


def _name(wire: bytes, at: int, names: dict[int, str]) -> tuple[str, int]:
    """The name at an offset, in lower case without the final dot, and the offset after it.

    Pointers must lead strictly backwards, so that they cannot loop (RFC 1035 section 4.1.4).
    """
    start, after = at, 0
    labels: list[bytes] = []
    for _ in range(_MAX_STEPS):
        size = wire[at]
        if size == 0:
            break
        if size < 0x40:
            labels.append(wire[at + 1 : at + 1 + size])
            at += 1 + size
            continue
        target = (size & 0x3F) << 8 | wire[at + 1]
        if size < 0xC0 or target >= start:
            raise ValueError("a name is compressed the wrong way")
        after = after or at + 2
        if not labels and target in names:
            return names[target], after
        at = start = target
    else:
        raise ValueError("a name does not end")
    text = _text(labels)
    if not after:
        names[start] = text
    return text, after or at + 1


def _text(labels: list[bytes]) -> str:
    joined = b".".join(labels).lower()
    if len(joined) <= _MAX_NAME and len(labels) == joined.count(b".") + 1 and _PLAIN(joined):
        return joined.decode("ascii")
    name = dns.name.Name([label.lower() for label in labels] + [b""])
    return name.to_text(omit_final_dot=True)


def _value(wire: bytes, at: int, length: int, rdtype: int, names: dict[int, str]) -> Value | None:
    if rdtype == A:
        return socket.inet_ntop(socket.AF_INET, wire[at : at + length])
    if rdtype == AAAA:
        return socket.inet_ntop(socket.AF_INET6, wire[at : at + length])
    if rdtype in (CNAME, NS):
        return _name(wire, at, names)[0]
    if rdtype == CAA:
        flags, size = wire[at], wire[at + 1]
        if size + 2 > length:
            raise ValueError("a CAA tag ends after its record (RFC 8659 section 4.1)")
        data = wire[at + 2 : at + length].decode("ascii", "backslashreplace")
        return flags, data[:size].lower(), data[size:]
    return None
