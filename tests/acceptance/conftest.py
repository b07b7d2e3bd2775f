"""certwatch as its users meet it: the command, in an empty folder, against the lab's world.

The command is the one of CERTWATCH_COMMAND, else ``certwatch`` of the PATH, else this interpreter's
module; so the same tests hold for a checkout and for an installed wheel.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import certwatch
from certwatch.cli.demo.stage import Stage, staged

TIMEOUT = 120  # seconds; a command that takes longer hangs


def _command() -> list[str]:
    if given := os.environ.get("CERTWATCH_COMMAND"):
        return shlex.split(given)
    if found := shutil.which("certwatch"):
        return [found]
    return [sys.executable, "-m", "certwatch"]


@dataclass(frozen=True)
class Run:
    """One command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@dataclass
class House:
    """A folder to run commands in, with an environment of its own."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def but(self, **env: str) -> "House":
        """The same folder under another environment."""
        return replace(self, env=self.env | env)

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """Begin a command; its streams are pipes."""
        return subprocess.Popen(
            [*_command(), *args],
            cwd=self.folder,
            env=_environment() | self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def __call__(self, *args: str, code: int = 0, **options: Any) -> Run:
        """Run a command to its end; it must exit with ``code`` and never show a traceback."""
        return _finish(self.start(*args, **options), code)


def _finish(process: subprocess.Popen[str], code: int) -> Run:
    """Wait for a command; it must exit with ``code`` and never show a traceback."""
    out, err = process.communicate(timeout=TIMEOUT)
    assert "Traceback" not in out + err
    assert "a bug in certwatch" not in err
    assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
    return Run(process.returncode, out, err)


def _environment() -> dict[str, str]:
    """This process's environment without settings of certwatch's, and with its package."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CERTWATCH_")}
    return kept | {"PYTHONPATH": str(Path(certwatch.__file__).parents[1])}


@pytest.fixture
def finish() -> Callable[[subprocess.Popen[str], int], Run]:
    """Waits for a command that was begun by ``start``."""
    return _finish


@pytest.fixture
def house(tmp_path: Path) -> House:
    """An empty folder."""
    return House(tmp_path)


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The lab's world, running beside the tests."""
    with staged(tmp_path_factory.mktemp("world")) as running:
        yield running


def settled(folder: Path, stage: Stage) -> House:
    """A folder with a database of its own and the settings of the world."""
    text = (stage.world.folder / "certwatch.toml").read_text(encoding="utf-8")
    (folder / "certwatch.toml").write_text(text, encoding="utf-8")
    house = House(folder, {"CERTWATCH_STORE__URL": "sqlite:///certwatch.db"})
    house("init")
    return house


@pytest.fixture
def lab(tmp_path: Path, stage: Stage) -> House:
    """An initialised folder whose settings see the world; its inventory is empty."""
    return settled(tmp_path, stage)


@dataclass(frozen=True)
class Scanned:
    """The world's whole inventory after one ``scan --json``."""

    house: House
    run: Run


@pytest.fixture(scope="session")
def scanned(tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> Scanned:
    """The world, imported and scanned once; tests must not change it."""
    house = settled(tmp_path_factory.mktemp("scanned"), stage)
    house("domains", "import", str(stage.world.folder / "inventory.csv"))
    return Scanned(house, house("scan", "--json", code=1))
