"""Before the first look: help, init, settings."""

import stat
import tomllib

import pytest

COMMANDS = [
    ["init"],
    *(["domains", name] for name in ("add", "import", "list", "show", "remove", "export")),
    ["scan"],
    ["inspect"],
    ["report"],
    ["advise"],
    ["doctor"],
    *(["db", name] for name in ("upgrade", "check", "backup")),
    ["demo"],
]
NEED_A_DATABASE = [
    ["domains", "list"],
    ["domains", "export"],
    ["scan"],
    ["report"],
    ["advise", "click.brand.com"],
    ["db", "check"],
    ["db", "backup", "copy.db"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(house, command):
    assert "--help" in house(*command, "--help").out


def test_the_version_is_shown(house):
    assert house("--version").out.startswith("certwatch ")


def test_init_writes_settings_and_a_database_once(house):
    first = house("init")
    assert "certwatch.toml" in first.out
    assert "certwatch domains add" in first.out
    settings = house.folder / "certwatch.toml"
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert {"store", "dns", "probe"} <= tomllib.loads(settings.read_text()).keys()
    settings.write_text("[probe]\nconcurrency = 7  # mine\n")
    house("domains", "add", "click.brand.com")
    house("init")
    assert settings.read_text() == "[probe]\nconcurrency = 7  # mine\n"
    assert "click.brand.com" in house("domains", "list").out


def test_init_where_it_cannot_write(house):
    assert "no/such.toml" in house("--config", "no/such.toml", "init", code=3).err


@pytest.mark.parametrize("command", NEED_A_DATABASE, ids=" ".join)
def test_what_needs_a_database_names_init(house, command):
    assert "certwatch init" in house(*command, code=3).err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[probe]\ntimout = '3s'\n", ["certwatch.toml", "timout", "timeout"]),
        ("[probe]\nconcurrency = 'many'\n", ["certwatch.toml", "concurrency", "integer"]),
        ("[dns]\ntimeout = '3'\n", ["timeout", "90s"]),
        ("[checks.severity]\nexpird = 'mute'\n", ["expird", "expired"]),
        ("[probe\n", ["certwatch.toml", "TOML"]),
    ],
)
def test_wrong_settings_name_file_key_and_what_is_allowed(house, text, told):
    (house.folder / "certwatch.toml").write_text(text)
    err = house("domains", "list", code=2).err
    assert all(part in err for part in told), err


def test_a_settings_file_that_is_named_must_exist(house):
    assert "none.toml" in house("--config", "none.toml", "scan", code=2).err


def test_a_wrong_variable_is_named(house):
    house.env["CERTWATCH_PROBE__HTTPS_PORT"] = "0"
    assert "CERTWATCH_PROBE__HTTPS_PORT" in house("scan", code=2).err


def test_a_bad_option_is_wrong_usage(house):
    assert "--fail-on" in house("scan", "--fail-on", "sometimes", code=2).err
