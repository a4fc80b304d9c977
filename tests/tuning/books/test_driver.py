"""A driver is only taken for dead where that is certain."""

import os
import subprocess
import sys
import time

import pytest

from tuning.books.driver import DRIVER, Heartbeat, is_at_work, is_surely_dead
from tuning.store import Store


def named(process: int) -> str:
    namespace, _, secret = DRIVER.split(" ")
    return f"{namespace} {process} {secret}"


def test_a_process_that_ended_here_is_dead_and_this_one_is_not():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_surely_dead(named(ended.pid))
    assert not is_surely_dead(DRIVER) and not is_surely_dead(named(os.getppid()))


def test_of_another_machine_or_nobody_nothing_is_known():
    assert not is_surely_dead(None)
    assert not is_surely_dead("other/boot/pid:[1] 999999 abc")
    assert not is_surely_dead("nonsense")


def test_a_heart_beats_until_the_study_is_let_go_of(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Heartbeat, "SECONDS", 0.05)
    store.update_study("s", driver=DRIVER, heartbeat_at=None)
    heartbeat = Heartbeat(store, "s")
    heartbeat.begin()
    while store.study("s")["heartbeat_at"] is None:
        time.sleep(0.01)
    heartbeat.end()
    assert (store.study("s")["driver"], store.study("s")["heartbeat_at"]) == (None, None)
    assert not heartbeat.was_taken_over


def test_a_heart_notices_that_another_driver_has_the_study_and_leaves_it_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Heartbeat, "SECONDS", 0.05)
    store.update_study("s", driver="another")
    heartbeat = Heartbeat(store, "s")
    heartbeat.begin()
    while not heartbeat.was_taken_over:
        time.sleep(0.01)
    heartbeat.end()
    assert store.study("s")["driver"] == "another"


def test_a_driver_that_was_killed_is_told_from_one_that_lives(store: Store, monkeypatch: pytest.MonkeyPatch):
    store.update_study("s", driver=None, heartbeat_at=None)
    assert not is_at_work(store, "s")
    assert store.claim_study("s", "other/boot/pid:[1] 999999 abc", silent_seconds=30)
    began = time.monotonic()
    assert not is_at_work(store, "s", live_seconds=1.5), "nothing was heard of it any more"
    assert time.monotonic() - began >= 1
    monkeypatch.setattr(Heartbeat, "SECONDS", 0.05)
    heartbeat = Heartbeat(store, "s", "other/boot/pid:[1] 999999 abc")
    heartbeat.begin()
    assert is_at_work(store, "s")
    heartbeat.end()
    assert not is_at_work(store, "s")
