"""A driver is only taken for dead where that is certain."""

import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from tuning.books.driver import DRIVER, Heartbeat, claim, is_at_work, is_surely_dead
from tuning.errors import SearchError
from tuning.store import LIVE_SECONDS, Store, now


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
    assert store.claim_study("s", "other/boot/pid:[1] 999999 abc", store.heartbeat("s"))
    began = time.monotonic()
    assert not is_at_work(store, "s", live_seconds=1.5), "nothing was heard of it any more"
    assert time.monotonic() - began >= 1
    monkeypatch.setattr(Heartbeat, "SECONDS", 0.05)
    heartbeat = Heartbeat(store, "s", "other/boot/pid:[1] 999999 abc")
    heartbeat.begin()
    assert is_at_work(store, "s")
    heartbeat.end()
    assert not is_at_work(store, "s")


OTHER = "other/boot/pid:[1] 999999 abc"


@pytest.mark.parametrize("minutes", [-2, -60, 2, 9])
def test_a_driver_on_a_machine_whose_clock_is_wrong_is_left_alone_while_it_lives(
    store: Store, monkeypatch: pytest.MonkeyPatch, minutes: int
):
    def beat(_: float = 0) -> None:
        store.update_study("s", driver=OTHER, heartbeat_at=now() - timedelta(minutes=minutes))

    beat()
    monkeypatch.setattr("tuning.books.driver.time.sleep", beat)
    assert is_at_work(store, "s")
    with pytest.raises(SearchError, match="study 's' has a driver at work, whose heart beats"):
        claim(store, "s", DRIVER)
    assert store.study("s")["driver"] == OTHER


@pytest.mark.parametrize("minutes", [-60, 2])
def test_a_dead_driver_whose_clock_was_wrong_is_waited_for_and_no_longer(store: Store, minutes: int):
    store.update_study("s", driver=OTHER, heartbeat_at=now() - timedelta(minutes=minutes))
    began = time.monotonic()
    claim(store, "s", DRIVER, live_seconds=1.0)
    assert 0.9 <= time.monotonic() - began < 10
    assert store.study("s")["driver"] == DRIVER


def test_a_beat_at_the_last_moment_wins(store: Store, monkeypatch: pytest.MonkeyPatch):
    store.update_study("s", driver=OTHER, heartbeat_at=now())
    claim_study = store.claim_study

    def after_a_beat(*arguments) -> bool:
        store.beat("s", OTHER)
        return claim_study(*arguments)

    monkeypatch.setattr(store, "claim_study", after_a_beat)
    with pytest.raises(SearchError, match="has a driver at work"):
        claim(store, "s", DRIVER, live_seconds=0.1)
    assert store.study("s")["driver"] == OTHER


def test_a_machine_that_was_suspended_asks_whose_the_study_is(store: Store, monkeypatch: pytest.MonkeyPatch):
    heartbeat = Heartbeat(store, "s", "mine")
    heartbeat.renew_after_silence()
    assert not heartbeat.was_taken_over, "it has been silent for a moment only"
    awake = time.time() + LIVE_SECONDS
    monkeypatch.setattr("tuning.books.driver.time.time", lambda: awake)
    heartbeat.renew_after_silence()
    assert heartbeat.was_taken_over
