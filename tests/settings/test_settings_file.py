"""The settings as a file: the example is complete, true and valid; secrets in a file are found."""

import os
import re
from pathlib import Path

import pytest

from certwatch.config import load_settings
from certwatch.errors import SettingsError
from certwatch.settings import LATER, Settings
from certwatch.settings_file import example_settings, file_secrets, tables

EXAMPLE = Path(__file__).parents[2] / "config" / "certwatch.example.toml"
FILLED = {
    "check": '"expired"',
    "severity": '"mute"',
    "name": '"mine"',
    "targets": '["t.mine.test"]',
}


def test_the_committed_example_is_the_generated_one():
    assert EXAMPLE.read_text(encoding="utf-8") == example_settings(), "run `make docs`"


def test_the_example_as_it_is_changes_nothing(tmp_path):
    file = tmp_path / "certwatch.toml"
    file.write_text(example_settings(), encoding="utf-8")
    assert load_settings(file, {}) == Settings()


def test_every_line_of_the_example_can_be_switched_on(tmp_path):
    def switched_on(match: re.Match[str]) -> str:
        key, value = match[1], match[2].strip()
        return f"{key} = {value or FILLED.get(key, '1')}"

    text = re.sub(r"^#([a-z_]+) =(.*)$", switched_on, example_settings(), flags=re.MULTILINE)
    text = re.sub(r"^#(\[\[.*)$", r"\1", text, flags=re.MULTILINE)
    file = tmp_path / "certwatch.toml"
    file.write_text(text, encoding="utf-8")
    settings = load_settings(file, {})
    assert settings.probe == Settings().probe
    assert settings.extra_providers[0].name == "mine"
    assert settings.checks.rules[0].severity == "mute"


def test_what_no_part_of_this_version_uses_is_left_out():
    shown, everything = example_settings(), list(tables())
    assert {table.name for table in everything} >= {"probe", "budget", "providers.mailgun"}
    for table in everything:
        used = any(not key.description.endswith(LATER) for key in table.keys)
        assert (table.header in shown) == used


def test_every_setting_is_described():
    assert not [(t.name, k.name) for t in tables() for k in t.keys if not k.description]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("[slack]\ntoken = ''\nchannel = '#x'", ()),
        ("[slack]\ntoken = 'xoxb-1'\n[email]\npassword = 'p'", ("slack.token", "email.password")),
        ("[web]\ntokens = ['t']", ("web.tokens",)),
        ("[providers.sparkpost]\napi_key = 'k'", ("providers.sparkpost.api_key",)),
        ("[store]\nurl = 'sqlite:///x.db'", ()),
        ("[store]\nurl = 'postgresql+psycopg://u@h/n'", ()),
        ("[store]\nurl = 'postgresql+psycopg://u:p@h/n'", ("store.url",)),
        ("slack = 3", ()),
    ],
)
def test_secrets_in_a_file_are_found_by_key(tmp_path, text, found):
    file = tmp_path / "certwatch.toml"
    file.write_text(text)
    assert file_secrets(file) == found


def test_no_file_holds_no_secret_and_an_unreadable_one_is_an_error(tmp_path):
    assert file_secrets(tmp_path / "absent.toml") == ()
    (tmp_path / "bad.toml").write_bytes(b"\xff[")
    for path in (tmp_path / "bad.toml", tmp_path):
        with pytest.raises(SettingsError, match=re.escape(os.fspath(path))):
            file_secrets(path)
