"""``certwatch edge render nginx``: what is asked of the renderer, and where the text goes."""

from pathlib import Path
from typing import Any

import certifi
import pytest
from typer.testing import CliRunner

from certwatch.cli import edge
from certwatch.cli.session import Session
from certwatch.core.model import Mode, TrackingDomain

runner = CliRunner()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    file = tmp_path / "certwatch.toml"
    file.write_text(
        f'[store]\nurl = "sqlite:///{tmp_path}/x.db"\n'
        '[dns]\nnameservers = ["127.0.0.1:5353"]\n'
        "[probe]\nhttp_port = 8080\nhttps_port = 8443\n"
        f'[deploy]\ndirectory = "{tmp_path}/certs"\n'
    )
    session = Session(config=file)
    session.app.upgrade_store()
    rows = [
        TrackingDomain(name="a.brand.com", mode=Mode.ACME, provider="sparkpost"),
        TrackingDomain(name="b.brand.com", mode=Mode.ACME),
        TrackingDomain(name="c.brand.com", mode=Mode.CDN),
    ]
    session.store.import_all(rows, session.app.clock.now(), prune=False, dry_run=False)
    return session


def run(session: Session, *arguments: str) -> Any:
    try:
        return runner.invoke(edge.app, ["render", "nginx", *arguments], obj=session)
    finally:
        session.close()


def test_the_configuration_goes_to_stdout_and_notices_to_stderr(session: Session) -> None:
    done = run(session)
    assert done.exit_code == 0, done.output
    assert "server_name a.brand.com;" in done.stdout
    assert "b.brand.com" not in done.stdout
    assert "c.brand.com" not in done.stdout
    assert "resolver 127.0.0.1:5353;" in done.stdout
    assert "listen [::]:8443 ssl;" in done.stdout
    assert "listen 0.0.0.0:8080;" in done.stdout
    assert "Strict-Transport-Security" not in done.stdout
    system = Path("/etc/ssl/certs/ca-certificates.crt")
    roots = system if system.is_file() else Path(certifi.where())
    assert f"proxy_ssl_trusted_certificate {roots};" in done.stdout.replace('"', "")
    assert "no origin is known: b.brand.com (1 domain)" in done.stderr


def test_roots_of_the_settings_win_and_certifis_come_last(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certwatch.app.edge._SYSTEM_ROOTS", str(tmp_path / "none.crt"))
    assert certifi.where() in run(session).stdout
    monkeypatch.setenv("CERTWATCH_PROBE__TRUST_ROOTS", str(tmp_path / "own.pem"))
    assert f"{tmp_path}/own.pem" in run(Session(config=tmp_path / "certwatch.toml")).stdout


def test_options_win_over_settings(session: Session, tmp_path: Path) -> None:
    options = ["--resolver", "192.0.2.53", "--resolver", "[::1]:5300", "--listen", "[::1]"]
    done = run(session, *options, "--user", "certwatch", "--hsts", "600", "--out", f"{tmp_path}/n")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    text = (tmp_path / "n").read_text()
    assert "resolver 192.0.2.53:53 [::1]:5300;" in text
    assert "listen [::1]:8443 ssl;" in text
    assert "0.0.0.0" not in text
    assert "\nuser certwatch;" in text
    assert "max-age=600" in text


@pytest.mark.parametrize(
    "options",
    [
        ["--resolver", "ns.test"],
        ["--resolver", "1.1.1.1; x"],
        ["--listen", "127.0.0.1:80"],
        ["--hsts", "-1"],
        ["--user", "a b"],
    ],
)
def test_a_wrong_option_is_wrong_usage(session: Session, options: list[str]) -> None:
    done = run(session, *options)
    code = getattr(done.exception, "exit_code", done.exit_code)
    assert code == 2
    assert done.stdout == ""
