"""Claims of processes that died: free at once where the death is known, else after their lease."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from sqlalchemy import update

from certwatch.core.renewal import Step
from certwatch.store import open_store, owners, queue
from certwatch.store.engine import writing
from certwatch.store.ledger import Rules
from certwatch.store.renewal_tables import renewals
from tests.store.renewing import claim, claimed, queued, yes
from tests.store.values import at

CLAIM_AND_SAY_SO = """
import sys
from certwatch.store import open_store
from tests.store.renewing import claim
with open_store(sys.argv[1]) as store:
    print(claim(store, store.open_renewals()[0]).fence, flush=True)
    sys.stdin.read()
"""
LINUX = pytest.mark.skipif(not owners.this_process(), reason="only Linux tells who is alive")


@contextmanager
def other_process(url):
    """Another process that has claimed the only renewal."""
    command = [sys.executable, "-c", CLAIM_AND_SAY_SO, url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout
            assert other.stdout.readline() == "1\n"
            yield other
        finally:
            other.kill()


def claimed_by(store, owner):
    """A renewal with a lease, claimed by somebody of that name."""
    renewal = claimed(store)
    with writing(store._engine) as connection:
        connection.execute(update(renewals).values(owner=owner))
    return renewal


@LINUX
def test_the_claim_of_a_killed_process_is_free_at_once(url):
    with open_store(url) as store:
        waiting = queued(store)
        with other_process(url) as other:
            assert claim(store, waiting) is None
            other.kill()
            other.wait()
            taken = claim(store, waiting, 0.5)
        assert (taken.step, taken.fence) == (Step.RESERVED, 2)


@LINUX
def test_a_killed_process_that_nobody_has_waited_for_is_dead_too(url):
    with open_store(url) as store:
        waiting = queued(store)
        with other_process(url) as other:
            other.kill()
            os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
            assert claim(store, waiting, 0.5).fence == 2


@LINUX
def test_a_process_that_follows_under_the_same_pid_does_not_keep_the_claim(store):
    mine = owners.this_process()
    claimed_by(store, f"{mine}0")  # another start time
    assert claim(store, store.open_renewals()[0], 0.5).fence == 2


@pytest.mark.parametrize(
    "change", ["", "elsewhere {owner}", "{owner} more", "other {rest}", "{place} none 1", "x"]
)
def test_in_doubt_the_lease_decides(store, change):
    owner = "host boot pid:[1] 999999999 1"
    rest = owner.partition(" ")[2]
    claimed_by(store, change.format(owner=owner, rest=rest, place="host boot pid:[1]"))
    waiting = store.open_renewals()[0]
    assert claim(store, waiting, 0.5) is None
    assert claim(store, waiting, 1).fence == 2


def test_somebody_elses_process_is_alive_though_we_may_not_signal_it(monkeypatch):
    def forbidden(pid, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert not owners.is_dead(owners.this_process())


def test_without_proc_nobody_is_known_to_be_dead(monkeypatch, tmp_path):
    dead = f"{owners.this_process()}0"
    monkeypatch.setattr(owners, "_PROC", tmp_path)
    assert owners.this_process() == ""
    assert not owners.is_dead(dead)


def test_who_is_taken_for_dead_but_has_just_extended_the_lease_keeps_the_claim(store, monkeypatch):
    mine = claimed(store)

    def wakes_up(owner):
        longer = update(renewals).values(lease_until=at(3))
        connection.execute(longer)
        return True

    monkeypatch.setattr(owners, "is_dead", wakes_up)
    with writing(store._engine) as connection:
        again = queue.claim(connection, Rules(), mine.id, at(0.5), at(1.5), yes)
    assert again is None
    assert store.open_renewals()[0].fence == mine.fence
