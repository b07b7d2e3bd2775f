from datetime import timedelta

import pytest

from certwatch.core.catalog import Catalog, matching
from certwatch.core.model import Mode
from certwatch.core.names import normalise
from certwatch.providers import PROVIDERS
from tests.factories import CATALOG, answer, provider


def test_the_first_set_is_complete():
    assert {row.name for row in PROVIDERS} == {
        "sparkpost", "mailgun", "sendgrid", "jangomail", "braze", "clevertap",
        "mailjet", "ses", "customerio", "iterable", "klaviyo", "postmark",
    }  # fmt: skip


@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)
def test_a_row_is_well_formed(row):
    assert row.title
    assert row.source
    assert row.modes
    assert Mode.ACME not in row.modes
    assert row.probe_path.startswith("/")
    assert row.origin_scheme in ("http", "https")
    for target in row.targets:
        assert normalise(target.name.removeprefix(".")) == target.name.removeprefix(".")
    for name in row.default_names:
        assert normalise(name.removeprefix("*."))
    for mark in row.signatures:
        assert mark.check in ("host_not_forwarded", "wrong_link")
        assert mark.body
        assert mark.meaning
        assert mark.remedy


@pytest.mark.parametrize(
    ("target", "owner", "region", "managed"),
    [
        ("v2.spgo.io", "sparkpost", "us", True),
        ("eu.v2.spgo.io", "sparkpost", "eu", True),
        ("spgo.io", "sparkpost", "us", False),
        ("eu.spgo.io", "sparkpost", "eu", False),
        ("acme.et.e.sparkpost.com", "sparkpost", None, False),
        ("mailgun.org", "mailgun", "us", True),
        ("eu.mailgun.org", "mailgun", "eu", True),
        ("sendgrid.net", "sendgrid", "us", False),
        ("eu.sendgrid.net", "sendgrid", "eu", False),
        ("click.sendgrid.net", "sendgrid", None, True),
        ("t.mailjet.com", "mailjet", None, True),
        ("r.us-east-1.awstrack.me", "ses", "us-east-1", False),
        ("r.eu-central-1.awstrack.me", "ses", "eu-central-1", False),
        ("track.customer.io", "customerio", "us", False),
        ("track-eu.customer.io", "customerio", "eu", False),
        ("links.iterable.com", "iterable", "us", False),
        ("links.eu.iterable.com", "iterable", "eu", False),
        ("click.pstmrk.it", "postmark", None, True),
        ("brand.pstmrk.it", "postmark", None, True),
    ],
)
def test_targets(target, owner, region, managed):
    row = CATALOG.owner(target)
    assert row is not None
    assert row.name == owner
    found = row.target(target)
    assert found is not None
    assert (found.region, found.managed) == (region, managed)


@pytest.mark.parametrize("name", ["et.e.sparkpost.com", "x.spgo.io", "notsendgrid.net", ""])
def test_names_that_nobody_owns(name):
    assert CATALOG.owner(name) is None


def test_who_sends_through_others_knows_their_targets_but_holds_no_certificate():
    for name, target in [
        ("braze", "v2.spgo.io"),
        ("braze", "r.eu-west-1.awstrack.me"),
        ("clevertap", "sendgrid.net"),
    ]:
        found = provider(name).target(target)
        assert found is not None
        assert not found.managed


def test_sparkpost_renews_late():
    row = provider("sparkpost")
    spans = (row.critical_in, row.warning_in, timedelta(days=14), row.renews_in)
    assert all(spans)
    assert list(spans) == sorted(span for span in spans if span)


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ("<h1>Bad Hostname in Link</h1> The link contains a bad hostname", "host_not_forwarded"),
        ("<title>Wrong Link</title>", "wrong_link"),
        ("You have clicked on an invalid link.", "wrong_link"),
        ("welcome", None),
    ],
)
def test_sendgrids_pages(body, check):
    for name in ("sendgrid", "braze", "clevertap"):
        found = matching(provider(name).signatures, answer(404, body=body))
        assert (found.check if found else None) == check


def test_rows_of_the_settings_come_first():
    own = provider("mailgun")
    assert Catalog((own, *PROVIDERS), ()).provider("mailgun") is own
    assert CATALOG.provider("nobody") is None
    assert CATALOG.provider(None) is None
