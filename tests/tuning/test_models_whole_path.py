"""A baseline's way through search, dashboard and finalisation, as a user goes it."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from search_process import ROOT, agreeing_trials, search, search_command, url

import athwe
from tuning.schema import COMPLETE
from tuning.store import Store

pytestmark = pytest.mark.whole_path


@pytest.mark.parametrize(("model", "trials", "looks"), [("HM4SR", 2, 2), ("Popularity", 1, 2)])
def test_a_baseline_is_searched_and_finalised(tiny_root: Path, tmp_path: Path, model: str, trials: int, looks: int):
    command = [*search_command(tiny_root, tmp_path), "--model", model]
    place = command.index("--search-space")
    del command[place : place + 2]  # the model's own
    done = search(command, "--trials", str(trials), "--epochs", "2", "--concurrency", "1", "--json")
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert line["counts"]["COMPLETE"] == trials and bool(line["params"]) == (model == "HM4SR")
    rows = agreeing_trials(tmp_path)
    assert rows["state"].tolist() == [COMPLETE] * trials
    assert pd.read_parquet(tmp_path / "study" / "recommendations" / "study.0.parquet")["items"].map(len).min() > 0
    kept = athwe.load(tmp_path / "study" / "models" / "study.0")
    assert type(kept.model).__name__ == model and len(kept.recommend(["i1"], [1_400_000_000], k=3)) == 3

    finalize = [sys.executable, "tuning/finalize.py", "--study", "study", "--store", url(tmp_path), "--json"]
    flags = ["--top", "1", "--seeds", str(looks), "--concurrency", "1"]
    final = subprocess.run([*finalize, *flags], cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    assert final.returncode == 0, final.stderr
    values = json.loads(final.stdout)["trials"][0]["metrics"]["test/ndcg@10"]["values"]
    assert len(values) == looks and (len(set(values)) == 1) == (model == "Popularity")
    with Store.open(url(tmp_path), read_only=True) as store:
        study = store.study("study") or {}
    assert study["spec"]["config"]["model"] == model
