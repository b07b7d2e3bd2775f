"""``advise``: the owner is told what to set, and only what is the owner's."""

from dataclasses import replace

import pytest

from certwatch.core.model import Mode, Severity, State
from certwatch.reporting.render import render
from certwatch.services.advise import advise
from tests.factories import CATALOG, NAME, dns
from tests.reporting.looks import TEMPLATES, finding, latest, unseen


def advice(look):
    return advise(
        look, CATALOG, lambda values: "".join(render("advice.txt.j2", TEMPLATES, **values))
    )


def in_mode(look, mode, **declared):
    assert look.judged is not None
    return replace(
        look,
        domain=replace(look.domain, mode=mode, **declared),
        judged=replace(look.judged, mode=mode),
    )


def test_a_broken_domain_gets_what_since_when_what_to_do_and_how_to_verify():
    told = advice(latest(finding("name_mismatch")))
    assert told.subject == f"{NAME}: name_mismatch it is"
    for part in (
        "1. name_mismatch it is",
        "Since: 2026-05-29 12:00 UTC",
        "To do: mend name_mismatch",
        f"curl -sSI https://{NAME}/",
        "their clicks are not counted",
    ):
        assert part in told.body


@pytest.mark.parametrize(
    ("facts", "declared", "target"),
    [
        ({"expected": "d1.cloudfront.net"}, {}, "d1.cloudfront.net"),
        ({"meant": "spgo.io"}, {}, "spgo.io"),
        ({}, {"cname": "d2.cloudfront.net"}, "d2.cloudfront.net"),
    ],
)
def test_the_record_is_given_exactly(facts, declared, target):
    look = in_mode(latest(finding("cname_wrong", **facts)), Mode.CDN, **declared)
    body = advice(look).body
    assert f"Name:   {NAME}\nType:   CNAME\nValue:  {target}\n" in body
    assert f"dig +short CNAME {NAME}\n    prints {target}" in body


def test_no_record_is_made_up():
    look = latest(finding("cname_to_provider", target="spgo.io"))
    assert "THE RECORD TO SET" not in advice(look).body


def test_a_certificate_that_is_ours_is_said_as_ours():
    body = advice(in_mode(latest(finding("expired")), Mode.ACME)).body
    assert "WHAT IS OURS TO DO" in body
    assert "expired it is" in body
    assert "mend expired" not in body  # the remedy is a command of ours
    assert "WHAT IS WRONG, AND WHAT TO DO" not in body


def test_a_certificate_of_the_provider_is_the_providers():
    look = in_mode(latest(finding("expiring", Severity.WARNING)), Mode.PROVIDER)
    assert look.judged is not None
    seen = replace(look.judged.observation, dns=dns("v2.spgo.io"))
    body = advice(replace(look, judged=replace(look.judged, observation=seen))).body
    assert "WHAT SPARKPOST HAS TO DO" in body
    assert "Ask its support" in body


def test_dns_is_the_owners_in_every_mode():
    body = advice(in_mode(latest(finding("caa_blocks", Severity.WARNING)), Mode.ACME)).body
    assert "WHAT IS WRONG, AND WHAT TO DO" in body


def test_a_warning_names_the_day_on_which_it_breaks():
    body = advice(latest(finding("expiring", Severity.WARNING), days_left=9)).body
    assert "ends on 2026-06-10 12:00 UTC" in body
    assert "The links work today." in body


def test_a_fault_that_no_date_makes_worse_names_none():
    assert "ends on" not in advice(latest(finding("wrong_region", Severity.WARNING))).body


def test_nothing_wrong_says_so():
    told = advice(latest(finding("hsts_missing", Severity.INFO)))
    assert told.subject == f"{NAME}: links work, nothing to do"
    assert "There is nothing\nfor you to do." in told.body
    assert "FOR YOUR INFORMATION" in told.body


def test_what_was_not_seen_is_not_judged():
    dark = advice(latest(state=State.UNKNOWN))
    assert "could not be seen" in dark.subject
    assert "on our\nside. There is nothing for you to do." in dark.body
    assert "not looked at yet" in advice(unseen()).subject


def test_stale_is_ours():
    assert "WHAT IS OURS TO DO" in advice(latest(finding("stale", Severity.WARNING))).body


def test_the_subject_says_the_name_once_and_the_owner_is_the_addressee():
    gone = replace(finding("cname_missing"), summary=f"{NAME} has no DNS record")
    told = advice(latest(gone, owner="anna@brand.test"))
    assert told.subject == f"{NAME} has no DNS record"
    assert told.to == "anna@brand.test"
    assert advice(latest(gone)).to is None


def test_an_unknown_target_is_said_in_words():
    vague = f"set CNAME {NAME} -> the target that SparkPost gave you"
    body = advice(latest(replace(finding("cname_missing"), remedy=vague))).body
    assert "->" not in body
    assert "must point at the target that the settings page of" in body


@pytest.mark.parametrize(("origin", "of_provider"), [("spgo.io:443", True), ("a.test:443", False)])
def test_only_the_providers_own_origin_is_the_providers(origin, of_provider):
    body = advice(in_mode(latest(finding("origin_down", origin=origin)), Mode.CDN)).body
    assert ("WHAT SPARKPOST HAS TO DO" in body) is of_provider
    assert ("WHAT IS WRONG, AND WHAT TO DO" in body) is not of_provider
