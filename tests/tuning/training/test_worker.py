"""What a worker's process may use and holds; in processes of their own, since the limits are a process's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tuning.training.worker import thread_limits

ROOT = Path(__file__).resolve().parents[3]
HOLES = """
import threading
from tuning.training.worker import forget_trial, resident_bytes

def trial():
    blocks = [b"x" * 50_000 for _ in range(6_000)]
    kept.append(blocks[::300])  # holes between what is kept: the heap cannot shrink from its end

kept = []
thread = threading.Thread(target=trial)
thread.start()
thread.join()
before = resident_bytes()
forget_trial()
print((before - resident_bytes()) / 1e6)
"""


def run(script: str, **environment: str) -> str:
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_library_is_kept_to_the_cores_of_a_trial():
    assert thread_limits(3).keys() >= {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}
    assert set(thread_limits(3).values()) == {"3"}


def test_limits_hold_against_the_environment_for_libraries_loaded_before_and_after():
    script = (
        "import json, numpy\n"
        "from tuning.training.worker import limit_threads, import_ahead, thread_counts\n"
        "limit_threads(1)\n"
        "import_ahead()\n"
        "print(json.dumps(thread_counts()))"
    )
    counts = json.loads(run(script, OMP_NUM_THREADS="7", OPENBLAS_NUM_THREADS="7"))
    assert counts.keys() >= {"torch", "torch between operations", "arrow", "openmp"}
    assert set(counts.values()) == {1}


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
def test_what_a_trial_freed_goes_back_to_the_system_though_its_heap_has_holes():
    assert float(run(HOLES)) > 200  # of 300 MB
