"""When the ground gives way: each failure a clear message, nothing lost, nothing half-written."""

import ctypes
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager

import pytest

from certwatch.lab.truth import Leaf

CROWD = 800
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  # linux/prctl.h, linux/capability.h


@pytest.fixture(scope="module")
def crowd(stage, tmp_path_factory):
    """An inventory of healthy domains, large enough to be caught in the middle."""
    names = [f"n{number}.crowd.test" for number in range(CROWD)]

    def serve():
        for name in names:
            stage.world.serve(name, Leaf())

    stage.play(serve)
    file = tmp_path_factory.mktemp("crowd") / "crowd.csv"
    file.write_text("\n".join(["domain", *names]))
    return file


def looked_at(folder):
    """How many domains have a stored look."""
    with closing(sqlite3.connect(folder / "certwatch.db", timeout=30)) as database:
        return database.execute("SELECT count(*) FROM domain_state").fetchone()[0]


def test_a_dead_resolver_is_our_fault_not_the_domains(lab, stage):
    lab("domains", "import", str(stage.world.folder / "inventory.csv"))
    dead = lab.but(CERTWATCH_DNS__NAMESERVERS="127.0.0.1:1", CERTWATCH_PROBE__CONCURRENCY="200")
    run = dead("scan", "--json", code=3)
    assert run.json["summary"]["unknown"] == run.json["summary"]["domains"] > 40
    assert [finding["check"] for finding in run.json["findings"]] == ["monitor_sick"]
    assert "resolver" in run.err
    assert "monitor_sick" not in {f["check"] for d in run.json["domains"] for f in d["findings"]}


def test_a_read_only_database(lab):
    lab("domains", "add", "click.aurora.test")
    with frozen(lab.folder):
        for command in (["scan"], ["domains", "add", "click.hazel.test"]):
            assert "read-only" in lab(*command, code=3, preexec_fn=obey_modes).err
    lab("db", "check")
    assert "click.aurora.test" in lab("domains", "list").out


@contextmanager
def frozen(folder):
    """Nothing in the folder may be written, nor created."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    try:
        yield
    finally:
        folder.chmod(0o755)
        for path in folder.iterdir():
            path.chmod(0o644)


def obey_modes():
    """In the child, before it runs: even root obeys file modes."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def test_two_sweeps_at_once(lab, stage, finish):
    lab("domains", "import", str(stage.world.folder / "inventory.csv"))
    both = [lab.start("scan", "--json") for _ in range(2)]
    first, second = (finish(process, 1).json for process in both)
    assert first["summary"]["domains"] == second["summary"]["domains"] == looked_at(lab.folder)
    lab("db", "check")
    shown = lab("domains", "show", "click.expired.test", "--json").json
    assert len(shown["certificates"]) == 1
    assert [finding["check"] for finding in shown["findings"]] == ["expired"]


def test_a_sweep_that_is_killed(lab, crowd):
    lab("domains", "import", str(crowd))
    sweep = lab.start("scan")
    deadline = time.monotonic() + 60
    while not looked_at(lab.folder) and time.monotonic() < deadline:
        time.sleep(0.01)
    sweep.send_signal(signal.SIGKILL)
    sweep.communicate()
    assert 0 < looked_at(lab.folder) < CROWD
    lab("db", "check")
    assert f"{CROWD} domains" in lab("scan").out
    assert looked_at(lab.folder) == CROWD


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_sweep_that_is_interrupted(lab, crowd, number, code):
    lab("domains", "import", str(crowd))
    sweep = lab.start("scan")
    while not looked_at(lab.folder):
        time.sleep(0.01)
    sweep.send_signal(number)
    _, err = sweep.communicate(timeout=30)
    assert sweep.returncode == code
    assert "interrupted" in err
    assert "kept" in err
    assert "Traceback" not in err
    lab("db", "check")


def test_a_database_that_is_deleted_under_a_sweep(lab, crowd, finish):
    lab("domains", "import", str(crowd))
    sweep = lab.start("scan")
    while not looked_at(lab.folder):
        time.sleep(0.01)
    (lab.folder / "certwatch.db").unlink()
    run = finish(sweep, 3)
    assert "certwatch.db was removed or replaced while in use" in run.err
    assert run.out == ""
    assert not (lab.folder / "certwatch.db").exists()


def test_a_full_disk(house, small_disk):
    full = house.but(CERTWATCH_STORE__URL=f"sqlite:///{small_disk}/certwatch.db")
    full("init")
    full("domains", "add", "click.brand.com")
    rows = [f"n{number}.{'x' * 60}.test" for number in range(20000)]
    (house.folder / "many.csv").write_text("\n".join(["domain", *rows]))
    err = full("domains", "import", "many.csv", code=3).err
    assert "full" in err
    full("db", "check")
    assert "click.brand.com" in full("domains", "list").out
    assert len(full("domains", "list").out.splitlines()) == 2


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk can only be mounted by root: run the tests as root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_reader_that_goes_away(lab, stage):
    lab("domains", "import", str(stage.world.folder / "inventory.csv"))
    with lab.start("domains", "export", "--format", "json") as listing:
        listing.stdout.close()
        assert listing.stderr.read() == ""
    assert listing.returncode in (0, 141)


def test_a_backup_is_a_whole_database(lab):
    lab("domains", "add", "click.aurora.test")
    lab("db", "upgrade")
    assert "copy.db" in lab("db", "backup", "copy.db").out
    assert "exists" in lab("db", "backup", "copy.db", code=3).err
    copy = lab.but(CERTWATCH_STORE__URL="sqlite:///copy.db")
    assert copy("db", "check", "--json").json["version"] == 1
    assert "click.aurora.test" in copy("domains", "list").out
