"""Commands on a study whose store is in a folder, in processes of their own as a user starts them."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def command(script: str, folder: Path, *flags: str) -> list[str]:
    """One of the scripts of `tuning/`."""
    store = f"sqlite:///{folder}/store.db"
    return [sys.executable, str(ROOT / "tuning" / script), "--study", "study", "--store", store, *flags]


def started(line: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it did not get that far"
        time.sleep(0.05)


def cut_off(process: subprocess.Popen[str], by: signal.Signals, once: Callable[[], object]) -> int:
    """End a command by a signal as soon as `once` is true; gives its exit code."""
    try:
        wait_for(once, process)
        process.send_signal(by)
        return process.wait(timeout=60)
    finally:
        process.kill()
