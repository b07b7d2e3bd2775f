"""Hosts that take the TLS connection and then answer no HTTP: every link is dead."""

from dataclasses import replace

import pytest

from certwatch.checks import CHECKS
from certwatch.checks.registry import judge
from certwatch.core.model import Failure, Hop, Mode, Severity, Trouble
from tests.factories import (
    HSTS,
    NAME,
    NOW,
    answer,
    dns,
    no_tls,
    observation,
    origin,
    policy,
    silence,
    tls,
    upgrade,
)

PROBE = f"https://{NAME}/f/a/b/c/d"
LINK = f"https://{NAME}/f/a/token"
OTHER = "198.51.100.8"
MUTE = silence(Failure.EOF, PROBE)
ANSWER = answer(302, HSTS, address=OTHER)
BOTH = {"tls": (tls(), tls(address=OTHER)), "http": (upgrade(), upgrade(address=OTHER))}


def findings(changes, **declared):
    look = observation(**{"dns": dns("proxy.brand.test"), **changes})
    return judge(CHECKS, look, policy(look, **{"mode": Mode.PROXY, **declared}), NOW)


def only(changes, **declared):
    (finding,) = findings(changes, **declared)
    return finding


@pytest.mark.parametrize("provider", ["sparkpost", "ses", None])
@pytest.mark.parametrize(
    ("kind", "part"),
    [
        (Failure.RESET, "resets the connection"),
        (Failure.EOF, "closes the connection without an answer"),
        (Failure.TIMEOUT, "does not answer in time"),
        (Failure.MALFORMED, "not HTTP"),
        (Failure.ALERT, "does not answer (alert)"),
    ],
)
def test_a_host_without_http_is_critical_whatever_the_provider(kind, part, provider):
    view = silence(kind, PROBE)
    finding = only(
        {"https": (view,), "http": (replace(view, url=f"http://{NAME}/"),)}, provider=provider
    )
    assert (finding.check, finding.severity) == ("round_trip_failed", Severity.CRITICAL)
    assert finding.summary.startswith(f"https://{NAME} ")
    assert part in finding.summary
    assert finding.facts["failures"] == {view.address: kind.value}


def test_a_tls_alert_instead_of_an_answer_is_told_by_its_name():
    view = replace(MUTE, trouble=Trouble(Failure.ALERT, "certificate_required"))
    assert "alert: certificate_required" in only({"https": (view,)}).summary


def test_a_redirect_into_silence_names_the_place_that_is_silent():
    hops = (Hop(PROBE, 301, f"http://{NAME}/x"),)
    lost = replace(MUTE, trouble=Trouble(Failure.REFUSED), hops=hops)
    closed = silence(Failure.REFUSED)
    assert only({"https": (lost,), "http": (closed,)}).summary.startswith(f"http://{NAME} refuses")


@pytest.mark.parametrize("kind", [Failure.LOCAL, Failure.FORBIDDEN])
def test_our_own_troubles_say_nothing(kind):
    assert findings({"https": (silence(kind, PROBE),)}) == ()


def test_a_mute_address_among_others_is_a_warning():
    look = {**BOTH, "https": (MUTE, ANSWER), "sample": silence(Failure.EOF, LINK)}
    finding = only(look)
    assert (finding.check, finding.severity) == ("round_trip_failed", Severity.WARNING)
    assert finding.facts["addresses"] == [MUTE.address]
    assert MUTE.address in finding.summary


def test_what_answers_wrongly_is_graver_than_a_mute_address():
    assert only({**BOTH, "https": (MUTE, replace(ANSWER, status=404))}).severity == "critical"


def test_a_mute_address_beside_one_without_tls_is_critical():
    look = {**BOTH, "tls": (tls(), no_tls(Failure.ALERT, OTHER)), "https": (MUTE,)}
    found = {finding.check: finding.severity for finding in findings(look)}
    assert found["round_trip_failed"] is Severity.CRITICAL


def test_a_working_sample_link_proves_its_address():
    good = answer(302, ("location", "https://shop.example/"), url=LINK)
    assert findings({"https": (MUTE,), "sample": good}) == ()


def test_an_origin_that_is_down_explains_it():
    down = origin(tls=no_tls(Failure.REFUSED), http=None)
    assert only({"https": (MUTE,), "origin": down}, origin="spgo.io:443").check == "origin_down"


def test_port_80_that_leads_elsewhere_does_not_explain_it():
    look = {"https": (MUTE,), "http": (upgrade("https://www.brand.test/"),)}
    found = {finding.check for finding in findings(look)}
    assert found == {"round_trip_failed", "redirect_off_host"}
