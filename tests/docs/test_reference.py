"""Nothing comes without its documentation: the generated pages are complete and up to date."""

from pathlib import Path

import pytest

from certwatch.checks import CODES
from certwatch.settings_file import tables
from docs.generate import pages

DOCS = Path(__file__).parents[2] / "docs"
PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_is_what_the_code_says(path):
    assert path.read_text(encoding="utf-8") == PAGES[path], "stale; run `make docs`"


@pytest.mark.parametrize("code", [code.code for code in CODES])
def test_every_check_code_has_its_row(code):
    assert f"| `{code}` |" in (DOCS / "checks.md").read_text(encoding="utf-8")


def test_every_code_of_this_version_is_registered():
    codes = {code.code for code in CODES}
    assert {"expired", "cname_missing", "origin_down", "hsts_missing", "address_down"} <= codes
    assert {"stale", "monitor_sick", "clock_skew", "check_crashed"} <= codes


def test_every_setting_has_its_row():
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    for table in tables():
        section = page.split(f"## `{table.header}`\n", 1)[1].split("\n## ", 1)[0]
        assert all(f"| `{key.name}` |" in section for key in table.keys)


@pytest.mark.parametrize(
    "command",
    [
        "init", "domains add", "domains import", "domains list", "domains show", "domains remove",
        "domains export", "scan", "inspect", "plan", "budget", "enable", "renew",
        "edge render nginx", "report", "advise", "doctor", "db upgrade", "db check", "db backup",
        "demo",
    ],
)  # fmt: skip
def test_every_command_has_its_section_with_help_and_options(command):
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    section = page.split(f"## `certwatch {command}`\n", 1)[1].split("\n## ", 1)[0]
    _, usage, rest = section.split("```", 2)
    assert usage.strip().startswith(f"certwatch {command}")
    assert rest.strip().splitlines()[0]
    assert "| `--help` |" in rest
