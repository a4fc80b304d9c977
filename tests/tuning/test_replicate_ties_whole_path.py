"""A real search whose tied trials are trained on further seeds: killed, interrupted, gone on with, one run failing."""

import json
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from study_process import command, cut_off, started

from athwe.evaluation.metrics import mean_metrics
from tuning.store import Store

pytestmark = pytest.mark.whole_path

SPACE = "space: {learning_rate: {type: float, low: 1.0e-3, high: 2.0e-3, log: true}}\n"
CONFIG = "hidden_size: 16\ninner_size: 32\nMAX_ITEM_LIST_LENGTH: 8\nn_clusters: 5\nseed: 5\n"
SEEDS = (10_006, 10_007)
TRIALS = 3


@pytest.fixture(scope="module")
def folder(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search over learning rates so close that its trials tie on 60 users."""
    folder = tmp_path_factory.mktemp("search")
    (folder / "small.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "space.yaml").write_text(SPACE, encoding="utf-8")
    flags = ["--dataset", "tiny", "--dataset-root", tiny_root, "--config", folder / "small.yaml"]
    flags += ["--search-space", folder / "space.yaml", "--storage-path", folder / "study", "--trials", TRIALS]
    flags += ["--epochs", 4, "--concurrency", 1, "--pruner", "none"]
    search = started(command("search.py", folder, *map(str, flags)))
    _, error = search.communicate(timeout=400)
    assert search.returncode == 0, error
    return folder


def replicating(folder: Path, *flags: str) -> subprocess.Popen[str]:
    more = ["--replicate-ties", "2", "--concurrency", "1", "--json", *flags]
    return started(command("ties.py", folder, *more))


def kept(folder: Path) -> dict[str, int]:
    """When each run's results were written."""
    files = (folder / "study" / "replicates").glob("[a-z]*.parquet")
    return {file.stem: file.stat().st_mtime_ns for file in files}


def after_one_more(folder: Path, by: signal.Signals) -> int:
    """Start, end by a signal once there is one result more, and give the exit code."""
    before = len(kept(folder))
    return cut_off(replicating(folder), by, once=lambda: len(kept(folder)) > before)


def test_tied_trials_are_trained_on_further_seeds_and_nothing_twice(folder: Path):
    assert after_one_more(folder, signal.SIGKILL) == -signal.SIGKILL
    killed = kept(folder)
    assert after_one_more(folder, signal.SIGINT) == 130
    interrupted = kept(folder)
    process = replicating(folder)
    out, error = process.communicate(timeout=400)
    assert process.returncode == 0, error
    line = json.loads(out)
    tied = [trial["trial_id"] for trial in line["trials"] if trial["tied"]]
    assert len(tied) >= 2
    runs = kept(folder)
    assert runs.keys() == {f"{trial_id}.seed-{seed}" for trial_id in tied for seed in SEEDS}
    assert killed.items() <= interrupted.items() <= runs.items() and len(interrupted) < len(runs), (
        "it was over too soon"
    )
    check_numbers(folder, line, tied)
    assert "the same on further seeds, mean over seeds" in error and "those that end are kept" in error
    for noise in ("Warning", "ray.", "raylet", "Traceback", "\x1b"):
        assert noise not in error

    process = replicating(folder, "--concurrency", "10000")  # what is there takes no Ray
    again, error = process.communicate(timeout=100)
    assert process.returncode == 0, error
    assert json.loads(again) == line and kept(folder) == runs


def check_numbers(folder: Path, line: dict, tied: list[str]) -> None:
    """The means are those of the files, which are of validation, and the store has what was printed."""
    found = {trial["trial_id"]: trial for trial in line["over_seeds"]}
    assert found.keys() == set(tied) and all(trial["seeds"] == 2 for trial in found.values())
    for trial_id, trial in found.items():
        paths = [folder / "study" / "replicates" / f"{trial_id}.seed-{seed}.parquet" for seed in SEEDS]
        own = pd.read_parquet(folder / "study" / "recommendations" / f"{trial_id}.parquet")
        users = [pd.read_parquet(path) for path in paths]
        assert all(one["user"].equals(own["user"]) and one["target"].equals(own["target"]) for one in users)
        values = [mean_metrics(one["target_rank"].to_numpy(), ["ndcg"], [10])["ndcg@10"] for one in users]
        assert values[0] != values[1], "the seeds are not fresh"
        assert trial["mean"] == pytest.approx(sum(values) / 2)
        assert json.loads(pq.read_schema(paths[0]).metadata[b"beyond_accuracy"])["split"] == "valid"
    with Store.open(f"sqlite:///{folder}/store.db", read_only=True) as store:
        assert len(store.test_evaluations("study")) == 0
        assert (store.study("study") or {})["heartbeat_at"] is None
        findings = store.findings("study", "ties")
    stored = findings[(findings["part"] == "seeds") & (findings["name"] == "mean")].set_index("subject")["value"]
    assert stored.to_dict() == {trial_id: trial["mean"] for trial_id, trial in found.items()}


def test_a_run_that_fails_is_told_of_and_the_others_go_on(folder: Path):
    before = kept(folder)
    with Store.open(f"sqlite:///{folder}/store.db") as store:
        row = store.trials("study").iloc[0]
        assert row["trial_id"] in {name.partition(".seed-")[0] for name in before}
        store.save_trial({"trial_id": row["trial_id"], "params_json": json.dumps({"learning_rate": 1e30})})
    process = replicating(folder, "--replicate-ties", "3")
    out, error = process.communicate(timeout=400)
    assert process.returncode == 1, error
    line = json.loads(out)
    assert line["failures"][0] | {"error": ""} == {"trial": 0, "seed": 10_008, "reason": "diverged", "error": ""}
    assert len(line["failures"]) == 1 and "the same command tries them again" in error
    seeds = {trial["trial"]: trial["seeds"] for trial in line["over_seeds"]}
    assert seeds.pop(0) == 2 and set(seeds.values()) == {3}
