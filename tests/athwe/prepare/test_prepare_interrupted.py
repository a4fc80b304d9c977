"""A run that is killed, interrupted or overtaken writes nothing and loses nothing."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

import pytest
from raw_files import old_reviews

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def waiting(tmp_path):
    """Start the command in a process of its own; gives it, writing and waiting for more reviews, and their pipe."""
    started = []

    def start(*more: str) -> tuple[subprocess.Popen, TextIO]:
        pipe = tmp_path / f"reviews{len(started)}"
        os.mkfifo(pipe)
        command = [sys.executable, "-m", "athwe.prepare", "amazon", "--reviews", str(pipe), "--core", "2", *more]
        command += ["--name", "made", "--output", str(tmp_path / "data"), "--config-folder", str(tmp_path / "config")]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        writer = pipe.open("w")  # waits until the command reads
        writer.write("".join(f"{line}\n" for line in old_reviews()))
        writer.flush()
        deadline = time.monotonic() + 60
        while not list((tmp_path / "data").glob(".made.*.tmp")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        started.append((process, writer))
        return process, writer

    yield start
    for process, writer in started:
        process.kill()
        process.communicate()
        writer.close()


def test_a_killed_run_leaves_the_old_data_set_and_can_be_repeated(waiting, run, flags, content, tmp_path):
    run(*flags)
    before = content(tmp_path / "data" / "made")
    process, _ = waiting("--overwrite")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert content(tmp_path / "data" / "made") == before
    assert run(*flags, "--overwrite").code == 0
    assert content(tmp_path / "data" / "made").keys() == before.keys()


def interrupted(process: subprocess.Popen) -> str:
    """Press Ctrl-C until it ends: one that comes just before a read of an empty pipe is noticed by the next only."""
    for _ in range(6):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=10)[1]
    raise AssertionError("six interruptions did not end it")


def test_an_interrupted_run_leaves_nothing_and_says_so(waiting, tmp_path):
    process, _ = waiting()
    errors = interrupted(process)
    assert process.returncode == 130 and errors.startswith("stopped; ") and errors.count("\n") == 1
    assert list((tmp_path / "data").iterdir()) == [] and not (tmp_path / "config").exists()


def test_a_data_set_that_appeared_meanwhile_is_not_written_over(waiting, run, flags, content, tmp_path):
    process, writer = waiting()
    run(*flags)
    before = content(tmp_path / "data" / "made")
    writer.close()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2 and "exists already" in errors and content(tmp_path / "data" / "made") == before
