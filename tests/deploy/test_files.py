"""Certificates as files: replaced as one, whatever happens half-way."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from certwatch.core.renewal import Blame
from certwatch.deploy.files import FileDeployer
from certwatch.deploy.hook import Hook
from certwatch.errors import RenewalError
from tests.deploy import crashes
from tests.deploy.crashes import NAME, deploy, pem, seen, whole
from tests.probes.authority import Issued, issue, root

HOUSE = Path(__file__).parents[2]


def fresh() -> Issued:
    return issue(NAME, root())


def versions(directory: Path) -> list[str]:
    return sorted(p.name for p in (directory / ".versions" / NAME).iterdir() if p.is_dir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "some" / "certs"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_four_files_stand_behind_one_link(directory: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        deploy(directory, one := fresh())
    finally:
        os.umask(before)
    assert seen(directory) == whole(one)
    link = directory / NAME
    assert not link.readlink().is_absolute()
    assert link.readlink().name.endswith(one.parsed.serial)
    assert mode(link / "privkey.pem") == 0o600
    assert {mode(link / f"{name}.pem") for name in ("cert", "chain", "fullchain")} == {0o644}
    folders = (link.resolve(), link.resolve().parent, directory / ".versions", directory)
    assert {mode(folder) for folder in folders} == {0o755}


def test_the_directory_may_be_moved_as_a_whole(directory: Path) -> None:
    deploy(directory, one := fresh())
    moved = directory.rename(directory.with_name("elsewhere"))
    assert seen(moved) == whole(one)


def test_a_leaf_alone_has_an_empty_chain(directory: Path) -> None:
    one = fresh()
    deployer = FileDeployer(directory, keep=0, unseal=bytes)
    deployer.deploy(NAME, key=b"k", chain=pem(one), certificate=one.parsed)
    assert seen(directory)["chain"] == ""
    assert seen(directory)["fullchain"] == seen(directory)["cert"] == pem(one)


def test_a_new_certificate_replaces_the_old_one_and_as_many_as_wished_are_kept(directory):
    for _ in range(5):
        deploy(directory, last := fresh(), keep=2)
        assert seen(directory) == whole(last)
    assert len(versions(directory)) == 3
    deploy(directory, last, keep=0)
    assert versions(directory) == [(directory / NAME).readlink().name]


def test_the_same_certificate_again_changes_nothing(directory: Path) -> None:
    deploy(directory, one := fresh())
    link = (directory / NAME).lstat().st_ino
    inodes = {path: path.stat().st_ino for path in (directory / NAME).iterdir()}
    deploy(directory, one)
    assert (directory / NAME).lstat().st_ino == link
    assert {path: path.stat().st_ino for path in (directory / NAME).iterdir()} == inodes


@pytest.mark.parametrize("damage", ["privkey.pem", "chain.pem"])
def test_a_damaged_version_is_written_anew_beside_it(directory: Path, damage: str) -> None:
    deploy(directory, one := fresh())
    (directory / NAME / damage).write_text("")
    deploy(directory, one)
    assert seen(directory) == whole(one)
    (directory / NAME / damage).unlink()
    deploy(directory, one)
    assert seen(directory) == whole(one)


def test_the_way_back_to_an_older_certificate_is_open(directory: Path) -> None:
    deploy(directory, old := fresh())
    deploy(directory, fresh())
    deploy(directory, old)
    assert seen(directory) == whole(old)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.mkdir(),
        lambda path: path.write_text("x"),
        lambda path: path.symlink_to("/etc/letsencrypt/live/x"),
    ],
)
def test_what_somebody_else_put_there_is_never_replaced(directory, make) -> None:
    directory.mkdir(parents=True)
    make(directory / NAME)
    with pytest.raises(RenewalError, match="certwatch did not make") as caught:
        deploy(directory, fresh())
    assert (caught.value.kind, caught.value.blame) == ("deploy", Blame.OURS)
    assert "move" in caught.value.remedy
    assert not (directory / NAME / "cert.pem").exists()


@pytest.mark.parametrize(
    "name",
    ["../x", "a/b", "/etc", "..", ".", "", "a\0b", "A.test", "*.a.test", ".versions", "a.b\n"],
)
def test_no_name_leads_out_of_the_directory(directory: Path, name: str) -> None:
    one = fresh()
    with pytest.raises(RenewalError, match="no domain name"):
        FileDeployer(directory, keep=0, unseal=bytes).deploy(
            name, key=b"k", chain=pem(one), certificate=one.parsed
        )
    assert not directory.parent.exists()


def test_a_chain_without_certificate_is_refused_before_anything_is_touched(directory):
    with pytest.raises(RenewalError, match="no certificate in the chain"):
        FileDeployer(directory, keep=0, unseal=bytes).deploy(
            NAME, key=b"k", chain="", certificate=fresh().parsed
        )
    assert not directory.exists()


def test_a_kill_at_any_step_leaves_the_old_or_the_new_whole(directory: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", crashes.__name__, str(directory)],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 15  # there were as many steps to die at
    assert [p.name for p in directory.rglob(".new-*")] == []


FAILING = ("mkdir", "open", "fsync", "fchmod", "chmod", "rename", "replace", "symlink")


def attempt(directory: Path, issued: Issued) -> RenewalError | None:
    try:
        deploy(directory, issued)
    except RenewalError as error:
        return error
    return None


@pytest.mark.parametrize("call", FAILING)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_failure_of_any_call_leaves_the_old_one_whole(monkeypatch, directory, call, number):
    deploy(directory, old := fresh())
    real: Callable[..., Any] = getattr(os, call)
    failures = 0
    for nth in count(1):
        new, calls = fresh(), count(1)

        def failing(*args: Any, nth: int = nth, calls: Any = calls, **options: Any) -> Any:
            if next(calls) == nth:
                raise OSError(number, os.strerror(number), "there")
            return real(*args, **options)

        with monkeypatch.context() as patched:
            patched.setattr(os, call, failing)
            error = attempt(directory, new)
        if error is not None:
            failures += 1
            assert (error.kind, error.blame) == ("deploy", Blame.OURS)
            assert os.strerror(number) in str(error)
            assert "key of" not in str(error)
        assert seen(directory) in ((whole(old), whole(new)) if error else (whole(new),))
        old = new if seen(directory) == whole(new) else old
        if next(calls) <= nth:  # it is not called that often
            break
    assert failures


LIMITED = """
import resource, sys
from pathlib import Path
from certwatch.errors import RenewalError
from tests.deploy.crashes import NAME, deploy
from tests.probes.authority import issue, root

