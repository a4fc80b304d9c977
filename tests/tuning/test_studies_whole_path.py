"""A real search, then what is asked of its store: a replay, a list, an export, a deletion."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from athwe.config_files import load_config, override_config
from tuning.planning.spec import Spec
from tuning.schema import COMPLETE, INVALID
from tuning.store import Store

pytestmark = pytest.mark.whole_path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "hidden_size: 16\ninner_size: 32\nMAX_ITEM_LIST_LENGTH: 8\nn_clusters: 5\n"
SPACE = """
pruner: {grace_epochs: 1, reduction_factor: 2, audit_share: 0.3}
space:
  learning_rate: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}
  moe_topk: {type: int, low: 1, high: 8}
"""


def run(script: str, *flags: object) -> str:
    command = [sys.executable, str(ROOT / "tuning" / script), *map(str, flags)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_search_is_replayed_listed_exported_and_deleted(tiny_root: Path, tmp_path: Path):
    (tmp_path / "small.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "space.yaml").write_text(SPACE, encoding="utf-8")
    at = ["--store", f"sqlite:///{tmp_path}/store.db"]
    where = ["--dataset", "tiny", "--dataset-root", tiny_root, "--storage-path", tmp_path / "files", *at]
    settings = ["--config", tmp_path / "small.yaml", "--search-space", tmp_path / "space.yaml"]
    size = ["--trials", 8, "--epochs", 6, "--concurrency", 2]
    line = json.loads(run("search.py", *where, *settings, *size, "--study", "study", "--json"))

    replayed = json.loads(run("replay.py", "--study", "study", *at, "--json"))
    assert replayed["agreement"] == {"same": 8, "of": 8}
    assert sum(setting["given_up"] for setting in replayed["settings"]) > 0
    assert "the stored verdict for 8/8 trials" in run("replay.py", "--study", "study", *at)

    assert f"{line['value']:.4f}" in run("studies.py", "list", *at)
    best = tmp_path / "best.yaml"
    flags = ["--output", tmp_path / "trials.csv", "--best", best]
    run("studies.py", "export", "--study", "study", *at, *flags)
    check_export(tmp_path / "trials.csv", line)
    check_best(f"sqlite:///{tmp_path}/store.db", best, line)
    (tmp_path / "files" / "notes.txt").write_text("mine", encoding="utf-8")
    run("studies.py", "delete", "--study", "study", "--yes", "--files", *at)
    with Store.open(f"sqlite:///{tmp_path}/store.db") as store:
        assert store.studies().empty and set(store.row_counts("study").values()) == {0}
    assert optuna.get_all_study_names(f"sqlite:///{tmp_path}/store.db") == []
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["notes.txt"]

    again = run("search.py", *where, "--config", best, *settings[2:], "--trials", 1, "--study", "again", "--json")
    assert json.loads(again)["params"] == line["params"]


def check_export(path: Path, line: dict) -> None:
    """Every trial is there, the best one with its numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ran = [row for row in rows if row["reason"] != INVALID]
    assert len(ran) == 8 and all(int(row["epochs"]) >= 1 and float(row["seconds"]) > 0 for row in ran)
    best = rows[line["best_trial"]]
    assert (best["state"], float(best[line["objective"]])) == (COMPLETE, line["value"])
    assert {name: float(best[name]) for name in line["params"]} == line["params"]


def check_best(url: str, path: Path, line: dict) -> None:
    """The file gives the configuration of the best trial."""
    with Store.open(url, read_only=True) as store:
        row = store.study("study")
    assert row is not None
    assert load_config("tiny", files=[path]) == override_config(Spec.model_validate(row["spec"]).config, line["params"])
