"""The command as a process: streams that fail, and signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parents[2])
SLOW = """
import signal, sys, time
from pathlib import Path
from certwatch import cli
from certwatch.cli.files import whole_file

def slow():
    with whole_file(Path("report.html")) as file:
        file.write("half")
        print("writing", flush=True)
        time.sleep(30)

cli.app.command("slow")(slow)
sys.argv = ["certwatch", "slow"]
cli.main()
"""


@pytest.fixture
def environment():
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CERTWATCH_")}
    return kept | {"PYTHONPATH": ROOT}


@pytest.fixture
def shell(tmp_path, environment):
    """Run a shell line in which "$@" is the command."""

    def run(line):
        return subprocess.run(
            ["sh", "-c", line, "sh", sys.executable, "-m", "certwatch"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('"$@" init >/dev/full', "No space left on device"),
        ('"$@" --version >/dev/full', "No space left on device"),
        ('"$@" domains export --help >/dev/full', "No space left on device"),
        ('"$@" domains list >&-', "it is closed"),
    ],
)
def test_a_stdout_that_cannot_be_written(shell, line, why):
    run = shell(line)
    assert run.returncode == 3
    assert run.stderr.startswith(f"certwatch: stdout cannot be written ({why})")
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("number", "ignored", "code"),
    [(signal.SIGTERM, (), 143), (signal.SIGTERM, (signal.SIGINT,), 143), (signal.SIGINT, (), 130)],
)
def test_a_signal_ends_it_tidily(tmp_path, environment, number, ignored, code):
    def ignore():
        for each in ignored:
            signal.signal(each, signal.SIG_IGN)

    process = subprocess.Popen(
        [sys.executable, "-c", SLOW],
        cwd=tmp_path,
        env=environment,
        preexec_fn=ignore,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        began = time.monotonic()
        process.send_signal(number)
        assert process.communicate(timeout=20)[1] == "certwatch: interrupted\n"
    assert process.returncode == code
    assert time.monotonic() - began < 10
    assert list(tmp_path.iterdir()) == []


def test_settings_that_do_not_fit_on_the_disk_are_not_written(shell, tmp_path):
    run = shell('trap "" XFSZ; ulimit -f 1; "$@" init')
    assert run.returncode == 3
    assert "certwatch.toml cannot be written (File too large)" in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_does_not_fit_leaves_the_last_one(shell, tmp_path):
    shell('"$@" init')
    (tmp_path / "in.csv").write_text("domain\n" + "".join(f"d{n}.brand.com\n" for n in range(5000)))
    shell('"$@" domains import in.csv && "$@" domains export --out out.csv')
    before = (tmp_path / "out.csv").read_bytes()
    assert len(before.splitlines()) == 5001
    run = shell('trap "" XFSZ; ulimit -f 80; "$@" domains export --out out.csv')
    assert run.returncode == 3
    assert "out.csv cannot be written (File too large)" in run.stderr
    assert (tmp_path / "out.csv").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(("ignored", "code"), [(False, 130), (True, 0)])
def test_an_interrupt_while_modules_are_imported_is_quiet(tmp_path, environment, ignored, code):
    slow = 'print("importing", flush=True); input(); raise SystemExit(0)'
    (tmp_path / "typer.py").write_text(slow)  # found before the real one
    process = subprocess.Popen(
        [sys.executable, "-m", "certwatch", "--version"],
        cwd=tmp_path,
        env=environment,
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignored else None,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert process.communicate("\n", timeout=20)[1] == ""
    assert process.returncode == code
