"""DNS messages: hostile bytes, and agreement with dnspython on honest ones."""

import dns.exception
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.model import DnsStatus
from certwatch.probes import wire

SECTION = wire.question("click.brand.test", wire.A)


def answered(*rrsets: str, rcode: str = "NOERROR", authority: str = "") -> bytes:
    query = dns.message.from_wire(wire.query(7, SECTION))
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.from_text(rcode))
    for text in rrsets:
        name, rdtype, *values = text.split(" ", 2)
        response.answer.append(dns.rrset.from_text(name, 60, "IN", rdtype, *values))
    if authority:
        owner, kind, value = authority.split(" ", 2)
        response.authority.append(dns.rrset.from_text(owner, 60, "IN", kind, value))
    return response.to_wire()


def test_a_question_is_what_dnspython_reads() -> None:
    read = dns.message.from_wire(wire.query(513, SECTION))
    assert (read.id, read.edns, read.payload) == (513, 0, 1232)
    assert str(read.question[0]) == "click.brand.test. IN A"


def test_every_kind_of_value_is_read() -> None:
    reply = wire.read_reply(
        answered(
            "click.brand.test. CNAME edge.cdn.test.",
            "edge.cdn.test. A 192.0.2.1",
            "edge.cdn.test. AAAA 2001:db8::1",
            'brand.test. CAA 128 Issue "ca.test; x=1"',
            "brand.test. NS NS1.cdn.test.",
        ),
        SECTION,
    )
    assert reply.status is DnsStatus.OK
    assert reply.values == {
        ("click.brand.test", wire.CNAME): ("edge.cdn.test",),
        ("edge.cdn.test", wire.A): ("192.0.2.1",),
        ("edge.cdn.test", wire.AAAA): ("2001:db8::1",),
        ("brand.test", wire.CAA): ((128, "issue", "ca.test; x=1"),),
        ("brand.test", wire.NS): ("ns1.cdn.test",),
    }


def test_a_negative_answer_shows_its_soa() -> None:
    soa = "test. SOA ns.test. h.test. 1 2 3 4 5"
    assert wire.read_reply(answered(authority=soa), SECTION).negative
    assert not wire.read_reply(answered(), SECTION).negative


def test_unusual_labels_are_escaped_as_dnspython_does() -> None:
    reply = wire.read_reply(
        answered(r"click.brand.test. CNAME a\.b\000\032.\195\169.test."), SECTION
    )
    assert reply.values["click.brand.test", wire.CNAME] == (r"a\.b\000\032.\195\169.test",)


@pytest.mark.parametrize(
    ("rcode", "status"),
    [
        ("NXDOMAIN", DnsStatus.NXDOMAIN),
        ("SERVFAIL", DnsStatus.SERVFAIL),
        ("REFUSED", DnsStatus.REFUSED),
        ("NOTIMP", DnsStatus.SERVFAIL),
    ],
)
def test_statuses_are_kept_apart(rcode: str, status: DnsStatus) -> None:
    assert wire.read_reply(answered(rcode=rcode), SECTION).status is status


def test_an_answer_to_another_question_is_foreign() -> None:
    other = wire.question("click.brand.test", wire.AAAA)
    with pytest.raises(wire.Foreign):
        wire.read_reply(answered("click.brand.test. A 192.0.2.1"), other)
    with pytest.raises(wire.Foreign):
        wire.read_reply(wire.query(7, SECTION), SECTION)


def test_a_compression_loop_is_malformed() -> None:
    header = bytes.fromhex("000781800001000100000000")
    pointer_to_itself = (0xC000 + len(header) + len(SECTION)).to_bytes(2, "big")
    record = pointer_to_itself + bytes.fromhex("00010001000000000004c0000201")
    assert wire.read_reply(header + SECTION + record, SECTION).status is DnsStatus.MALFORMED


@given(st.text(max_size=70))
def test_any_name_is_a_question_or_over_the_limits(name: str) -> None:
    try:
        section = wire.question(name, wire.A)
    except (dns.exception.DNSException, UnicodeError):
        return
    assert dns.message.from_wire(wire.query(7, section)).question


@given(st.binary(max_size=200), st.integers(0, 3), st.integers(0, 65535), st.integers(0, 65535))
def test_any_records_are_read_or_malformed(
    tail: bytes, rcode: int, answers: int, more: int
) -> None:
    head = b"\x00\x07\x81" + bytes([0x80 | rcode]) + b"\x00\x01"
    counts = answers.to_bytes(2, "big") + more.to_bytes(2, "big") + b"\x00\x00"
    assert isinstance(wire.read_reply(head + counts + SECTION + tail, SECTION), wire.Reply)


@given(st.data())
def test_a_damaged_answer_is_read_malformed_or_foreign(data: st.DataObject) -> None:
    honest = bytearray(
        answered("click.brand.test. CNAME edge.cdn.test.", "edge.cdn.test. A 192.0.2.1")
    )
    for _ in range(data.draw(st.integers(1, 6))):
        honest[data.draw(st.integers(0, len(honest) - 1))] = data.draw(st.integers(0, 255))
    try:
        reply = wire.read_reply(bytes(honest), SECTION)
    except wire.Foreign:
        return
    assert reply.status in DnsStatus
