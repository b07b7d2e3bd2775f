"""The operator's command: what it gets, what is told of it, and how it ends."""

import os
import resource
import shlex
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from certwatch.core.renewal import Blame
from certwatch.deploy.hook import KEPT, Hook
from certwatch.errors import RenewalError, SettingsError

SOON, LONG = timedelta(seconds=1), timedelta(seconds=60)


def python(code: str, timeout: timedelta = LONG) -> Hook:
    hook = Hook.parse(shlex.join([sys.executable, "-c", code]), timeout)
    assert hook is not None
    return hook


def failure(hook: Hook, hidden: str = "") -> RenewalError:
    with pytest.raises(RenewalError) as caught:
        hook.run({}, hidden=hidden)
    assert (caught.value.kind, caught.value.blame) == ("deploy", Blame.OURS)
    return caught.value


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_command_line_is_split_but_no_shell_reads_it(tmp_path: Path) -> None:
    code = "import sys; open(sys.argv[1], 'w').write('|'.join(sys.argv[2:]))"
    line = f"{sys.executable} -c {shlex.quote(code)} {tmp_path}/x 'a b' $HOME ; rm * && x > y"
    hook = Hook.parse(line, LONG)
    assert hook is not None
    hook.run({})
    assert (tmp_path / "x").read_text() == "a b|$HOME|;|rm|*|&&|x|>|y"


def test_no_command_is_no_hook_and_an_open_quote_is_a_setting_to_mend() -> None:
    assert Hook.parse("  ", LONG) is None
    with pytest.raises(SettingsError, match=r"deploy\.hook.*No closing quotation"):
        Hook.parse("sh -c 'x", LONG)


def test_settings_and_their_secrets_are_not_handed_on(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CERTWATCH_ACME__EAB_HMAC_KEY", "hush-hush")
    monkeypatch.setenv("ODD", "kept")
    code = f"import os; open({str(tmp_path / 'x')!r}, 'w').write(repr(dict(os.environ)))"
    python(code).run({"CERTWATCH_DOMAIN": "a.test"})
    seen = (tmp_path / "x").read_text()
    assert "hush-hush" not in seen
    assert "EAB_HMAC" not in seen
    assert "'ODD': 'kept'" in seen
    assert "'CERTWATCH_DOMAIN': 'a.test'" in seen


def test_exit_code_and_the_end_of_the_output_are_told() -> None:
    error = failure(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"))
    assert "exit code 7" in str(error)
    assert "out" in str(error)
    assert "err" in str(error)
    assert "deploy.hook" in error.remedy


def test_a_signal_is_told() -> None:
    assert "signal 11" in str(failure(python("import os; os.kill(os.getpid(), 11)")))


def test_only_the_last_4_kb_are_kept_and_nothing_acts_on_a_terminal() -> None:
    error = failure(
        python("print('first'); print('x' * 79 * 1, end='\\n' * 1);"
               "[print('y' * 79) for _ in range(100_000)];"
               "print('\\x1b[31m\\u202elast'); raise SystemExit(1)")
    )  # fmt: skip
    assert "first" not in str(error)
    assert "last" in str(error)
    assert str(error).isprintable()
    assert len(str(error)) < KEPT + 500


def test_a_key_that_the_hook_prints_is_not_told() -> None:
    lines = ("-----BEGIN PRIVATE KEY-----", "MIGHAgEAMBMGByqGSM49", "secretsecret==")
    key = "\n".join([*lines, "-----END PRIVATE KEY-----", ""])
    error = failure(python(f"print({key!r}); print('set -x: ' + {key[28:48]!r}); exit('why')"), key)
    assert "secret" not in str(error)
    assert "MIGH" not in str(error)
    assert str(error).endswith("why")


@pytest.mark.parametrize("command", ["/nowhere/hook", "/etc/passwd", "/", "'a\0b'"])
def test_a_command_that_cannot_start_is_told(command: str) -> None:
    hook = Hook.parse(command, LONG)
    assert hook is not None
    assert "cannot be started" in str(failure(hook))


def test_after_the_timeout_everything_it_started_is_killed(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time, os;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}');"
        "print('so far', flush=True); time.sleep(60)"
    )
    before = time.monotonic()
    error = failure(python(code, timedelta(seconds=3)))
    assert time.monotonic() - before < 30
    assert "longer than 3 s" in str(error)
    assert "so far" in str(error)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    until = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(alive, pids))
    assert alive(os.getpid())


def test_a_hook_that_closes_its_output_is_still_waited_for() -> None:
    error = failure(python("import os, time; os.close(1); os.close(2); time.sleep(1); os._exit(3)"))
    assert "exit code 3" in str(error)


def test_what_it_leaves_running_with_its_output_open_holds_nobody_up(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)']);"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))"
    )
    before = time.monotonic()
    python(code).run({})
    assert time.monotonic() - before < 15
    os.kill(int((tmp_path / "pid").read_text()), 9)


def test_a_flood_of_output_does_not_block_it() -> None:
    python("import sys; [sys.stdout.write('z' * 65536) for _ in range(500)]").run({})


def test_a_process_with_many_open_files_may_have_a_hook() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2048:
        pytest.skip("this system allows fewer than 2048 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        assert "said" in str(failure(python("print('said'); exit(1)")))
    finally:
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_it_reads_nothing_of_our_input() -> None:
    python("import sys; assert sys.stdin.read() == ''").run({})
