"""``doctor``: every examination when it is well, when it is not, and when it cannot be told."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from certwatch.errors import SettingsError, StoreError, UpstreamError
from certwatch.services import doctor as rooms
from certwatch.services.doctor import Patient, doctor
from tests.factories import NOW, certificate


class Clock:
    def now(self):
        return NOW


def says(result):
    """An asynchronous question with this answer, or this failure."""

    async def ask():
        if isinstance(result, Exception):
            raise result
        return result

    return ask


def gives(result):
    """The same for a plain function."""

    def ask():
        if isinstance(result, Exception):
            raise result
        return result

    return ask


BROKEN = UpstreamError("ca.test cannot be asked", "check acme.directory")


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    """All is well and everything is set up."""
    settings, database = tmp_path / "certwatch.toml", tmp_path / "certwatch.db"
    for file in (settings, database):
        file.touch(mode=0o600)
    return Patient(
        clock=Clock(),
        settings_file=settings,
        secrets=("slack.token",),
        database_file=database,
        check_database=gives("the database is sound"),
        has_acme_domains=gives(True),
        check_renewing=gives("keys can be sealed"),
        roots=gives((certificate(), certificate(subject="CN=Soon", not_after=NOW + timedelta(1)))),
        has_ipv6=gives(True),
        ask_nameservers=says({"127.0.0.1 port 53": ""}),
        ask_ca=says(NOW),
        ask_mail=says("logged in"),
        ask_chat=says("bot certwatch"),
        has_webhook=False,
    )


async def examine(patient: Patient, name: str):
    return next(each for each in await doctor(patient) if each.name == name)


async def test_a_healthy_certwatch_is_ok_everywhere(patient):
    diagnoses = await doctor(patient)
    assert [(each.name, each.ok) for each in diagnoses] == [
        (name, True)
        for name in (
            "settings", "file permissions", "database", "trust roots", "DNS", "CA", "renewing",
            "clock", "IPv6", "mail", "chat",
        )
    ]  # fmt: skip
    assert not any(each.remedy for each in diagnoses)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("database", {"check_database": gives(StoreError("no database"))}, "no database"),
        ("trust roots", {"roots": gives(SettingsError("no such file"))}, "no such file"),
        (
            "trust roots",
            {"roots": gives((certificate(not_after=NOW),))},
            "none of 1 is valid now",
        ),
        ("DNS", {"ask_nameservers": says({})}, "this machine has no nameserver"),
        (
            "DNS",
            {"ask_nameservers": says({"192.0.2.1 port 53": "no answer", "192.0.2.2 port 53": ""})},
            "192.0.2.1 port 53: no answer",
        ),
        ("CA", {"ask_ca": says(BROKEN)}, "ca.test cannot be asked"),
        ("renewing", {"check_renewing": gives(SettingsError("no key"))}, "no key"),
        ("clock", {"ask_ca": says(NOW - timedelta(minutes=10))}, "600 seconds ahead of"),
        ("clock", {"ask_ca": says(NOW + timedelta(minutes=2))}, "120 seconds behind"),
        ("mail", {"ask_mail": says(BROKEN)}, "ca.test cannot be asked"),
        ("chat", {"ask_chat": says(BROKEN)}, "ca.test cannot be asked"),
    ],
)
async def test_what_fails_says_what_to_do(patient, name, changes, message):
    diagnosis = await examine(replace(patient, **changes), name)
    assert diagnosis.ok is False
    assert message in diagnosis.message
    assert diagnosis.remedy


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("CA", {"has_acme_domains": gives(False), "ask_ca": says(BROKEN)}, "not needed"),
        ("renewing", {"has_acme_domains": gives(False)}, "not needed"),
        ("renewing", {"has_acme_domains": gives(StoreError("gone"))}, "cannot be read"),
        ("CA", {"has_acme_domains": gives(StoreError("gone"))}, "cannot be read"),
        ("clock", {"ask_ca": says(BROKEN)}, "could not compare"),
        ("clock", {"ask_ca": says(None)}, "could not compare"),
        ("IPv6", {"has_ipv6": gives(False)}, "no route"),
        ("mail", {"ask_mail": None}, "not set up"),
        ("chat", {"ask_chat": None}, "not set up"),
        ("chat", {"ask_chat": None, "has_webhook": True}, "without posting"),
    ],
)
async def test_what_is_not_there_is_neither_well_nor_ill(patient, name, changes, message):
    diagnosis = await examine(replace(patient, **changes), name)
    assert diagnosis.ok is None
    assert message in diagnosis.message


async def test_the_next_root_to_end_is_named(patient):
    assert (
        "valid roots: 2; the next to end is CN=Soon on 2026-06-02"
        in (await examine(patient, "trust roots")).message
    )


async def test_without_a_settings_file_defaults_are_in_force(patient):
    diagnosis = await examine(replace(patient, settings_file=None), "settings")
    assert "defaults and the environment" in diagnosis.message


async def test_a_secret_that_everybody_can_read_is_named_by_key_only(patient):
    assert patient.settings_file is not None
    patient.settings_file.chmod(0o644)
    diagnosis = await examine(patient, "file permissions")
    assert diagnosis.ok is False
    assert "(slack.token)" in diagnosis.message
    assert diagnosis.remedy == f"chmod 600 {patient.settings_file}"
    assert (await examine(replace(patient, secrets=()), "file permissions")).ok


async def test_a_database_that_everybody_can_change_is_a_fault(patient):
    assert patient.database_file is not None
    patient.database_file.chmod(0o666)
    assert (await examine(patient, "file permissions")).ok is False


async def test_a_database_that_cannot_be_written_is_a_fault(patient, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    diagnosis = await examine(patient, "database")
    assert (diagnosis.ok, "cannot be written" in diagnosis.message) == (False, True)


async def test_little_space_is_a_fault_before_it_is_none(patient, monkeypatch):
    monkeypatch.setattr(rooms, "LEAST_FREE", 1 << 62)
    diagnosis = await examine(patient, "database")
    assert diagnosis.ok is False
    assert diagnosis.message.startswith("only ")


async def test_postgresql_has_no_file_to_look_at(patient):
    assert (await examine(replace(patient, database_file=None), "database")).ok
