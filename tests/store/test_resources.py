"""The files that come with certwatch."""

import pytest

from certwatch import resources


def test_the_checkout_has_the_migrations():
    assert (resources.resource("alembic") / "env.py").is_file()


def test_an_installed_copy_comes_first(tmp_path, monkeypatch: pytest.MonkeyPatch):
    installed = tmp_path / "certwatch" / "_data" / "alembic"
    installed.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "certwatch")
    assert resources.resource("alembic") == installed


def test_a_broken_installation_is_named():
    with pytest.raises(FileNotFoundError, match="nothing is missing"):
        resources.resource("nothing")