fresh = issue(NAME, root())
resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900))  # room for the leaf, not for the chain
try:
    deploy(Path(sys.argv[1]), fresh)
except RenewalError as error:
    print(error, error.remedy)
"""


def test_when_the_disk_takes_no_more_half_way_nothing_is_left_of_it(directory: Path) -> None:
    deploy(directory, old := fresh())
    command = [sys.executable, "-c", LIMITED, str(directory)]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, timeout=60)
    assert "cannot be put in place" in done.stdout, done.stderr
    assert "File too large" in done.stdout
    assert "tried again by itself" in done.stdout
    assert seen(directory) == whole(old)
    assert versions(directory) == [(directory / NAME).readlink().name]


def test_a_file_where_the_directory_should_be_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RenewalError, match=r"file: (File exists|Not a directory)"):
        deploy(blocked / "certs", fresh())


def test_readers_never_see_a_mixture(directory: Path) -> None:
    certificates = [fresh() for _ in range(40)]
    good = [whole(one) for one in certificates]
    deploy(directory, certificates[0])
    over, wrong = threading.Event(), []

    def read() -> None:
        while not over.is_set():
            folder = os.open(directory / NAME, os.O_RDONLY | os.O_DIRECTORY)
            try:
                texts = {}
                for name in good[0]:
                    file = os.open(f"{name}.pem", os.O_RDONLY, dir_fd=folder)
                    with open(file) as opened:
                        texts[name] = opened.read()
            except FileNotFoundError:
                continue  # read so slowly that the version was pruned
            finally:
                os.close(folder)
            if texts not in good:
                wrong.append(texts)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for one in certificates[1:]:
            deploy(directory, one, keep=3)
    finally:
        over.set()
        reader.join()
    assert not wrong


def test_two_at_once_take_turns(directory: Path) -> None:
    certificates = [fresh() for _ in range(16)]
    threads = [threading.Thread(target=deploy, args=(directory, one)) for one in certificates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen(directory) in [whole(one) for one in certificates]
    assert len(versions(directory)) == 2


def test_a_deployment_waits_for_one_in_another_process(directory: Path) -> None:
    deploy(directory, old := fresh())
    new = fresh()
    with open(directory / ".versions" / NAME / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(target=deploy, args=(directory, new))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        assert seen(directory) == whole(old)
    waiting.join(30)
    assert seen(directory) == whole(new)


def test_a_key_that_cannot_be_opened_changes_nothing(directory: Path) -> None:
    def sealed(_: bytes) -> bytes:
        raise RenewalError("sealed", kind="sealed", blame=Blame.OURS, remedy="find the key")

    one = fresh()
    with pytest.raises(RenewalError, match="sealed"):
        FileDeployer(directory, keep=0, unseal=sealed).deploy(
            NAME, key=b"k", chain=pem(one), certificate=one.parsed
        )
    assert not directory.exists()


def test_the_hook_runs_once_per_deployment_with_the_paths(directory: Path, tmp_path: Path) -> None:
    line = f"""sh -c 'cat "$CERTWATCH_FULLCHAIN" "$CERTWATCH_PRIVKEY" | wc -l >> {tmp_path}/ran;"""
    line += f" env > {tmp_path}/env'"
    one, hook = fresh(), Hook.parse(line, timedelta(seconds=30))
    deployer = FileDeployer(directory, keep=1, unseal=bytes, hook=hook)
    for _ in range(2):
        deployer.deploy(NAME, key=b"k\n", chain=pem(one), certificate=one.parsed)
    assert len((tmp_path / "ran").read_text().splitlines()) == 2
    environment = dict(
        line.split("=", 1)
        for line in (tmp_path / "env").read_text().splitlines()
        if line.startswith("CERTWATCH_")
    )
    folder = directory / NAME
    assert environment == {
        "CERTWATCH_DOMAIN": NAME,
        "CERTWATCH_SERIAL": one.parsed.serial,
        "CERTWATCH_NOT_AFTER": f"{one.parsed.not_after:%Y-%m-%dT%H:%M:%SZ}",
        "CERTWATCH_DIRECTORY": str(folder),
        "CERTWATCH_PRIVKEY": str(folder / "privkey.pem"),
        "CERTWATCH_CERT": str(folder / "cert.pem"),
        "CERTWATCH_CHAIN": str(folder / "chain.pem"),
        "CERTWATCH_FULLCHAIN": str(folder / "fullchain.pem"),
    }


