"""One world without plants, for tests that build their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certwatch.lab.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, plants=()) as world:
        yield world
