"""A real search that is cut off and goes on, then its finalists and a trial of it trained again."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from study_process import ROOT, command, cut_off, started, wait_for

import athwe
from athwe.evaluation.metrics import mean_metrics
from tuning.schema import COMPLETE, FAIL
from tuning.store import Store

pytestmark = pytest.mark.whole_path

SPACE = "space: {learning_rate: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}}\n"
CONFIG = "hidden_size: 16\ninner_size: 32\nMAX_ITEM_LIST_LENGTH: 8\nn_clusters: 5\n"


def done(line: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def trials(folder: Path) -> pd.DataFrame:
    with Store.open(f"sqlite:///{folder}/store.db", read_only=True) as store:
        return store.trials("study")


def ledger(folder: Path) -> pd.DataFrame:
    with Store.open(f"sqlite:///{folder}/store.db", read_only=True) as store:
        return store.test_evaluations("study")


def epochs(folder: Path) -> int:
    if not (folder / "study" / "recommendations").is_dir():  # the store's tables are made long before
        return 0
    with Store.open(f"sqlite:///{folder}/store.db", read_only=True) as store:
        return len(store.metrics(["study.0"], "valid", ["ndcg@10"]))


def workers_of(driver: int) -> list[int]:
    """Processes of finalists at work below a driver, by Linux's account."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(folder.name)] = (folder / "cmdline").read_text()
        except OSError:  # gone in the meantime
            continue

    def is_below(process: int) -> bool:
        while process in parents:
            process = parents[process]
            if process == driver:
                return True
        return False

    return [process for process, name in names.items() if name.startswith("ray::FinalWorker") and is_below(process)]


@pytest.fixture(scope="module")
def folder(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of one trial that was cut off and went on under another number."""
    folder = tmp_path_factory.mktemp("search")
    (folder / "small.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "space.yaml").write_text(SPACE, encoding="utf-8")
    flags = ["--dataset", "tiny", "--dataset-root", tiny_root, "--config", folder / "small.yaml"]
    flags += ["--search-space", folder / "space.yaml", "--storage-path", folder / "study", "--trials", 1]
    flags += ["--epochs", 30, "--concurrency", 1]
    search = command("search.py", folder, *map(str, flags))
    assert cut_off(started(search), signal.SIGINT, once=lambda: epochs(folder) >= 3) == 130
    resumed = done(command("search.py", folder, "--resume"))
    assert resumed.returncode == 0, resumed.stderr
    return folder


def kept_by_seed(finals: Path) -> dict[int, float]:
    """NDCG@10 by seed, of the per-user results that trial 1's final runs have left; no other trial has left any."""
    found = {}
    for path in finals.glob("*.parquet"):
        trial_id, seed = path.name.removesuffix(".parquet").split(".seed-")
        assert trial_id == "study.1"
        found[int(seed)] = mean_metrics(pd.read_parquet(path)["target_rank"].to_numpy(), ["ndcg"], [10])["ndcg@10"]
    return found


def test_a_trial_that_went_on_under_another_number_is_reproduced_and_so_is_what_was_cut_off(folder: Path):
    cut_off, whole = trials(folder).to_dict("records")
    assert (cut_off["state"], whole["state"], whole["retry_of"]) == (FAIL, COMPLETE, 0)
    again = done(command("reproduce.py", folder, "--trial", "1", "--json"))
    assert again.returncode == 0, again.stderr
    line = json.loads(again.stdout)
    assert (line["result"], line["epochs"]["epochs"], line["users"]["users"]) == ("pass", 30, 60)
    assert line["changed"] == []
    first = done(command("reproduce.py", folder, "--trial", "0", "--json"))
    assert first.returncode == 0, first.stderr
    assert 3 <= json.loads(first.stdout)["epochs"]["epochs"] < 30

    with Store.open(f"sqlite:///{folder}/store.db") as store:
        right = store.metrics(["study.1"], "valid", ["ndcg@10"]).set_index("epoch")["value"][30]
        store.save_metrics("study.1", 30, {"valid/ndcg@10": right + 0.001})
        other = done(command("reproduce.py", folder, "--trial", "1"))
        store.save_metrics("study.1", 30, {"valid/ndcg@10": right})
    assert other.returncode == 1
    assert "differs: epoch 30 of 30 is the first to differ, by 0.001 at most" in other.stdout


def check_kept_model(folder: Path, said: str, printed: str) -> None:
    """One model of six is kept, where the finalisation says, and can be loaded."""
    (kept,) = [path for path in folder.iterdir() if path.is_dir()]
    assert said == str(kept) and f"its best seed on validation: {kept}" in printed
    assert len(athwe.load(kept).recommend(["i1", "i2"], [1_400_000_000, 1_400_086_400], k=3)) == 3


def test_a_finalisation_cut_off_goes_on_and_looks_once_a_seed(folder: Path):
    finalize = command("finalize.py", folder, "--top", "2", "--seeds", "6", "--concurrency", "1", "--json")
    assert cut_off(started(finalize), signal.SIGINT, once=lambda: len(ledger(folder)) >= 1) == 130
    before = ledger(folder)
    assert 1 <= len(before) < 6, "it was over too soon to be cut off"

    process = started(finalize)  # a worker of this one is killed
    try:
        wait_for(lambda: len(ledger(folder)) > len(before), process)
        (worker,) = workers_of(process.pid)
        os.kill(worker, signal.SIGKILL)
        out, err = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 0, err
    rows = ledger(folder)
    assert rows["seed"].tolist() == [2026, 2027, 2028, 2029, 2030, 2031]
    assert set(rows["trial_id"]) == {"study.1"} and not rows["mask_seen"].astype(bool).any()
    pd.testing.assert_frame_equal(rows.iloc[: len(before)], before)
    assert rows["evaluated_by"].str.contains("@.*: python tuning/finalize.py --study study --top 2 --seeds 6").all()
    line = json.loads(out)
    values = [json.loads(text)["test/ndcg@10"] for text in rows["metrics_json"]]
    assert kept_by_seed(folder / "study" / "finals") == pytest.approx(dict(zip(rows["seed"], values, strict=True)))
    assert line["looks"] == 6 and line["trials"][0]["metrics"]["test/ndcg@10"]["values"] == values
    assert len(set(values)) == 6, "the seeds are not fresh"
    check_kept_model(folder / "study" / "finals", line["trials"][0]["model"], err)
    assert "the test split was looked at 6 times in this study" in err
    for noise in ("Warning", "ray.", "raylet", "Traceback", "\x1b"):
        assert noise not in err

    shown = done(finalize)
    assert shown.returncode == 0 and json.loads(shown.stdout) == line
    assert len(ledger(folder)) == 6
    with Store.open(f"sqlite:///{folder}/store.db", read_only=True) as store:
        study = store.study("study") or {}
    assert study["heartbeat_at"] is None and study["ended_at"] is not None