def test_a_failing_hook_leaves_the_certificate_in_place(directory: Path) -> None:
    one, hook = fresh(), Hook.parse("false", timedelta(seconds=30))
    deployer = FileDeployer(directory, keep=1, unseal=bytes, hook=hook)
    with pytest.raises(RenewalError, match="is in place, but"):
        deployer.deploy(NAME, key=b"k", chain=pem(one), certificate=one.parsed)
    assert seen(directory)["cert"] == pem(one)


@pytest.mark.parametrize("place", [".versions", f".versions/{NAME}"])
def test_a_link_in_place_of_our_folder_costs_nobody_his_files(directory, tmp_path, place) -> None:
    """Who may write to the directory must not have folders elsewhere deleted by certwatch."""
    home = tmp_path / "home"
    for n in range(3):
        (home / NAME / f"2026010{n}T000000Z-0a").mkdir(parents=True)
    (directory / place).parent.mkdir(parents=True)
    (directory / place).symlink_to(home if place == ".versions" else home / NAME)
    before = sorted(home.rglob("*"))
    with pytest.raises(RenewalError, match="is a link that certwatch did not make") as caught:
        deploy(directory, fresh(), keep=0)
    assert (caught.value.kind, caught.value.blame) == ("deploy", Blame.OURS)
    assert f"move {directory / place} away" in caught.value.remedy
    assert sorted(home.rglob("*")) == before


def test_what_is_no_version_of_ours_is_left_alone(directory: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "project").mkdir(parents=True)
    versions = directory / ".versions" / NAME
    (versions / "backup-of-the-old-key").mkdir(parents=True)
    for name in ("20260101T000000Z-0a", ".new-0a"):
        (versions / name).symlink_to(home)
    (versions / "20260102T000000Z-0b.2").mkdir()
    deploy(directory, one := fresh(), keep=0)
    assert seen(directory) == whole(one)
    assert (home / "project").is_dir()
    assert (versions / "backup-of-the-old-key").is_dir()
    assert not (versions / "20260102T000000Z-0b.2").exists()


def test_a_lock_that_is_a_link_is_not_followed(directory: Path, tmp_path: Path) -> None:
    (directory / ".versions" / NAME).mkdir(parents=True)
    (directory / ".versions" / NAME / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RenewalError, match="cannot be put in place"):
        deploy(directory, fresh())
    assert not (tmp_path / "elsewhere").exists()
