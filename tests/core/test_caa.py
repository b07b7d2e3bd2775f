import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.caa import forbidden_by

LE = ("letsencrypt.org",)


@pytest.mark.parametrize(
    "records",
    [
        [],
        [(0, "issue", "letsencrypt.org")],
        [(0, "ISSUE", " LetsEncrypt.org ; validationmethods=http-01,dns-01")],
        [(0, "issue", "digicert.com"), (0, "issue", "letsencrypt.org")],
        [(0, "issuewild", ";"), (0, "iodef", "mailto:a@brand.test")],
        [(128, "issue", "letsencrypt.org; accounturi=https://ca.test/1")],
        [(0, "future", "x")],
        [(128, "issuemail", ";")],
        [(0, "issue", "letsencrypt.org; validationmethods=dns-01"), (0, "issue", LE[0])],
    ],
)
def test_permitted(records):
    assert forbidden_by(records, LE, "http-01") is None


@pytest.mark.parametrize(
    ("records", "part"),
    [
        ([(0, "issue", ";")], "only nobody may issue"),
        ([(0, "issue", "")], "only nobody may issue"),
        ([(0, "issue", "digicert.com; x=y")], "only digicert.com may issue"),
        ([(0, "issue", "%%%")], "only %%% may issue"),
        ([(0, "issue", LE[0]), (128, "future", "x")], "'future' is unknown"),
        ([(0, "issue", "letsencrypt.org; validationmethods=dns-01")], "http-01 is not among"),
    ],
)
def test_forbidden(records, part):
    assert part in (forbidden_by(records, LE, "http-01") or "")


@given(st.lists(st.tuples(st.integers(0, 255), st.text(), st.text())), st.lists(st.text()))
def test_any_record_set_is_judged(records, issuers):
    assert forbidden_by(records, issuers, "http-01") is None or records
