"""Files that are written whole: what was there stays until the new one is complete."""

import os
import stat
import threading
from pathlib import Path

import pytest

from certwatch.cli.files import whole_file
from certwatch.cli.report import write_whole
from certwatch.errors import CertwatchError


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    """An umask that differs from this process's own."""
    before = os.umask(0o027)
    yield
    os.umask(before)


def write(path, text="new"):
    with whole_file(path) as file:
        file.write(text)


def test_a_new_file_has_the_permissions_of_the_umask(tmp_path, umask):
    write(tmp_path / "new")
    assert mode(tmp_path / "new") == 0o640


def test_a_replaced_file_keeps_its_permissions(tmp_path, umask):
    old = tmp_path / "old"
    old.write_text("old")
    old.chmod(0o604)
    write(old)
    assert (old.read_text(), mode(old)) == ("new", 0o604)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link, dangling = tmp_path / "folder" / "a", tmp_path / "link", tmp_path / "dangling"
    target.write_text("old")
    link.symlink_to(target)
    dangling.symlink_to(tmp_path / "folder" / "b")
    write(link)
    write(dangling)
    assert link.is_symlink()
    assert dangling.is_symlink()
    assert target.read_text() == dangling.read_text() == "new"


def test_a_pipe_is_written_to(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write(pipe)
    reader.join(10)
    assert read == ["new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, error):
    def parts():
        yield "half"
        raise error

    file = tmp_path / "report"
    file.write_text("old")
    with pytest.raises((CertwatchError, KeyboardInterrupt)) as caught:
        write_whole(file, parts())
    if isinstance(caught.value, CertwatchError):
        assert str(caught.value) == f"{file} cannot be written (No space left on device)"
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["none/x", "file/x", "x" * 300, "."])
def test_a_place_that_cannot_be_written_is_named(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(CertwatchError, match="cannot be written"):
        write(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_device_says_so():
    with pytest.raises(CertwatchError, match=r"/dev/full cannot be written \(No space left"):
        write_whole(Path("/dev/full"), ["text"])
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
