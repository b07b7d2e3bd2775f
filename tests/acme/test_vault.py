"""Private keys rest sealed, and the key that seals them is its owner's alone."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from certwatch.acme.vault import Vault, make_key_file, open_vault
from certwatch.errors import RenewalError, SettingsError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "certwatch.key"
    assert make_key_file(str(path))
    return path


def test_what_was_sealed_is_unsealed_by_the_same_file_later(file: Path) -> None:
    sealed = open_vault(str(file)).seal(b"secret")
    assert b"secret" not in sealed
    assert open_vault(str(file)).unseal(sealed) == b"secret"


def test_a_key_file_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        make_key_file(str(tmp_path / "key"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    open_vault(str(tmp_path / "key"))


def test_a_key_file_is_never_made_twice(file: Path) -> None:
    before = file.read_bytes()
    assert not make_key_file(str(file))
    assert file.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_key_file_that_others_can_use_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(SettingsError, match=f"{mode:04o}.*chmod 600 {file}"):
        open_vault(str(file))


def test_a_key_file_of_somebody_else_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    with pytest.raises(SettingsError, match="belongs to another user"):
        open_vault(str(file))


def test_what_is_no_key_file_is_told_without_its_text(tmp_path: Path) -> None:
    for text in (b"hunter2", b"", b"\xff\xfe", b"A" * 44 + b"="):
        path = tmp_path / "key"
        path.write_bytes(text)
        path.chmod(0o600)
        with pytest.raises(SettingsError) as told:
            open_vault(str(path))
        assert str(path) in str(told.value)
        assert "hunter2" not in str(told.value)


def test_a_missing_file_a_folder_and_a_pipe_are_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SettingsError, match="certwatch init"):
        open_vault(str(tmp_path / "none"))
    for name in (".", "pipe"):
        with pytest.raises(SettingsError, match=r"acme\.key_file"):
            open_vault(str(tmp_path / name))
    with pytest.raises(SettingsError, match="cannot be made"):
        make_key_file(str(tmp_path / "none" / "key"))


def test_after_a_rotation_the_new_key_seals_and_both_unseal(file: Path) -> None:
    old = file.read_text().strip()
    sealed = open_vault(str(file)).seal(b"before")
    new = Fernet.generate_key().decode()
    file.write_text(f"{new}\n{old}\n")
    rotated = open_vault(str(file))
    assert rotated.unseal(sealed) == b"before"
    assert Vault(new).unseal(rotated.seal(b"after")) == b"after"


def test_another_key_file_is_told_to_be_the_wrong_one(file: Path) -> None:
    stranger = Vault(Fernet.generate_key().decode())
    with pytest.raises(RenewalError, match="not the one that sealed this") as told:
        open_vault(str(file)).unseal(stranger.seal(b"secret"))
    assert (told.value.kind, told.value.blame) == ("sealing", "ours")


def test_a_vault_shows_nothing() -> None:
    key = Fernet.generate_key().decode()
    assert repr(Vault(f"{key},{key}")) == "<Vault>"
    assert key not in str(Vault(key))
