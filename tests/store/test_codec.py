"""Looks as bytes: whatever a look holds comes back."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.model import Certificate, Finding, Observation, Severity
from certwatch.store.codec import (
    Damaged,
    Look,
    decode_findings,
    encode_findings,
    open_certificate,
    open_look,
    pack_certificate,
    pack_look,
)
from tests.store.values import finding, leaf, look

INSTANTS = st.datetimes(timezones=st.just(UTC))
TEXT = st.text(max_size=8) | st.sampled_from(["\x00", "\ud800", "‮"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
FINDINGS = st.builds(
    Finding, TEXT, st.sampled_from(Severity), TEXT, TEXT, st.dictionaries(TEXT, JSON, max_size=3)
)
CERTIFICATES = [leaf(number) for number in range(3)]

st.register_type_strategy(datetime, INSTANTS)
st.register_type_strategy(Certificate, st.sampled_from(CERTIFICATES))


@given(st.from_type(Observation), st.lists(FINDINGS, max_size=3).map(tuple))
def test_every_look_comes_back(observation: Observation, findings: tuple[Finding, ...]):
    whole = Look(observation, findings)
    data, certificates = pack_look(whole)
    stored = open_look(data)
    assert set(stored.fingerprints) == set(certificates)
    assert stored.look(certificates) == whole


@given(st.lists(FINDINGS, max_size=3).map(tuple))
def test_findings_come_back(findings: tuple[Finding, ...]):
    assert decode_findings(encode_findings(findings)) == findings


@given(st.builds(Certificate, fingerprint=TEXT, subject=TEXT, not_before=INSTANTS, der=st.binary()))
def test_certificates_come_back(certificate: Certificate):
    assert open_certificate(pack_certificate(certificate), certificate.der) == certificate


@given(st.binary())
def test_other_bytes_are_damaged(data: bytes):
    with pytest.raises(Damaged):
        open_look(data).look({})


@given(JSON)
def test_other_documents_are_damaged(document: Any):
    data = pack_look(Look(look().observation, (finding(),)))[0]
    stored = open_look(data)
    with pytest.raises(Damaged):
        type(stored)((), document).look({})


def test_a_look_of_a_version_with_fewer_fields_reads_and_one_with_more_does_too():
    whole = Look(look().observation, ())
    data, certificates = pack_look(whole)
    stored = open_look(data)
    assert "repeat" not in stored.document["observation"]
    stored.document["observation"]["colour"] = "a field of tomorrow"
    assert stored.look(certificates) == whole


def test_facts_that_are_no_json_do_not_stop_a_sweep():
    odd = finding(at=datetime(2026, 1, 1, tzinfo=UTC))
    assert decode_findings(encode_findings([odd]))[0].facts == {"at": "2026-01-01 00:00:00+00:00"}
