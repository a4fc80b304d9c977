"""A search that is killed again and again, at any moment, loses nothing that was stored and comes to its end."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
from test_search_whole_path import ROOT, agreeing_trials, command, search, url  # noqa: F401

from tuning.schema import COMPLETE, FAIL, INVALID, PRUNED, STATES
from tuning.store import Store, StoreError

pytestmark = pytest.mark.whole_path

KILLS = int(os.environ.get("ATHWE_FAULT_KILLS", "2"))
"""The long form is ATHWE_FAULT_KILLS=10."""
TRIALS, EPOCHS = 2 * KILLS + 1, 50
"""Two trials are at work and a kill waits for one to end at most: the last trial is still there for the last kill."""
SEED = int(os.environ.get("ATHWE_FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


def snapshot(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The trials and all their epochs, as they are stored; empty before there is a study."""
    try:
        with Store.open(url(folder), read_only=True) as store:
            trials = store.trials("study")
            return trials.set_index("trial_id"), store.metrics(trials["trial_id"].tolist())
    except StoreError:
        return pd.DataFrame(), pd.DataFrame()


def ended(trials: pd.DataFrame) -> int:
    """How many of the trials that were asked for need no more work."""
    return 0 if trials.empty else int(trials["state"].isin([COMPLETE, PRUNED]).sum())


FLAGS = ["--trials", str(TRIALS), "--epochs", str(EPOCHS), "--set", f"stopping_step={EPOCHS}", "--concurrency", "2"]


def run_and_kill(command: list[str], folder: Path, after_seconds: float, is_first: bool) -> None:  # noqa: F811
    """Start or resume the search; kill it that long after it has stored something new, or earlier, as a trial ends."""
    flags = [*FLAGS, *([] if is_first else ["--resume"])]
    trials, metrics = snapshot(folder)
    log = (folder / "log").open("a")
    process = subprocess.Popen([*command, *flags], cwd=ROOT, stdout=log, stderr=log)
    deadline = time.monotonic() + 200
    while len(snapshot(folder)[1]) == len(metrics) and process.poll() is None:
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.05)
    moment = time.monotonic() + after_seconds
    while time.monotonic() < moment and ended(snapshot(folder)[0]) <= ended(trials):
        time.sleep(0.05)
    process.kill()
    assert process.wait() == -signal.SIGKILL, f"it ended before it was killed: {(folder / 'log').read_text()}"


def require_nothing_lost(before: tuple[pd.DataFrame, pd.DataFrame], after: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """What had ended is as it was, and every epoch of a trial cut off is one of the trial that goes on with it."""
    (trials, metrics), (later, later_metrics) = before, after
    if trials.empty:
        return
    ended = trials[trials["state"].isin(STATES[2:])]
    same = ["number", "state", "reason", "value", "best_epoch", "params", "ended_at", "error"]
    assert plain(ended[same]) == plain(later.loc[ended.index, same])
    of_ended = metrics[metrics["trial_id"].isin(ended.index)]
    kept = later_metrics[later_metrics["trial_id"].isin(ended.index)]
    key = ["trial_id", "epoch", "split", "name"]
    assert plain(of_ended.sort_values(key)) == plain(kept.sort_values(key))


def plain(frame: pd.DataFrame) -> list[dict]:
    """Rows as dicts in which what is missing is None, whatever type a column has got."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def values_by_epoch(metrics: pd.DataFrame, trial_id: str) -> dict[int, float]:
    mine = metrics[(metrics["trial_id"] == trial_id) & (metrics["name"] == "ndcg@10")]
    return dict(zip(mine["epoch"], mine["value"], strict=True))


def test_a_search_killed_at_random_moments_loses_nothing(command: list[str], tmp_path: Path):  # noqa: F811
    moments = random.Random(SEED)
    print(f"ATHWE_FAULT_SEED={SEED}")
    state = snapshot(tmp_path)
    for number in range(KILLS):
        run_and_kill(command, tmp_path, moments.uniform(0, 12), is_first=number == 0)
        before, state = state, snapshot(tmp_path)
        require_nothing_lost(before, state)
    done = search(command, *FLAGS, "--resume")
    assert done.returncode == 0, done.stderr
    final = snapshot(tmp_path)
    require_nothing_lost(state, final)

    trials = agreeing_trials(tmp_path)
    retried = trials["number"].isin(trials["retry_of"].dropna())
    counted = trials[~retried & (trials["reason"] != INVALID)]
    assert len(counted) == TRIALS and (counted["state"] != FAIL).all()
    assert not counted["params"].map(str).duplicated().any(), "a proposal ran twice"
    assert trials.loc[trials["number"] == 0, "params"].iloc[0] in counted["params"].tolist()
    for row in trials[retried].itertuples():
        again = trials[trials["retry_of"] == row.number]
        assert len(again) == 1, "a trial goes on under two numbers"
        earlier = values_by_epoch(final[1], row.trial_id)
        later = values_by_epoch(final[1], again["trial_id"].iloc[0])
        assert earlier.items() <= later.items(), "an epoch came out differently, or was lost"
