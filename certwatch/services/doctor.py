"""Is certwatch itself well? Each examination says so, or what to do.

What touches the network is handed in as functions that say how it went in a sentence or raise
UpstreamError; so the journey here is the same for tests, the command and the web.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from certwatch.core.model import Certificate
from certwatch.errors import CertwatchError, UpstreamError
from certwatch.ports import Clock

LEAST_FREE = 500 * 1024**2  # bytes: room for a backup and for a year of a small inventory
LARGEST_SKEW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One examination: ``ok`` is None where there was nothing to examine or no way to tell."""

    name: str
    ok: bool | None
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What is examined.

    ``settings_file`` is None when only defaults and the environment are in force; ``secrets`` are
    the keys in it that hold one. ``database_file`` is None for PostgreSQL. ``check_database`` and
    ``has_acme_domains`` raise StoreError, ``check_renewing`` (the sealing key, the place of
    certificates, the hook) SettingsError, ``roots`` SettingsError, every ``ask_...`` UpstreamError.
    ``ask_nameservers`` gives the trouble by nameserver, "" for none; ``ask_ca`` the
    time by the CA's clock. ``ask_mail`` and ``ask_chat`` are None when they are not set up;
    ``has_webhook`` is a chat that can only be posted to.
    """

    clock: Clock
    settings_file: Path | None
    secrets: Sequence[str]
    database_file: Path | None
    check_database: Callable[[], str]
    has_acme_domains: Callable[[], bool]
    check_renewing: Callable[[], str]
    roots: Callable[[], Sequence[Certificate]]
    has_ipv6: Callable[[], bool]
    ask_nameservers: Callable[[], Awaitable[Mapping[str, str]]]
    ask_ca: Callable[[], Awaitable[datetime | None]]
    ask_mail: Callable[[], Awaitable[str]] | None
    ask_chat: Callable[[], Awaitable[str]] | None
    has_webhook: bool


async def doctor(patient: Patient) -> list[Diagnosis]:
    """Examine everything, the network all at once; failures are diagnoses, never exceptions."""
    database, renewing, dns, ca, clock, mail, chat = await asyncio.gather(
        asyncio.to_thread(_database, patient),
        asyncio.to_thread(_renewing, patient),
        *(ask(patient) for ask in (_dns, _ca, _clock, _mail, _chat)),
    )
    here = _settings(patient), _permissions(patient), database, _roots(patient)
    return [*here, dns, ca, renewing, clock, _ipv6(patient), mail, chat]


def _settings(patient: Patient) -> Diagnosis:
    file = patient.settings_file
    source = f"read from {file}" if file else "no settings file: defaults and the environment"
    return Diagnosis("settings", True, source)


def _permissions(patient: Patient) -> Diagnosis:
    """Whether others could read a secret or change the database."""
    name, file, database = "file permissions", patient.settings_file, patient.database_file
    if file and patient.secrets and _mode(file) & stat.S_IROTH:
        keys = ", ".join(patient.secrets)
        return Diagnosis(name, False, f"everybody can read {file} ({keys})", f"chmod 600 {file}")
    if database and _mode(database) & stat.S_IWOTH:
        return Diagnosis(name, False, f"everybody can change {database}", f"chmod o-w {database}")
    return Diagnosis(name, True, "secrets and the database are closed to others")


def _mode(file: Path) -> int:
    try:
        return file.stat().st_mode
    except OSError:
        return 0


def _database(patient: Patient) -> Diagnosis:
    file = patient.database_file
    try:
        message = patient.check_database()
    except CertwatchError as error:
        return Diagnosis("database", False, str(error), "mend this first: nothing can be stored")
    if file is None:
        return Diagnosis("database", True, message)
    if not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
        remedy = "give the user that runs certwatch the right to write the file and its folder"
        return Diagnosis("database", False, f"{file} or its folder cannot be written", remedy)
    free = shutil.disk_usage(file.parent).free
    space = f"{free / 1024**3:.1f} GB are free beside {file}"
    if free < LEAST_FREE:
        return Diagnosis("database", False, f"only {space}", "free some space on this disk")
    return Diagnosis("database", True, f"{message}; {space}")


def _roots(patient: Patient) -> Diagnosis:
    """The trusted roots, and which of them ends next."""
    try:
        roots, now = patient.roots(), patient.clock.now()
    except CertwatchError as error:
        return Diagnosis("trust roots", False, str(error), "mend or empty probe.trust_roots")
    alive = sorted((root for root in roots if root.not_after > now), key=lambda r: r.not_after)
    if not alive:
        remedy = "name a PEM file of current roots in probe.trust_roots, or leave it empty"
        return Diagnosis("trust roots", False, f"none of {len(roots)} is valid now", remedy)
    first = alive[0]
    ended = f", {len(roots) - len(alive)} have ended" if len(roots) > len(alive) else ""
    message = f"valid roots: {len(alive)}{ended}; the next to end is {first.subject}"
    return Diagnosis("trust roots", True, f"{message} on {first.not_after:%Y-%m-%d}")


async def _dns(patient: Patient) -> Diagnosis:
    troubles = await patient.ask_nameservers()
    if not troubles:
        return Diagnosis("DNS", False, "this machine has no nameserver", "set dns.nameservers")
    failed = {server: trouble for server, trouble in troubles.items() if trouble}
    if not failed:
        verb = "answers" if len(troubles) == 1 else "answer"
        return Diagnosis("DNS", True, f"{', '.join(troubles)} {verb}")
    message = "; ".join(f"{server}: {trouble}" for server, trouble in failed.items())
    remedy = (
        "take it out of dns.nameservers (or /etc/resolv.conf), or let UDP and TCP through to it"
    )
    return Diagnosis("DNS", False, message, remedy)


async def _ca(patient: Patient) -> Diagnosis:
    try:
        if not await asyncio.to_thread(patient.has_acme_domains):
            return Diagnosis("CA", None, "not needed: no domain is in mode acme")
        await patient.ask_ca()
    except UpstreamError as error:
        return Diagnosis("CA", False, str(error), error.remedy)
    except CertwatchError:
        return Diagnosis(
            "CA", None, "the inventory cannot be read, so it is unknown if one is needed"
        )
    return Diagnosis("CA", True, "its ACME directory answers")


def _renewing(patient: Patient) -> Diagnosis:
    """Whether a new certificate could be sealed and put in place."""
    try:
        if not patient.has_acme_domains():
            return Diagnosis("renewing", None, "not needed: no domain is in mode acme")
    except CertwatchError:
        return Diagnosis("renewing", None, "the inventory cannot be read")
    try:
        return Diagnosis("renewing", True, patient.check_renewing())
    except CertwatchError as error:
        return Diagnosis("renewing", False, str(error), "mend this: no certificate can be renewed")


async def _clock(patient: Patient) -> Diagnosis:
    """Our clock against that of the CA, whose answer names the second."""
    asked_at = patient.clock.now()
    try:
        theirs = await patient.ask_ca()
    except UpstreamError:
        theirs = None
    if theirs is None:
        return Diagnosis("clock", None, "could not compare: no time came from the CA")
    answered_at = patient.clock.now()
    offset = asked_at + (answered_at - asked_at) / 2 - theirs
    seconds = round(offset.total_seconds())
    if abs(offset) > LARGEST_SKEW:
        side = "ahead of" if seconds > 0 else "behind"
        message = f"{abs(seconds)} seconds {side} the CA's clock"
        return Diagnosis("clock", False, message, "set the clock, and keep it set by NTP")
    return Diagnosis("clock", True, f"within {max(abs(seconds), 1)} s of the CA's clock")


def _ipv6(patient: Patient) -> Diagnosis:
    if patient.has_ipv6():
        return Diagnosis("IPv6", True, "there is a route")
    return Diagnosis(
        "IPv6", None, "no route: AAAA addresses of domains cannot be looked at from here"
    )


async def _mail(patient: Patient) -> Diagnosis:
    return await _asked("mail", patient.ask_mail)


async def _chat(patient: Patient) -> Diagnosis:
    if patient.ask_chat is None and patient.has_webhook:
        return Diagnosis("chat", None, "a webhook cannot be tested without posting to it")
    return await _asked("chat", patient.ask_chat)


async def _asked(name: str, ask: Callable[[], Awaitable[str]] | None) -> Diagnosis:
    if ask is None:
        return Diagnosis(name, None, "not set up")
    try:
        return Diagnosis(name, True, await ask())
    except UpstreamError as error:
        return Diagnosis(name, False, str(error), error.remedy)
