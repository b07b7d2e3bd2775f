"""Where every failure ends: one line, an exit code, never a traceback that nobody asked for."""

import sys

import pytest

from certwatch import cli, config
from certwatch.cli import output
from certwatch.errors import SettingsError, StoreError


@pytest.fixture
def failing(monkeypatch, capsys, tmp_path):
    """Run a command while reading the settings fails; its exit code and stderr."""
    output._console.cache_clear()  # it holds the streams of the test before
    monkeypatch.chdir(tmp_path)

    def run(error, *options):
        def fail(_file):
            raise error

        monkeypatch.setattr(config, "load_settings", fail)
        monkeypatch.setattr(sys, "argv", ["certwatch", *options, "domains", "list"])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return exit_.value.code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (SettingsError("x.toml: [probe] timout"), 2, "certwatch: x.toml: [probe] timout\n"),
        (StoreError("it is locked"), 3, "certwatch: it is locked\n"),
        (StoreError("one\ntwo \x1b[2J"), 3, "certwatch: one\ntwo \\u001b[2J\n"),
        (KeyboardInterrupt(), 130, "certwatch: interrupted\n"),
    ],
)
def test_a_failure_is_told_in_one_place(failing, error, code, told):
    assert failing(error) == (code, told)


def test_a_bug_is_owned_up_to_without_a_traceback(failing):
    code, err = failing(ZeroDivisionError("secret"))
    assert code == 3
    assert err.startswith("certwatch: a bug in certwatch")
    assert "ZeroDivisionError" in err
    assert "Traceback" not in err
    assert "secret" not in err


def test_a_bug_shows_where_it_struck_when_asked(failing):
    assert "Traceback" in failing(ZeroDivisionError(), "--verbose")[1]
