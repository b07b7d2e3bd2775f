"""``inspect``: one chain, a name, a time; valid or why not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certwatch.core.policy import HousePolicy
from certwatch.lab.pki import life
from certwatch.reporting.documents import inspect_document
from certwatch.services.inspect import inspect_chain
from tests.factories import CATALOG, NAME, NOW
from tests.pki import ISSUER, ROOT, STRANGER, issued, parsed, trust
from tests.strategies import instants, texts

HOUSE = HousePolicy(catalog=CATALOG)


def inspect(chain, host=NAME, at=NOW):
    return inspect_chain(chain, host, at, trust(), HOUSE)


def codes(inspection):
    return [finding.check for finding in inspection.findings]


def test_a_good_chain_is_valid_and_shows_its_path():
    inspection = inspect(parsed(issued()))
    assert inspection.valid
    assert inspection.findings == ()
    assert inspection.path[-1] == parsed(ROOT)[0]
    assert inspection.reason == (
        "right for click.brand.test at that time; its path leads to CN=Test Root,O=Test Trust"
    )


@pytest.mark.parametrize(
    ("chain", "host", "code"),
    [
        (parsed(issued(left=-2)), NAME, "expired"),
        (parsed(issued(left=120)), NAME, "not_yet_valid"),
        (parsed(issued("other.test")), NAME, "name_mismatch"),
        (parsed(issued(by=STRANGER)), NAME, "untrusted"),
        (parsed(issued())[:1], NAME, "chain_incomplete"),
    ],
)
def test_a_bad_one_says_why(chain, host, code):
    inspection = inspect(chain, host)
    assert not inspection.valid
    assert code in codes(inspection)
    assert inspection.path == ()
    assert inspection.reason == next(
        f.summary for f in inspection.findings if f.severity == "critical"
    )


def test_the_time_decides():
    chain = parsed(issued(left=-2))
    assert inspect(chain, at=NOW - timedelta(days=30)).valid


@pytest.mark.parametrize("names", [("other.test",), ("*.other.test", "x.test")])
def test_without_a_name_only_chain_and_time_count(names):
    inspection = inspect(parsed(issued(*names)), host=None)
    assert inspection.valid
    assert inspection.host is None
    assert codes(inspection) == []


def test_without_a_name_an_expired_one_is_still_expired():
    assert "expired" in codes(inspect(parsed(issued(left=-2)), host=None))


@pytest.mark.parametrize(
    ("subject", "called"), [("CN=Old,O=Org", "CN=Old,O=Org"), ("", "an unnamed subject")]
)
def test_one_that_names_no_host_is_called_by_its_subject(subject, called):
    leaf = replace(parsed(issued(left=120))[0], sans=(), subject=subject)
    inspection = inspect((leaf,), host=None)
    assert f"the certificate of {called} is not valid before" in inspection.reason


def test_no_certificate_is_valid_for_nothing():
    inspection = inspect(())
    assert (inspection.valid, inspection.reason) == (False, "no certificate was served")


def test_its_document_has_the_published_keys():
    document = inspect_document(inspect(parsed(issued(left=-2))))
    assert document["version"] == 1
    assert document["valid"] is False
    assert document["checks"] == ["expired"]
    assert len(document["chain"]) == 1 + len(parsed(ISSUER))
    assert document["path"] == []


HOSTILE = ISSUER.issue("x.test", span=life(NOW, 90, 60), subject="<script>\x1b[31m\u202e")
POOL = [one for each in (issued(), issued(by=STRANGER), HOSTILE) for one in parsed(each)]


@settings(max_examples=50)
@given(st.lists(st.sampled_from(POOL), min_size=1, max_size=4), st.none() | texts, instants)
def test_whatever_is_served_for_whatever_name_there_is_a_verdict(chain, host, at):
    inspection = inspect(chain, host, at)
    assert inspection.reason
    assert inspection.valid == bool(inspection.path)
