"""A real search with `--pruner racing`, and its replay."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from search_process import ROOT, agreeing_trials, epochs_of, search, search_command, url

from tuning.schema import COMPLETE, INVALID, PRUNED
from tuning.store import Store
from tuning.user_ranks import ranks_from_bytes

pytestmark = pytest.mark.whole_path


def test_a_race_stops_trials_and_its_replay_gives_the_same_verdicts(tiny_root: Path, tmp_path: Path):
    command = search_command(tiny_root, tmp_path)
    flags = ("--set", "learning_rate=0.01", "--pruner", "racing", "--alpha", "0.9")
    done = search(command, *flags, "--trials", "5", "--epochs", "25", "--concurrency", "1")
    assert done.returncode == 0, done.stderr
    trials = agreeing_trials(tmp_path)
    ran = trials[trials["reason"] != INVALID]
    assert set(ran["state"]) <= {COMPLETE, PRUNED} and ran["pruned_epoch"].notna().any()
    with Store.open(url(tmp_path), read_only=True) as store:
        ranks = store.user_ranks(ran["trial_id"].tolist())
    assert len(ranks) == len(epochs_of(tmp_path))
    assert all(len(ranks_from_bytes(one)) == 60 for one in ranks["ranks"])

    command = [
        sys.executable,
        str(ROOT / "tuning" / "replay.py"),
        "--study",
        "study",
        "--store",
        url(tmp_path),
        "--json",
    ]
    replayed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert replayed.returncode == 0, replayed.stderr
    agreement = json.loads(replayed.stdout)["agreement"]
    assert agreement["same"] == agreement["of"] == len(ran)
