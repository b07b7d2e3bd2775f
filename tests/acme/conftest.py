"""Real CAs on loopback, one of each a session."""

from collections.abc import Iterator

import pytest

from tests.acme.a2c import Acme2Certifier, acme2certifier
from tests.acme.issuers import Answers, answering
from tests.acme.pebble import Pebble, pebble


@pytest.fixture(scope="session")
def answers() -> Answers:
    """What the customers' web server gives out under the challenge path."""
    return Answers()


@pytest.fixture(scope="session")
def ca(answers: Answers) -> Iterator[Pebble]:
    """A Pebble that asks that web server, and refuses a name."""
    with answering(answers) as port, pebble(http_port=port, blocked=["blocked.test"]) as running:
        yield running


@pytest.fixture(scope="session")
def ari_ca() -> Iterator[Acme2Certifier]:
    """A CA with ARI and profiles."""
    with acme2certifier(profiles=["classic", "short"]) as running:
        yield running
