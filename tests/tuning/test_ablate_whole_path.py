"""A real ablation that is killed and goes on, one that fails, on a study as a search leaves it."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from finished_study import save_study, save_trial, tiny_plan
from study_process import command, cut_off, started

from tuning.schema import COMPLETE
from tuning.store import Store

pytestmark = pytest.mark.whole_path

PARTS = ("img", "txt", "shared_experts", "shares")
RUNS = {f"full.seed-{seed}" for seed in (10_006, 10_007)} | {"popularity.seed-10006"} | {
    f"{variant}.seed-{seed}"
    for seed in (10_006, 10_007)
    for variant in ("without-item", "without-txt", "without-img", "without-shared_experts", "only-item", "only-txt",
                    "only-img")
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trial 0 is the best one; trial 1 diverges whatever is taken out."""
    folder = tmp_path_factory.mktemp("ablation")
    with Store.open(f"sqlite:///{folder}/store.db") as store:
        save_study(store, tiny_plan(tiny_root, seed=5, epochs=4), folder / "study")
        save_trial(store, 0, COMPLETE, 0.3, params={"learning_rate": 0.01})
        save_trial(store, 1, COMPLETE, 0.1, params={"learning_rate": 1e30})
    return folder


def ablating(folder: Path, *flags: str) -> subprocess.Popen[str]:
    return started(command("ablate.py", folder, "--json", "--concurrency", "1", "--seeds", "2", *flags))


def kept(folder: Path) -> dict[str, int]:
    """When each run's results were written."""
    files = (folder / "study" / "ablation" / "study.0").glob("[a-z]*.parquet")
    return {file.stem: file.stat().st_mtime_ns for file in files}


def after_two_more(folder: Path, by: signal.Signals) -> int:
    """Start, end by a signal once there are two results more, and give the exit code."""
    before = len(kept(folder))
    return cut_off(ablating(folder, "--parts", *PARTS), by, once=lambda: len(kept(folder)) >= before + 2)


def test_an_ablation_that_is_killed_goes_on_and_loses_nothing(folder: Path):
    assert after_two_more(folder, signal.SIGKILL) == -signal.SIGKILL
    killed = kept(folder)
    assert after_two_more(folder, signal.SIGINT) == 130
    interrupted = kept(folder)
    assert killed.items() <= interrupted.items() and len(interrupted) < len(RUNS), "it was over too soon"

    process = ablating(folder, "--parts", *PARTS)
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    assert interrupted.items() <= kept(folder).items() and kept(folder).keys() == RUNS
    line = json.loads(out)
    assert [one["part"] for one in line["parts"]] == ["item", "txt", "img", "shared_experts"]
    assert all(one["difference"]["seeds"] == 2 for one in line["parts"])
    assert line["subsets"].keys() == {"item+txt+img", "item+txt", "item+img", "txt+img", "item", "txt", "img", "none"}
    total = sum(one["mean"] for one in line["shares"].values())
    assert total == pytest.approx(line["subsets"]["item+txt+img"] - line["subsets"]["none"])
    saved = {one["part"]: one["parameters_saved"] for one in line["parts"]}
    assert saved["img"] > saved["shared_experts"] == 3 * 16
    for noise in ("Warning", "ray.", "raylet", "Traceback", "\x1b"):
        assert noise not in err
    with Store.open(f"sqlite:///{folder}/store.db", read_only=True) as store:
        assert len(store.test_evaluations("study")) == 0
        assert (store.study("study") or {})["heartbeat_at"] is None
        stored = store.findings("study", "shapley").set_index(["subject", "part", "name"])["value"]
    assert stored["txt", "", "share"] == line["shares"]["txt"]["mean"]


def test_runs_that_fail_are_told_of_and_the_others_go_on(folder: Path):
    process = ablating(folder, "--trial", "1", "--parts", "shares")
    out, err = process.communicate(timeout=500)
    assert process.returncode == 1, err
    line = json.loads(out)
    assert {one["reason"] for one in line["failures"]} == {"diverged"} and len(line["failures"]) == 2 * 7
    assert line["full"] == {} and line["parts"] == [] and line["shares"] == {}
    assert "full with seed 10006: failed (diverged)" in err and "there is nothing to compare with" in err
    assert [path.name for path in (folder / "study" / "ablation" / "study.1").iterdir()] == [
        "popularity.seed-10006.parquet"
    ]
