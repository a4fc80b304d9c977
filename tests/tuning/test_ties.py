"""The command that tells a study's tie set."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from finished_study import save_study, save_trial, tiny_plan
from refusals import require_one_line

from tuning.schema import COMPLETE
from tuning.store import Store
from tuning.ties import main


@pytest.fixture
def study_url(tiny_root: Path, tmp_path: Path) -> str:
    """Two trials that rank alike and a bad one, with what every user got."""
    url, folder = f"sqlite:///{tmp_path}/finished.db", tmp_path / "storage" / "recommendations"
    folder.mkdir(parents=True)
    users = [f"u{number:03d}" for number in range(300)]
    with Store.open(url) as store:
        save_study(store, tiny_plan(tiny_root, seed=5), tmp_path / "storage")
        for number, most in enumerate((30, 30, 300)):
            ranks = np.random.default_rng(number).integers(1, most, len(users))
            path = folder / f"{save_trial(store, number, COMPLETE, 0.3 - number / 10)}.parquet"
            pq.write_table(pa.table({"user": users, "target_rank": ranks}), path)
    return url


def test_the_tie_set_is_told_as_a_table_and_as_json(study_url: str, capsys: pytest.CaptureFixture):
    assert main(["--study", "study", "--store", study_url, "--json"]) == 0
    output = capsys.readouterr()
    line = json.loads(output.out)
    assert {trial["trial"]: trial["tied"] for trial in line["trials"]} == {0: True, 1: True, 2: False}
    assert (line["users"], line["alpha"], line["mask_seen"]) == (300, 0.05, False) and line["optimism"] > 0
    with Store.open(study_url, read_only=True) as store:
        kept = store.findings("study", "ties").set_index(["subject", "name"])["value"]
    assert kept["", "optimism"] == line["optimism"] and kept["study.2", "tied"] == 0
    assert "adjusted p" in output.err and "picking the best of 3 overstates it by about" in output.err


def test_the_interval_is_called_what_it_is(study_url: str, capsys: pytest.CaptureFixture):
    assert main(["--study", "study", "--store", study_url, "--alpha", "0.001"]) == 0
    heading = " ".join(capsys.readouterr().out.split())
    assert "99.9%" in heading and "100%" not in heading


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--study", "other"], "no study 'other'"),
        (["--alpha", "1.5"], "expected a number from 0.001 up and below 1"),
        (["--alpha", "0.00001"], "expected a number from 0.001 up and below 1"),
        (["--store", "sqlite:////nowhere/store.db"], "there is no store"),
        (["--replicate-ties", "1"], "expected a whole number above 1, got '1': one seed tells of no spread"),
        (["--replicate-ties", "2", "--concurrency", "10000"], "more than fits"),
        (["--replicate-ties", "2", "--dataset-root", "/nowhere"], "/nowhere"),
    ],
)
def test_a_user_s_error_is_one_line(study_url: str, capsys: pytest.CaptureFixture, flags: list[str], message: str):
    assert main(["--study", "study", "--store", study_url, *flags]) == 2
    require_one_line(capsys, message)


def test_a_study_whose_files_are_gone_says_so(study_url: str, tmp_path: Path, capsys: pytest.CaptureFixture):
    for path in (tmp_path / "storage" / "recommendations").iterdir():
        path.unlink()
    assert main(["--study", "study", "--store", study_url]) == 2
    assert "has nothing to compare" in capsys.readouterr().err


def test_a_trial_that_ties_with_none_is_not_trained_again(
    study_url: str, tmp_path: Path, capsys: pytest.CaptureFixture
):
    (tmp_path / "storage" / "recommendations" / "study.1.parquet").unlink()
    assert main(["--study", "study", "--store", study_url, "--replicate-ties", "2"]) == 0
    assert "trial 0 ties with no other trial: nothing is trained again" in capsys.readouterr().out
    assert not (tmp_path / "storage" / "replicates").exists()


def test_a_model_that_no_seed_changes_is_not_trained_again(
    study_url: str, tiny_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    with Store.open(study_url) as store:
        row = store.study("study") or {}
        spec = row["spec"] | {"config": row["spec"]["config"] | {"model": "Popularity"}}
        store.update_study("study", spec_json=json.dumps(spec))
    assert main(["--study", "study", "--store", study_url, "--replicate-ties", "2"]) == 2
    assert "Popularity is the same for every seed" in capsys.readouterr().err
