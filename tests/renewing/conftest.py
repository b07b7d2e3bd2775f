"""A place for each file of tests; every test has domains of its own there."""

from collections.abc import Iterator

import pytest

from tests.renewing.place import Place, place


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("place")) as running:
        yield running
