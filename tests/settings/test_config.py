"""Settings: where they come from, who wins, and what a wrong one says."""

from datetime import timedelta
from pathlib import Path

import pytest

from certwatch.config import load_settings
from certwatch.errors import SettingsError


def write(folder: Path, text: str) -> Path:
    file = folder / "certwatch.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_a_file_the_defaults_hold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = load_settings(environ={})
    assert settings.store.url.get_secret_value() == "sqlite:///certwatch.db"
    assert settings.probe.timeout == timedelta(seconds=10)
    assert settings.budget.certificates == 20


def test_the_file_in_this_folder_is_read(tmp_path, monkeypatch):
    write(tmp_path, '[dns]\nnameservers = ["127.0.0.1:5353", "[::1]:54", "192.0.2.1"]\n')
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}).dns.nameservers == (
        ("127.0.0.1", 5353),
        ("::1", 54),
        ("192.0.2.1", 53),
    )


def test_the_environment_wins_over_the_file(tmp_path):
    file = write(tmp_path, '[probe]\ntimeout = "9s"\nconcurrency = 7\n')
    settings = load_settings(file, {"CERTWATCH_PROBE__TIMEOUT": "2s"})
    assert settings.probe.timeout == timedelta(seconds=2)
    assert settings.probe.concurrency == 7


@pytest.mark.parametrize("text", ["R3, E5", '["R3", "E5"]'])
def test_a_list_in_the_environment_is_commas_or_json(text):
    settings = load_settings(environ={"CERTWATCH_PROBE__ACCEPT_CA": text})
    assert settings.probe.accept_ca == ("R3", "E5")


def test_a_secret_comes_from_a_file_of_its_own_and_never_shows(tmp_path):
    (tmp_path / "token").write_text("xoxb-very-secret\n")
    settings = load_settings(environ={"CERTWATCH_SLACK__TOKEN_FILE": str(tmp_path / "token")})
    assert settings.slack.token.get_secret_value() == "xoxb-very-secret"
    assert "very-secret" not in repr(settings)


def test_a_file_that_ends_in_file_is_only_special_for_secrets():
    with pytest.raises(SettingsError, match=r"CERTWATCH_PROBE__TIMEOUT_FILE: unknown setting"):
        load_settings(environ={"CERTWATCH_PROBE__TIMEOUT_FILE": "x"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[probe]\ntimeut = '3s'", r"certwatch\.toml: \[probe\] timeut: unknown setting; allowed"),
        ("[bogus]", r"certwatch\.toml: bogus: unknown setting; allowed here: acme, budget"),
        ("[probe]\ntimeout = '3 parsecs'", r"\[probe\] timeout: '3 parsecs' is not a duration"),
        ("[probe]\ntimeout = '0s'", r"\[probe\] timeout: must be longer than nothing"),
        ("[probe]\nhttps_port = 70000", r"\[probe\] https_port: must be less than or equal to"),
        ("[dns]\nnameservers = ['dns.example']", r"'dns\.example' is not ADDRESS:PORT"),
        ("[dns]\nnameservers = ['127.0.0.1:x']", r"has no port from 1 to 65535"),
        ("[web]\nlisten = '127.0.0.1'", r"lacks a port"),
        ("[[checks.rules]]\ncheck = 'expired'\nseverity = 'high'", r"must be 'critical', "),
        ("[probe", r"certwatch\.toml: not valid TOML"),
        ("probe = 3", r"certwatch\.toml: probe: must be"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(tmp_path, text, message):
    with pytest.raises(SettingsError, match=message):
        load_settings(write(tmp_path, text), {})


def test_a_wrong_variable_is_named_not_the_file(tmp_path):
    file = write(tmp_path, "[probe]\nconcurrency = 5\n")
    with pytest.raises(SettingsError, match=r"^CERTWATCH_PROBE__CONCURRENCY: must be"):
        load_settings(file, {"CERTWATCH_PROBE__CONCURRENCY": "many"})
    with pytest.raises(SettingsError, match=r"^CERTWATCH_PROB__X: unknown setting"):
        load_settings(file, {"CERTWATCH_PROB__X": "1"})


def test_a_wrong_secret_is_not_repeated(tmp_path):
    file = write(tmp_path, '[slack]\ntoken = ["xoxb-oops"]\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {})
    assert "xoxb-oops" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        f"[probe]\nconcurrency = {'9' * 5000}",
        '[dns]\nnameservers = [["127.0.0.1", 99999]]',
        '[web]\nlisten = ["127.0.0.1", 1]',
    ],
    ids=["deep", "long", "pairs", "pair"],
)
def test_what_no_settings_file_should_hold(tmp_path, text):
    with pytest.raises(SettingsError, match=r"certwatch\.toml: "):
        load_settings(write(tmp_path, text), {})


def test_a_list_in_the_environment_that_is_none():
    with pytest.raises(SettingsError, match=r"^CERTWATCH_DNS__NAMESERVERS: must be a list"):
        load_settings(environ={"CERTWATCH_DNS__NAMESERVERS": "[" * 50_000})


def test_one_underscore_is_told_from_two():
    with pytest.raises(SettingsError, match="did you mean CERTWATCH_PROBE__TIMEOUT"):
        load_settings(environ={"CERTWATCH_PROBE_TIMEOUT": "5s"})
    load_settings(environ={"CERTWATCH_COMMAND": "certwatch", "CERTWATCH_HOME": "/srv"})


def test_several_secrets_stand_on_lines_of_a_file(tmp_path):
    (tmp_path / "tokens").write_text("one two\nthree\n")
    settings = load_settings(environ={"CERTWATCH_WEB__TOKENS_FILE": str(tmp_path / "tokens")})
    assert [token.get_secret_value() for token in settings.web.tokens] == ["one two", "three"]


def test_a_comma_in_a_secret_of_a_file_does_not_split_it(tmp_path):
    (tmp_path / "tokens").write_text("one,two\nthree\n")
    settings = load_settings(environ={"CERTWATCH_WEB__TOKENS_FILE": str(tmp_path / "tokens")})
    assert [token.get_secret_value() for token in settings.web.tokens] == ["one,two", "three"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CERTWATCH_PROBE_HTTPS_PORT", "CERTWATCH_PROBE__HTTPS_PORT"),
        ("CERTWATCH_SLACK_TOKEN_FILE", "CERTWATCH_SLACK__TOKEN_FILE"),
        ("CERTWATCH_PROVIDERS_MAILGUN_API_KEY", "CERTWATCH_PROVIDERS__MAILGUN__API_KEY"),
    ],
)
def test_too_few_underscores_are_pointed_out(name, meant):
    with pytest.raises(SettingsError, match=rf"did you mean {meant}\?"):
        load_settings(environ={name: "1"})


@pytest.mark.parametrize("key", ["trust_roots", "contact"])
def test_a_nul_character_names_no_file_or_host(tmp_path, key):
    file = tmp_path / "certwatch.toml"
    file.write_text(f"[probe]\n{key} = 'a\\u0000b'\n".replace("'", '"'))
    with pytest.raises(SettingsError, match=rf"\[probe\] {key}: must not hold a NUL character"):
        load_settings(file, {})


def test_a_number_without_end_is_an_error(tmp_path):
    file = tmp_path / "certwatch.toml"
    file.write_text("[probe]\nhttps_port = " + "9" * 5000)
    with pytest.raises(SettingsError, match=r"a number in it has too many digits"):
        load_settings(file, {})


def test_a_missing_file_that_was_named_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="no such settings file"):
        load_settings(tmp_path / "absent.toml", {})
    with pytest.raises(SettingsError, match="no such settings file"):
        load_settings(environ={"CERTWATCH_CONFIG": str(tmp_path / "absent.toml")})


