"""What every command line does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(
    "command", [["-m", "athwe.data", "demo"], ["tuning/studies.py", "list", "--store", "sqlite:////nöwhere/a.db"]]
)
def test_a_terminal_that_lacks_our_characters_ends_no_command(command: list[str], encoding: str, tmp_path: Path):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "ATHWE_DATASET_ROOT": str(tmp_path)}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, check=False)
    is_error = "--store" in command
    assert done.returncode == (2 if is_error else 0), done.stderr
    assert b"Traceback" not in done.stderr
    assert (done.stderr if is_error else done.stdout).decode(encoding)
