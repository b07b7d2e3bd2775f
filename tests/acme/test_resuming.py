"""Whoever comes after a crash goes on with the order that is there, and never makes another."""

from collections.abc import Iterator

import pytest

from certwatch.acme.client import CaIssuer
from certwatch.errors import RenewalError
from certwatch.ports import OrderStatus
from tests.acme.issuers import NAME, Answers, Shelf, issuer, ready, settled, valid
from tests.acme.pebble import Pebble


class Process:
    """Clients of one store, each as new as after a crash."""

    def __init__(self, ca: Pebble) -> None:
        self._ca = ca
        self._shelf = Shelf()
        self._open: list[CaIssuer] = []

    def started(self) -> CaIssuer:
        """A client that remembers nothing."""
        made = issuer(self._ca.directory, self._shelf, ca_bundle=self._ca.ca_bundle)
        self._open.append(made.__enter__())
        return self._open[-1]

    def end(self) -> None:
        """Close them all."""
        for each in self._open:
            each.close()


@pytest.fixture
def process(ca: Pebble) -> Iterator[Process]:
    made = Process(ca)
    yield made
    made.end()


def test_an_order_goes_on_from_its_url_alone_at_every_step(
    process: Process, answers: Answers
) -> None:
    order = process.started().order(NAME, replaces=None)
    key = process.started().new_key()

    pending = process.started().look(order.url, NAME)
    assert pending == order
    answers.plant(pending)
    process.started().answer(pending)

    ready_now = settled(process.started(), pending, OrderStatus.PENDING)
    assert ready_now.status is OrderStatus.READY
    assert ready_now.challenge is None
    process.started().answer(ready_now)

    process.started().finalize(process.started().look(order.url, NAME), key)
    done = settled(process.started(), ready_now, OrderStatus.READY, OrderStatus.PROCESSING)
    assert done.status is OrderStatus.VALID
    _, leaf = process.started().certificate(process.started().look(order.url, NAME), key=key)
    assert leaf.sans == (NAME,)


def test_finalizing_twice_gives_the_same_certificate(process: Process, answers: Answers) -> None:
    client, key = process.started(), process.started().new_key()
    order = ready(client, answers)
    first = client.certificate(valid(client, order, key), key=key)
    again = process.started().finalize(order, key)  # with the order as it was before
    assert again.status is OrderStatus.VALID
    assert process.started().certificate(again, key=key) == first


def test_the_certificate_of_another_key_is_not_taken(process: Process, answers: Answers) -> None:
    client = process.started()
    order = valid(client, ready(client, answers), client.new_key())
    with pytest.raises(RenewalError, match="another private key"):
        client.certificate(order, key=client.new_key())


def test_answering_twice_and_too_late_does_no_harm(process: Process, answers: Answers) -> None:
    client = process.started()
    order = client.order(NAME, replaces=None)
    answers.plant(order)
    client.answer(order)
    client.answer(order)
    settled(client, order, OrderStatus.PENDING)
    client.answer(order)


def test_an_order_that_is_not_ready_is_not_finalized(process: Process) -> None:
    client = process.started()
    order = client.order(NAME, replaces=None)
    with pytest.raises(RenewalError) as told:
        client.finalize(order, client.new_key())
    assert told.value.kind == "orderNotReady"
    with pytest.raises(RenewalError, match="has no certificate"):
        client.certificate(order)


def test_an_order_whose_url_was_forgotten_is_found_again(
    process: Process, answers: Answers
) -> None:
    client = process.started()
    assert client.unfinished(NAME) is None
    lost = client.order(NAME, replaces=None)
    for number in range(30):  # the list comes in pages
        client.order(f"n{number}.brand.com", replaces=None)
    assert process.started().unfinished(NAME) == lost
    answers.plant(lost)
    client.answer(lost)
    found = settled(client, lost, OrderStatus.PENDING)
    assert process.started().unfinished(NAME) == found


def test_the_newest_of_two_is_found_and_those_that_are_over_are_not(
    process: Process, answers: Answers
) -> None:
    client, name = process.started(), "twice.brand.com"
    valid(client, ready(client, answers, name), client.new_key())
    assert client.unfinished(name) is None
    client.order(name, replaces=None)
    newest = client.order(name, replaces=None)
    assert client.unfinished(name) == newest
    failed = client.order("failed.brand.com", replaces=None)
    client.answer(failed)  # nothing is planted
    with pytest.raises(RenewalError):
        settled(client, failed, OrderStatus.PENDING)
    assert client.unfinished("failed.brand.com") is None


def test_only_so_many_orders_are_looked_at(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certwatch.acme.client._RECENT", 3)
    client = process.started()
    client.order(NAME, replaces=None)
    for number in range(3):
        client.order(f"n{number}.brand.com", replaces=None)
    assert client.unfinished(NAME) is None
    assert client.unfinished("n0.brand.com")


def test_an_order_for_another_name_is_not_taken_for_ours(process: Process) -> None:
    client = process.started()
    order = client.order(NAME, replaces=None)
    with pytest.raises(RenewalError, match=r"not for other\.brand\.com alone"):
        client.look(order.url, "other.brand.com")
