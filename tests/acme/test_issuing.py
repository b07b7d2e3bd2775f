"""Certificates from a real CA: Pebble asks a real web server for real challenges."""

import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from josepy.interfaces import JSONDeSerializable

from certwatch.acme.client import CaIssuer
from certwatch.core import x509
from certwatch.errors import RenewalError
from certwatch.ports import Issuer, OrderStatus
from tests.acme.issuers import NAME, Answers, Shelf, issuer, ready, settled, valid
from tests.acme.pebble import Pebble, pebble

MAC = bytes(range(224, 256))  # has both characters in which the two alphabets of base64 differ
MAC_KEY = urlsafe_b64encode(MAC).decode().rstrip("=")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def client(ca: Pebble, shelf: Shelf) -> Iterator[CaIssuer]:
    with issuer(ca.directory, shelf, ca_bundle=ca.ca_bundle, contact="ops@brand.com") as made:
        yield made


def failed(name: str, client: CaIssuer, answers: Answers) -> RenewalError:
    with pytest.raises(RenewalError) as told:
        ready(client, answers, name)
    return told.value


def test_an_order_becomes_a_certificate_for_our_key_in_under_a_second(
    client: CaIssuer, ca: Pebble, shelf: Shelf, answers: Answers
) -> None:
    keys: Issuer = client
    ready(client, answers, "warm.brand.com")
    began = time.monotonic()
    order, key = ready(client, answers), keys.new_key()
    chain, leaf = client.certificate(valid(client, order, key), key=key)
    took = time.monotonic() - began
    assert leaf.sans == (NAME,)
    assert leaf.key == "ECDSA P-256"
    served = x509.parse_pem(chain.encode())
    assert served[0] == leaf
    assert x509.issued_by(served[0], served[1])
    assert x509.issued_by(served[1], x509.parse_pem(ca.roots())[0])
    assert b"PRIVATE" not in key
    assert b"PRIVATE KEY" in shelf.vault.unseal(key)
    assert took < 1


def test_rsa_keys_are_made_where_they_are_set(ca: Pebble, answers: Answers) -> None:
    with issuer(ca.directory, ca_bundle=ca.ca_bundle, key_type="rsa-2048") as client:
        key = client.new_key()
        _, leaf = client.certificate(valid(client, ready(client, answers), key), key=key)
    assert leaf.key == "RSA 2048"


def test_the_account_is_stored_before_the_ca_hears_of_it_and_used_ever_after(
    client: CaIssuer, ca: Pebble, shelf: Shelf
) -> None:
    kept: list[tuple[str | None, bytes]] = []

    def keep(url: str | None, key: bytes) -> tuple[str | None, bytes]:
        kept.append((url, key))
        return Shelf.keep(shelf, url, key)

    shelf.keep = keep  # type: ignore[method-assign]
    with issuer(ca.directory, shelf, ca_bundle=ca.ca_bundle) as first:
        order = first.order(NAME, replaces=None)
    assert [url is None for url, _ in kept] == [True, False]
    assert kept[0][1] == kept[1][1]
    with issuer(ca.directory, shelf, ca_bundle=ca.ca_bundle) as again:
        assert again.look(order.url, NAME) == order
    assert len(kept) == 2


def test_a_crash_between_key_and_registration_ends_with_the_same_account(ca: Pebble) -> None:
    shelf = Shelf()
    with issuer(ca.directory, shelf, ca_bundle=ca.ca_bundle) as first:
        order = first.order(NAME, replaces=None)
    assert shelf.account is not None
    url, key = shelf.account
    shelf.account = (None, key)  # what a crash just after registering leaves
    with issuer(ca.directory, shelf, ca_bundle=ca.ca_bundle) as again:
        assert again.look(order.url, NAME) == order
    assert shelf.account == (url, key)


def test_who_registers_second_goes_on_with_the_account_of_the_first(ca: Pebble) -> None:
    shelf = Shelf()
    winner = (None, shelf.vault.seal(shelf_key(shelf)))

    def keep(url: str | None, key: bytes) -> tuple[str | None, bytes]:
        shelf.account = winner if url is None else (url, winner[1])
        return shelf.account

    shelf.keep = keep  # type: ignore[method-assign]
    with issuer(ca.directory, shelf, ca_bundle=ca.ca_bundle) as second:
        order = second.order(NAME, replaces=None)
    assert shelf.account is not None
    assert shelf.account[1] == winner[1]
    with issuer(ca.directory, shelf, ca_bundle=ca.ca_bundle) as first:
        assert first.look(order.url, NAME) == order


def shelf_key(shelf: Shelf) -> bytes:
    with issuer("https://ca.test/", shelf) as anyone:
        return shelf.vault.unseal(anyone.new_key())


def test_many_threads_share_one_account_and_get_their_own_certificates(
    client: CaIssuer, answers: Answers
) -> None:
    def issue(number: int) -> str:
        name, key = f"n{number}.brand.com", client.new_key()
        _, leaf = client.certificate(valid(client, ready(client, answers, name), key), key=key)
        return leaf.sans[0]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(issue, range(24)))
    assert found == [f"n{number}.brand.com" for number in range(24)]


def test_a_refused_name_is_told_as_the_customers(client: CaIssuer, answers: Answers) -> None:
    told = failed("click.blocked.test", client, answers)
    assert (told.kind, told.blame) == ("rejectedIdentifier", "customer")
    assert not told.is_final  # there is no order that could be over


