"""The whole machinery of a search at work on trials that train nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.whole_path
def test_every_trial_of_a_stub_is_told_alike_and_the_best_is_found():
    command = [sys.executable, str(ROOT / "benchmarks" / "machinery.py"), "--trials", "40", "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400, check=False)
    line = json.loads(done.stdout)
    values = {check["name"]: check["ratio"] for check in line["checks"]}
    assert values["trials that the store and Optuna tell differently"] == 0, line["facts"]["differences"]
    assert values["trials missing"] == 0
    assert values["another trial than the best was found best"] == 0
    assert 10 <= values["models kept"] <= 11
    assert line["facts"]["rows"]["metric"] > 40 * 10
