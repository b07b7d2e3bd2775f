"""ARI, profiles and ``replaces`` at a real CA that has them, with every request looked at."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from certwatch.acme.client import CaIssuer
from certwatch.core.ari import ari_id
from certwatch.core.model import Certificate
from certwatch.errors import RenewalError
from tests.acme.a2c import Acme2Certifier, acme2certifier
from tests.acme.between import Asked, Between, Reply, between
from tests.acme.issuers import NAME, Answers, issuer, ready, valid

CONTACT = "ops@brand.com"  # this CA wants one


@pytest.fixture
def wire(ari_ca: Acme2Certifier) -> Iterator[Between]:
    with between(ari_ca.directory) as middle:
        yield middle


@pytest.fixture
def client(wire: Between) -> Iterator[CaIssuer]:
    with issuer(wire.directory, contact=CONTACT) as made:
        yield made


def issued(client: CaIssuer, answers: Answers, replaces: str | None = None) -> Certificate:
    key = client.new_key()
    order = valid(client, ready(client, answers, replaces=replaces), key)
    return client.certificate(order, key=key)[1]


def named(leaf: Certificate) -> str:
    found = ari_id(leaf.der)
    assert found
    return found


def test_the_ca_suggests_a_window_and_when_to_ask_again(client: CaIssuer, answers: Answers) -> None:
    leaf = issued(client, answers)
    info = client.renewal_info(named(leaf))
    assert info
    assert leaf.not_before < info.start_at < info.end_at <= leaf.not_after
    assert abs((info.start_at - leaf.not_before) / leaf.lifetime - 0.85) < 0.01
    assert info.retry_in == timedelta(hours=6)


def test_a_certificate_that_the_ca_does_not_know_has_no_suggestion(
    client: CaIssuer, answers: Answers
) -> None:
    for name in ("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", "../directory", "a?b#c"):
        with pytest.raises(RenewalError) as told:
            client.renewal_info(name)
        assert (told.value.kind, told.value.blame) == ("ari", "ca")


def test_a_renewal_says_what_it_replaces(client: CaIssuer, wire: Between, answers: Answers) -> None:
    first = issued(client, answers)
    second = issued(client, answers, replaces=named(first))
    assert second.serial != first.serial
    assert [said.get("replaces") for said in wire.orders()] == [None, named(first)]
    assert wire.orders()[1]["identifiers"] == [{"type": "dns", "value": NAME}]


@pytest.mark.parametrize(
    "refusal",
    [
        Reply.problem(409, "alreadyReplaced", "it has a successor"),
        Reply.problem(404, "malformed", "no such certificate"),
        Reply.problem(403, "unauthorized", "of another account"),
    ],
)
def test_a_predecessor_that_is_refused_is_left_out_and_the_order_made(
    client: CaIssuer, wire: Between, refusal: Reply
) -> None:
    wire.meddle = lambda asked: (
        refusal if isinstance(asked.said, dict) and "replaces" in asked.said else None
    )
    order = client.order(NAME, replaces="AA.BB")
    assert order.domain == NAME
    assert ["replaces" in said for said in wire.orders()] == [True, False]


def test_a_conflict_without_a_predecessor_is_told_and_not_tried_again(
    client: CaIssuer, wire: Between
) -> None:
    wire.meddle = lambda asked: (
        Reply.problem(409, "alreadyReplaced") if asked.path == "/acme/neworders" else None
    )
    with pytest.raises(RenewalError) as told:
        client.order(NAME, replaces=None)
    assert told.value.kind == "alreadyReplaced"
    assert len(wire.orders()) == 1


def test_a_profile_is_asked_for_where_it_is_offered(wire: Between) -> None:
    with issuer(wire.directory, contact=CONTACT, profile="short") as client:
        client.order(NAME, replaces=None)
    assert wire.orders()[0]["profile"] == "short"


def test_a_profile_that_is_not_offered_is_told_with_those_that_are(wire: Between) -> None:
    with (
        issuer(wire.directory, contact=CONTACT, profile="tiny") as client,
        pytest.raises(RenewalError, match="'tiny'") as told,
    ):
        client.order(NAME, replaces=None)
    assert (told.value.kind, told.value.blame) == ("invalidProfile", "ours")
    assert "classic, short" in told.value.remedy
    assert not wire.orders()


def test_a_profile_that_is_offered_no_more_is_told_by_the_ca(wire: Between) -> None:
    def offer(asked: Asked, reply: Reply) -> Reply:
        body = reply.body.replace(b'"classic"', b'"tiny"')
        return Reply(reply.status, body, reply.headers) if asked.method == "GET" else reply

    wire.alter = offer
    with (
        issuer(wire.directory, contact=CONTACT, profile="tiny") as client,
        pytest.raises(RenewalError) as told,
    ):
        client.order(NAME, replaces=None)
    assert (told.value.kind, told.value.blame) == ("invalidProfile", "ours")
    assert len(wire.orders()) == 1


def test_a_ca_without_a_list_of_orders_finds_none(client: CaIssuer) -> None:
    client.order(NAME, replaces=None)
    assert client.unfinished(NAME) is None


def test_a_missing_contact_is_told_as_such(wire: Between) -> None:
    with issuer(wire.directory) as client, pytest.raises(RenewalError) as told:
        client.order(NAME, replaces=None)
    assert (told.value.kind, told.value.blame) == ("invalidContact", "ours")
    assert "acme.contact" in told.value.remedy


def test_external_accounts_are_told_apart_by_what_is_wrong() -> None:
    keys = {"kid-1": "bXktc2VjcmV0LWtleS1vZi0zMi1ieXRlcy1sZW5ndGg"}
    with acme2certifier(eab_keys=keys) as ca:

        def order(**binding: Any) -> RenewalError | None:
            with issuer(ca.directory, contact=CONTACT, **binding) as client:
                try:
                    client.order(NAME, replaces=None)
                except RenewalError as error:
                    return error
            return None

        missing = order()
        wrong = order(eab_kid="kid-1", eab_hmac_key="c2VjcmV0LW9mLXNvbWVib2R5LWVsc2U")
        right = order(eab_kid="kid-1", eab_hmac_key=keys["kid-1"])
    assert missing
    assert missing.kind == "externalAccountRequired"
    assert wrong
    assert (wrong.kind, wrong.blame) == ("externalAccountRequired", "ours")
    assert "eab_hmac_key" in wrong.remedy + str(wrong)
    assert "asks for" not in str(wrong)
    assert right is None
