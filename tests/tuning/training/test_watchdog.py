"""A process that takes too long ends itself and says what it was doing."""

import subprocess
import sys
from pathlib import Path

from tuning.training.watchdog import stacks, watched

ROOT = Path(__file__).resolve().parents[3]
HANGS = """
import sys, time
from pathlib import Path
from tuning.training.watchdog import watched
def turns_in_circles():
    while True:
        time.sleep(0.01)
with watched(0.5, Path(sys.argv[1]).write_text):
    turns_in_circles()
"""


def test_what_hangs_ends_and_leaves_its_stacks(tmp_path: Path):
    left = tmp_path / "stacks"
    done = subprocess.run([sys.executable, "-c", HANGS, str(left)], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 70
    assert "turns_in_circles" in left.read_text()


def test_what_ends_in_time_is_left_alone():
    left: list[str] = []
    with watched(60, left.append):
        pass
    with watched(None, left.append):
        pass
    assert not left


def test_the_stacks_name_this_function():
    assert "test_the_stacks_name_this_function" in stacks()
