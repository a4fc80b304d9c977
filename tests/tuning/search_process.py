"""`python tuning/search.py` on the data set `tiny` in a process of its own, and what it has left in its store."""

import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import optuna
import pandas as pd

from tuning.schema import COMPLETE, PRUNED, REPORTED_SECONDS
from tuning.store import Store, StoreError

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "hidden_size: 16\ninner_size: 32\nMAX_ITEM_LIST_LENGTH: 8\nn_clusters: 5\n"
SPACE = """
space:
  learning_rate: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}
  moe_topk: {type: int, low: 1, high: 8}
  wavelet_J: {type: int, low: 0, high: 3}
"""


def search_command(tiny_root: Path, folder: Path) -> list[str]:
    """The command with its store and files under `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / "small.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "space.yaml").write_text(SPACE, encoding="utf-8")
    flags = {
        "--dataset": "tiny",
        "--dataset-root": tiny_root,
        "--config": folder / "small.yaml",
        "--search-space": folder / "space.yaml",
        "--study": "study",
        "--store": url(folder),
        "--storage-path": folder / "study",
    }
    return [sys.executable, str(ROOT / "tuning" / "search.py"), *(str(part) for pair in flags.items() for part in pair)]


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/store.db"


def search(command: Sequence[str], *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *flags], cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)


def epochs_of(folder: Path) -> pd.DataFrame:
    """Every stored value of the objective."""
    if not (folder / "store.db").exists():
        return pd.DataFrame()
    try:
        with Store.open(url(folder), read_only=True) as store:
            return store.metrics(store.trials("study")["trial_id"].tolist(), "valid", ["ndcg@10"])
    except StoreError:
        return pd.DataFrame()  # tables that are being made


def shares_at_work(folder: Path) -> dict[int, float]:
    """By number of trials that trained at once, the share of the time from the first epoch's begin to the last's end.

    As the trials' own epochs say: each was reported at some time and took so long to train and to validate.
    """
    with Store.open(url(folder), read_only=True) as store:
        rows = store.metrics(store.trials("study")["trial_id"].tolist(), None, ["seconds", "reported_seconds"])
    keys = rows["split"] + "/" + rows["name"]
    epochs = rows.assign(key=keys).pivot(index=["trial_id", "epoch"], columns="key", values="value")
    begins = epochs[REPORTED_SECONDS] - epochs["train/seconds"] - epochs["valid/seconds"]
    spans = pd.DataFrame({"begin": begins, "end": epochs[REPORTED_SECONDS]}).groupby("trial_id")
    changes = [(time, 1) for time in spans["begin"].min()] + [(time, -1) for time in spans["end"].max()]
    changes.sort()
    seconds: dict[int, float] = {}
    at_work = 0
    for (time, change), (until, _) in pairwise(changes):
        at_work += change
        seconds[at_work] = seconds.get(at_work, 0.0) + until - time
    return {number: length / (changes[-1][0] - changes[0][0]) for number, length in seconds.items()}


def agreeing_trials(folder: Path) -> pd.DataFrame:
    """The store's trials, after a comparison of every state, reason, value and epoch with Optuna's tables."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with Store.open(url(folder), read_only=True) as store:
        trials = store.trials("study")
    epochs = epochs_of(folder)
    told = optuna.load_study(storage=url(folder), study_name="study").trials
    assert trials["number"].tolist() == [trial.number for trial in told]
    for row, trial in zip(trials.to_dict("records"), told, strict=True):
        assert row["state"] == trial.state.name
        assert (None if pd.isna(row["reason"]) else row["reason"]) == trial.user_attrs.get("reason")
        assert (None if pd.isna(row["value"]) else row["value"]) == trial.value
        assert row["params"] == trial.params
        mine = epochs[epochs["trial_id"] == row["trial_id"]]
        assert dict(zip(mine["epoch"], mine["value"], strict=True)) == trial.intermediate_values
        if row["state"] in (COMPLETE, PRUNED):
            assert row["value"] == mine["value"].max()
            assert row["best_epoch"] == mine.set_index("epoch")["value"].idxmax()
    return trials
