"""Real searches: Ray, Optuna, training, store, in processes of their own as a user starts them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from search_process import ROOT, agreeing_trials, epochs_of, search, search_command, shares_at_work, url

import athwe
from tuning.schema import CANCELLED, COMPLETE, FAIL, INVALID, PRUNED, WORKER_LOST

pytestmark = pytest.mark.whole_path


@pytest.fixture
def command(tiny_root: Path, tmp_path: Path) -> list[str]:
    return search_command(tiny_root, tmp_path)


def interrupted(command: Sequence[str], *flags: str, folder: Path, after_epochs: int, by: signal.Signals) -> int:
    """Start a search, end it by a signal once so many epochs are stored, and give its exit code."""
    process = subprocess.Popen([*command, *flags], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while len(epochs_of(folder)) < after_epochs:
            assert process.poll() is None and time.monotonic() < deadline, "the search did not get that far"
            time.sleep(0.2)
        process.send_signal(by)
        return process.wait(timeout=60)
    finally:
        process.kill()


def test_a_search_trains_prunes_stores_and_says_so(command: list[str], tmp_path: Path):
    done = search(command, "--trials", "8", "--epochs", "16", "--concurrency", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    line = json.loads(done.stdout)
    for noise in ("Warning", "ray.", "[I ", "raylet", "INFO", "\x1b"):
        assert noise not in done.stderr

    trials = agreeing_trials(tmp_path)
    ran = trials[trials["reason"] != INVALID]
    assert len(ran) == 8 and set(ran["state"]) == {COMPLETE, PRUNED}
    assert line["counts"]["COMPLETE"] == (ran["state"] == COMPLETE).sum()
    best = ran[ran["state"] == COMPLETE].sort_values("value").iloc[-1]
    assert (line["best_trial"], line["value"], line["params"]) == (best["number"], best["value"], best["params"])
    assert trials["params"][0] == {"learning_rate": 0.001, "moe_topk": 6, "wavelet_J": 4}  # out of range, and kept
    epochs = epochs_of(tmp_path).groupby("trial_id").size()
    assert (epochs[ran[ran["state"] == COMPLETE]["trial_id"]] == 16).all()
    assert (epochs[ran[ran["state"] == PRUNED]["trial_id"]] < 16).all()
    assert epochs[ran["trial_id"].iloc[0]] == 16, "the configuration at hand was pruned"

    shares = shares_at_work(tmp_path)
    assert max(shares) == 2, f"two were asked for at once: {shares}"
    assert shares[2] > 0.5, f"mostly there were fewer at work: {shares}"
    check_files(tmp_path / "study", best["trial_id"])
    check_dashboard(url(tmp_path))


def check_files(storage: Path, trial_id: str) -> None:
    """What a trial and a study leave under the storage path."""
    recommendations = pq.read_table(storage / "recommendations" / f"{trial_id}.parquet")
    assert {"user", "target", "target_rank", "items"} <= set(recommendations.column_names)
    diagnostics = json.loads((storage / "diagnostics" / f"{trial_id}.json").read_text())
    assert "modality_weights" in diagnostics
    assert set(diagnostics["worker"]["threads"].values()) == {1}, "a trial of one core computes with more threads"
    assert diagnostics["worker"]["shares_data"], "the data set was copied into the worker"
    assert {path.name for path in storage.glob("data/*/*")} == {"items.parquet", "histories.parquet"}
    assert (
        len(athwe.load(storage / "models" / trial_id).recommend(["i1", "i2"], [1_400_000_000, 1_400_086_400], k=3)) == 3
    )


def check_dashboard(store_url: str) -> None:
    """Every view shows what the search wrote, in a process that knows nothing of the search."""
    script = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "pages = [{'view': view} for view in ('studies', 'compare', 'trial', 'evaluation', 'users')]\n"
        "sections = ('curves', 'parameters', 'slices', 'contour', 'pruner', 'difference')\n"
        "for chosen in [*pages, *({'view': 'compare', 'section': section} for section in sections)]:\n"
        "    app = AppTest.from_file(sys.argv[1], default_timeout=60)\n"
        "    app.query_params.update(chosen)\n"
        "    app.run()\n"
        "    assert not app.exception and not app.error and not app.warning, (chosen, app)\n"
        "    print(app.title[0].value)\n"
    )
    environment = {**os.environ, "ATHWE_STORE": store_url}
    command = [sys.executable, "-c", script, str(ROOT / "dashboard" / "page.py")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["Studies", "Compare", "Trial", "Evaluation", "Users", *["Compare"] * 6]


@pytest.mark.parametrize(("by", "reason"), [(signal.SIGKILL, WORKER_LOST), (signal.SIGINT, CANCELLED)])
def test_a_search_cut_off_goes_on_and_comes_to_the_same_end(
    command: list[str], tmp_path: Path, by: signal.Signals, reason: str
):
    flags = ["--trials", "2", "--epochs", "40", "--concurrency", "1", "--pruner", "none"]
    code = interrupted(command, *flags, folder=tmp_path, after_epochs=5, by=by)
    assert code == (130 if by == signal.SIGINT else -signal.SIGKILL)
    before = epochs_of(tmp_path)
    assert len(before) < 40, "the search was over too soon to be cut off"

    refused = search(command, *flags, "--set", "beta=0.3", "--resume")
    assert refused.returncode == 2 and "config.beta is 0.2 there and 0.3 here" in refused.stderr
    done = search(command[:2], "--resume", "--study", "study", "--store", url(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    trials = agreeing_trials(tmp_path)
    counted = trials[trials["state"] != FAIL]
    assert counted["state"].tolist() == [COMPLETE, COMPLETE]
    first, again = trials.iloc[0], counted.iloc[0]
    assert (first["state"], first["reason"], again["retry_of"]) == (FAIL, reason, 0)

    epochs = epochs_of(tmp_path)
    repeated = epochs[epochs["trial_id"] == again["trial_id"]].set_index("epoch")["value"]
    assert repeated.index.tolist() == list(range(1, 41))
    assert (repeated.loc[before["epoch"]].to_numpy() == before["value"].to_numpy()).all()


def test_a_search_all_of_whose_trials_fail_says_why_and_exits_with_1(command: list[str], tmp_path: Path):
    (tmp_path / "space.yaml").write_text(
        "space: {learning_rate: {type: float, low: 1.0e+30, high: 1.0e+31}}\n", encoding="utf-8"
    )
    done = search(command, "--set", "learning_rate=1.0e+30", "--trials", "2", "--epochs", "2", "--json")
    assert done.returncode == 1
    assert "every trial failed: 2 diverged" in done.stderr
    assert json.loads(done.stdout)["reasons"] == {"diverged": 2}
    assert set(agreeing_trials(tmp_path)["reason"]) == {"diverged"}