def test_a_file_that_is_not_text_is_an_error(tmp_path):
    file = tmp_path / "certwatch.toml"
    file.write_bytes(b"\xff\xfe[probe]")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_settings(file, {})


@pytest.mark.parametrize("key", ["directory", "fallback", "rehearsal"])
@pytest.mark.parametrize(
    "url",
    [
        "ftp://ca.test/directory",
        "letsencrypt",
        "https://",
        "https://:443/directory",
        "https://ca.test:99999/directory",
        "https://user:hush@ca.test/directory",
        "https://ca.test/a b",
        "http://ca.test/directory",
        "http://192.0.2.1/directory",
        "http://[::1/directory",
    ],
)
def test_a_ca_is_named_by_an_https_url(tmp_path, key, url):
    file = write(tmp_path, f'[acme]\n{key} = "{url}"\n')
    with pytest.raises(SettingsError, match=rf"\[acme\] {key}: must be an https URL") as caught:
        load_settings(file, {})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://ca.test:14000/dir",
        "http://localhost:4001/acme/directory",
        "http://127.0.0.2/directory",
        "http://[::1]:80/directory",
    ],
)
def test_a_ca_on_this_machine_may_speak_http(tmp_path, url):
    assert (
        load_settings(write(tmp_path, f'[acme]\ndirectory = "{url}"\n'), {}).acme.directory == url
    )


def test_a_second_ca_may_be_left_out_but_not_the_first(tmp_path):
    load_settings(write(tmp_path, '[acme]\nfallback = ""\nrehearsal = ""\n'), {})
    with pytest.raises(SettingsError, match=r"directory: must be an https URL"):
        load_settings(write(tmp_path, '[acme]\ndirectory = ""\n'), {})


def test_a_budget_that_no_memory_holds_is_a_wrong_setting(tmp_path):
    text = "[budget]\ncertificates = {}\n"
    with pytest.raises(SettingsError, match="certificates: must be less than or equal to 1000000"):
        load_settings(write(tmp_path, text.format(1_000_001)), {})
    load_settings(write(tmp_path, text.format(1_000_000)), {})
