"""The house's own promises: one version, honest pins, pure rooms, a changelog that keeps up."""

import ast
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.release_notes import notes

HOUSE = Path(__file__).parent.parent
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))["project"]
PINS = sorted((HOUSE / "requirements").glob("*.txt"))
PURE = ("core", "checks", "providers", "edges")
IMPURE_CALLS = {"now", "utcnow", "today", "open", "print", "input", "eval", "exec", "__import__"}


def pinned(file: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", file.read_text("utf-8"), re.MULTILINE))


def modules(room: str) -> Iterator[Path]:
    return (HOUSE / "certwatch" / room).rglob("*.py")


def imports() -> set[str]:
    """The top-level names that the package, its migrations included, imports."""
    found = set()
    for folder in ("certwatch", "alembic"):
        for file in (HOUSE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("file", PINS, ids=lambda file: file.name)
def test_every_pin_has_a_hash_and_no_file_names_a_registry(file: Path) -> None:
    text = file.read_text("utf-8")
    blocks = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|^\s*-(?!-hash)|--(index|find-links|extra)", text, re.MULTILINE)


def test_every_dependency_is_pinned_inside_its_declared_range() -> None:
    base = pinned(HOUSE / "requirements/base.txt")
    for text in PROJECT["dependencies"]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(base[canonicalize_name(wanted.name)]), text


def test_the_code_imports_what_is_declared_and_nothing_else() -> None:
    """Both ways: nothing comes by luck of another package, nothing is carried along unused."""
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    homes = packages_distributions()
    imported = {
        canonicalize_name(homes[name][0])
        for name in imports()
        if name not in sys.stdlib_module_names and name != "certwatch"
    }
    assert imported - {"psycopg"} == declared


def test_all_pin_files_agree_on_each_version() -> None:
    developer = pinned(HOUSE / "requirements/dev.txt")
    for file in PINS:
        assert pinned(file).items() <= developer.items(), file.name


def test_the_version_is_written_once_and_the_changelog_knows_it() -> None:
    assert notes((HOUSE / "CHANGELOG.md").read_text("utf-8"), PROJECT["version"])
    copies = [f for f in (HOUSE / "certwatch").rglob("*.py") if PROJECT["version"] in f.read_text()]
    assert not copies


def test_release_notes_are_the_section_of_one_version() -> None:
    changelog = (
        "# Changelog\n\n## [0.2.0] - 2026-02-01\n\nNew.\n\n## [0.1.0]\n\nFirst.\n\n[0.1.0]: x"
    )
    assert notes(changelog, "0.2.0") == "New."
    assert notes(changelog, "0.1.0") == "First."
    assert notes(changelog, "0.3.0") is None


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_read_no_clock_and_do_no_io(room: str) -> None:
    """What import-linter cannot see: builtins, and the clock inside ``datetime``."""
    called = {
        f"{file.name}:{node.lineno} {name}()"
        for file in modules(room)
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and (name := getattr(node.func, "attr", getattr(node.func, "id", ""))) in IMPURE_CALLS
    }
    assert not called


def test_every_room_is_a_package() -> None:
    folders = {file.parent for file in (HOUSE / "certwatch").rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


def test_the_migrations_folder_never_shadows_the_library() -> None:
    assert not (HOUSE / "alembic/__init__.py").exists()


def test_tests_stay_on_loopback() -> None:
    with socket.socket() as sock, pytest.raises(pytest.fail.Exception, match="stay on loopback"):
        sock.connect(("192.0.2.1", 9))


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_a_skip_fails_on_ci_and_only_there(tmp_path: Path, ci: str, code: int) -> None:
    file = tmp_path / "test_skipped.py"
    file.write_text("import pytest\n\ndef test_it():\n    pytest.skip('no server here')\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    environ = {**os.environ, "CI": ci, "PYTHONPATH": str(HOUSE)}
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(file)],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert "no server here" in done.stdout or not ci