def test_a_web_server_that_answers_something_else_is_the_customers(client: CaIssuer) -> None:
    order = client.order("wrong.brand.com", replaces=None)
    client.answer(order)
    with pytest.raises(RenewalError) as told:
        settled(client, order, OrderStatus.PENDING)
    assert (told.value.kind, told.value.blame) == ("unauthorized", "customer")
    assert "/.well-known/acme-challenge/" in told.value.remedy
    assert told.value.is_final


def test_a_web_server_that_is_down_is_the_customers() -> None:
    with (
        pebble() as ca,
        issuer(ca.directory, ca_bundle=ca.ca_bundle) as client,
    ):
        order = client.order(NAME, replaces=None)
        client.answer(order)
        with pytest.raises(RenewalError) as told:
            settled(client, order, OrderStatus.PENDING)
    assert (told.value.kind, told.value.blame) == ("connection", "customer")
    assert told.value.is_final


def test_half_of_the_nonces_refused_costs_time_but_no_certificate(answers: Answers) -> None:
    with (
        pebble(always_valid=True, bad_nonces=50) as ca,
        issuer(ca.directory, ca_bundle=ca.ca_bundle) as client,
    ):
        for number in range(6):
            key = client.new_key()
            order = ready(client, answers, f"n{number}.brand.com")
            assert client.certificate(valid(client, order, key), key=key)


def test_a_ca_that_refuses_every_nonce_is_given_up() -> None:
    with (
        pebble(always_valid=True, bad_nonces=100) as ca,
        issuer(ca.directory, ca_bundle=ca.ca_bundle) as client,
        pytest.raises(RenewalError) as told,
    ):
        client.order(NAME, replaces=None)
    assert (told.value.kind, told.value.blame) == ("badNonce", "ca")


def test_an_external_account_is_bound_where_the_ca_wants_one(answers: Answers) -> None:
    with pebble(always_valid=True, eab_keys={"kid-1": MAC_KEY}) as ca:

        def order(**binding: Any) -> RenewalError | None:
            with issuer(ca.directory, ca_bundle=ca.ca_bundle, **binding) as client:
                try:
                    client.order(NAME, replaces=None)
                except RenewalError as error:
                    return error
            return None

        missing = order()
        assert missing
        assert (missing.kind, missing.blame) == ("externalAccountRequired", "ours")
        assert "acme.eab_kid" in missing.remedy
        wrong = order(eab_kid="kid-1", eab_hmac_key="c2VjcmV0LW9mLXNvbWVib2R5LWVsc2U")
        stranger = order(eab_kid="kid-2", eab_hmac_key=MAC_KEY)
        for refused in (wrong, stranger):
            assert refused
            assert (refused.kind, refused.blame) == ("externalAccountRequired", "ours")
            assert "does not accept the external account key" in str(refused)
            assert "acme.eab_kid and acme.eab_hmac_key" in refused.remedy
            assert MAC_KEY not in str(refused) + refused.remedy
        unreadable = order(eab_kid="kid-1", eab_hmac_key="gr\u00fcn")
        assert unreadable
        assert unreadable.kind == "externalAccountRequired"
        assert "gr" not in str(unreadable).replace("certificate", "")
        assert order(eab_kid="kid-1", eab_hmac_key=MAC_KEY) is None
        assert order(eab_kid="kid-1", eab_hmac_key=b64encode(MAC).decode()) is None


class Deactivation(JSONDeSerializable):
    """The update that ends an account (RFC 8555 section 7.3.6)."""

    def to_partial_json(self) -> dict[str, str]:
        return {"status": "deactivated"}

    @classmethod
    def from_json(cls, jobj: object) -> "Deactivation":
        raise NotImplementedError


def test_a_deactivated_account_is_ours_to_mend(client: CaIssuer) -> None:
    client.order(NAME, replaces=None)
    with client._sessions.signed() as session:
        session.post(session.account.url, Deactivation())
    with pytest.raises(RenewalError) as told:
        client.order(NAME, replaces=None)
    assert (told.value.kind, told.value.blame) == ("unauthorized", "ours")
    assert "account" in told.value.remedy


def test_a_ca_that_has_lost_our_account_is_told_its_key_again(ca: Pebble) -> None:
    shelf = Shelf()
    with issuer(ca.directory, shelf, ca_bundle=ca.ca_bundle) as client:
        client.order(NAME, replaces=None)
    with (
        pebble(always_valid=True) as anew,
        issuer(anew.directory, shelf, ca_bundle=anew.ca_bundle) as client,
    ):
        assert shelf.account is not None
        lost = shelf.account[0]
        shelf.account = (
            str(lost).replace(ca.directory.removesuffix("/dir"), anew.directory[:-4]),
            shelf.account[1],
        )
        with pytest.raises(RenewalError) as told:
            client.order(NAME, replaces=None)
        assert (told.value.kind, told.value.blame) == ("accountDoesNotExist", "ours")
        assert client.order(NAME, replaces=None).url


def test_a_ca_without_renewal_information_or_profiles_is_not_asked_for_them(
    ca: Pebble, answers: Answers
) -> None:
    with issuer(ca.directory, ca_bundle=ca.ca_bundle, profile="short") as client:
        assert client.renewal_info("AA.BB") is None
        assert ready(client, answers, replaces="AA.BB").status is OrderStatus.READY


def test_secrets_are_not_shown(client: CaIssuer, shelf: Shelf) -> None:
    client.order(NAME, replaces=None)
    with client._sessions.signed() as session:
        shown = repr(session) + repr(session.account) + repr(client._sessions._accounts)
    assert shelf.account is not None
    private = session.account.key.to_json()["d"]
    assert private not in shown
    assert "JWKEC" not in repr(session.account)
