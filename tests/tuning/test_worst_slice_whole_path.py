"""Real searches that have the worst slice of users as an objective, and as a limit."""

import json
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from search_process import ROOT, search, search_command, url

from tuning.schema import COMPLETE, OVER_LIMIT, PRUNED
from tuning.store import Store

pytestmark = pytest.mark.whole_path

WORST = "valid/worst_ndcg@10"
FLAGS = ("--epochs", "3", "--pruner", "none", "--concurrency", "1", "--set", "learning_rate=0.005")


def test_the_worst_slice_is_an_objective_that_a_resumed_search_goes_on_with(tiny_root: Path, tmp_path: Path):
    command = search_command(tiny_root, tmp_path)
    for flags in (("--trials", "2", "--also-maximize", "worst_slice", "--sampler", "nsga2"), ("--extend", "1")):
        study = flags if flags[0] == "--trials" else ("--study", "study", "--store", url(tmp_path), *flags)
        done = search(command if flags[0] == "--trials" else command[:2], *study, *(FLAGS if study == flags else ()))
        assert done.returncode == 0, done.stderr
    with Store.open(url(tmp_path), read_only=True) as store:
        assert store.objectives("study") == {"valid/ndcg@10": "maximize", WORST: "maximize"}
        values, trials = store.values("study"), store.trials("study")
        worst = store.metrics(trials["trial_id"].tolist(), "valid", ["worst_ndcg@10"])
    complete = trials[trials["state"] == COMPLETE]
    assert len(complete) == 3
    best = complete.set_index("trial_id")["best_epoch"]
    at_best = worst[worst["epoch"] == worst["trial_id"].map(best)].set_index("trial_id")["value"]
    stored = values[values["name"] == WORST].set_index("trial_id")["value"]
    assert stored.to_dict() == at_best.to_dict()
    told = {trial.number: trial.values for trial in optuna.load_study(storage=url(tmp_path), study_name="study").trials}
    for row in complete.itertuples():
        assert told[row.number] == [row.value, stored[row.trial_id]]

    code = [sys.executable, str(ROOT / "tuning" / "slices.py"), "--study", "study", "--store", url(tmp_path), "--json"]
    printed = subprocess.run([*code, "--trials", "0"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert printed.returncode == 0, printed.stderr
    assert json.loads(printed.stdout)


def test_a_trial_below_the_limit_is_infeasible(tiny_root: Path, tmp_path: Path):
    done = search(search_command(tiny_root, tmp_path), *FLAGS, "--trials", "2", "--least-worst-slice", "1")
    assert done.returncode in (0, 1), done.stderr
    with Store.open(url(tmp_path), read_only=True) as store:
        trials = store.trials("study")
    ended = trials[trials["state"] == PRUNED]
    assert set(ended["reason"]) == {OVER_LIMIT} and len(ended) >= 2, "nobody has every target first in three epochs"
    assert (ended["value"] > 0).all(), "each came to its end and has its value all the same"
    for trial in optuna.load_study(storage=url(tmp_path), study_name="study").trials:
        if trial.user_attrs.get("reason") == OVER_LIMIT:
            assert trial.constraints["worst_slice"] > 0
