"""What holds for every test: no network beyond loopback, no silent skips on CI, stable examples."""

import ipaddress
import os
import socket
import sys
from typing import Any, TypeVar

import pytest
from hypothesis import settings

pytest_plugins = ["tests.postgres"]

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

CI = os.environ.get("CI") == "true"

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("quick", deadline=None, max_examples=5)
settings.load_profile("ci" if CI else "dev")


def _stay_home(event: str, args: tuple[Any, ...]) -> None:
    """Fail a test that sends anything beyond loopback through a Python socket."""
    if event not in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        return
    sock, address = args
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or address is None:
        return
    try:
        home = ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        home = address[0] == "localhost"
    if not home:
        pytest.fail(f"{event} to {address[0]}: tests stay on loopback")


sys.addaudithook(_stay_home)


def _refuse_skip(report: Report) -> Report:
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=true forbids: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Any:
    """On CI a skipped test is a failed one: what it needs can be installed there."""
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Any:
    """The same for whole files that skip themselves."""
    return _refuse_skip((yield))
