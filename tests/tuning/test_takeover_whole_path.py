"""A driver that was silent for too long finds its study taken over, and leaves it alone."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
from search_process import ROOT, agreeing_trials, epochs_of, search_command, url

from tuning.schema import COMPLETE
from tuning.store import Store

pytestmark = pytest.mark.whole_path


def wait_for(condition, process: subprocess.Popen, log: Path, seconds: float = 200) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def driver_of(folder: Path) -> str | None:
    with Store.open(url(folder), read_only=True) as store:
        return (store.study("study") or {})["driver"]


def test_a_driver_that_was_stopped_does_not_disturb_the_one_that_took_over(tiny_root: Path, tmp_path: Path):
    command = search_command(tiny_root, tmp_path)
    flags = ["--trials", "1", "--epochs", "400", "--concurrency", "1", "--pruner", "none"]
    flags += ["--set", "stopping_step=400"]
    logs = tmp_path / "first.log", tmp_path / "second.log"
    with logs[0].open("w") as output, logs[1].open("w") as other_output:
        first = subprocess.Popen([*command, *flags], cwd=ROOT, stdout=output, stderr=output)
        second = None
        try:
            wait_for(lambda: len(epochs_of(tmp_path)) >= 5, first, logs[0])
            first.send_signal(signal.SIGSTOP)
            before = driver_of(tmp_path)
            resume = [*command[:2], "--resume", "--study", "study", "--store", url(tmp_path)]
            second = subprocess.Popen(resume, cwd=ROOT, stdout=other_output, stderr=other_output)
            wait_for(lambda: driver_of(tmp_path) != before, second, logs[1])
            first.send_signal(signal.SIGCONT)
            assert first.wait(timeout=60) == 2, logs[0].read_text()
            assert second.wait(timeout=300) == 0, logs[1].read_text()
        finally:
            for process in filter(None, (first, second)):
                process.kill()
    assert "another driver has taken study 'study' over" in logs[0].read_text()
    trials = agreeing_trials(tmp_path)
    assert trials["state"].tolist()[1:] == [COMPLETE] and trials["retry_of"].tolist()[1:] == [0]
    with Store.open(url(tmp_path), read_only=True) as store:
        study = store.study("study") or {}
    assert study["ended_at"] is not None and study["driver"] is None
