"""The results table, from a ledger as searches and finalists leave it."""

import json
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks import results
from tuning.schema import COMPLETE
from tuning.store import Store


@pytest.fixture
def options(tmp_path: Path) -> Namespace:
    """Trial 0 was the best and looked at; then the search went on, and trial 1 was better and looked at."""
    options = Namespace(folder=tmp_path, datasets=["grocery"], models=["SASRec"])
    study = "grocery-SASRec"
    with Store.open(results.store_url(options)) as store:
        facts = {"dataset": "grocery", "objective": "valid/ndcg@10", "direction": "maximize", "mask_seen": False}
        facts |= {"spec_json": "{}", "trials_asked": 2, "data_fingerprint": "f", "storage_path": "s"}
        store.create_study({"study_name": study, **facts})
        for number, (value, tested) in enumerate([(0.2, [0.5, 0.6]), (0.3, [0.1, 0.2])]):
            trial_id = f"{study}.{number}"
            row = {"study_name": study, "number": number, "state": COMPLETE, "value": value, "params_json": "{}"}
            store.save_trial({"trial_id": trial_id} | row)
            for seed, ndcg in enumerate(tested):
                names = ("test/ndcg@10", "test/recall@10", "test, mask_seen true/ndcg@10")
                look = {"seed": seed, "mask_seen": False, "metrics_json": json.dumps(dict.fromkeys(names, ndcg))}
                store.save_test_evaluation({"study_name": study, "trial_id": trial_id, "evaluated_by": "me"} | look)
    return options


def test_looks_at_an_earlier_best_trial_are_counted_and_not_averaged(options: Namespace):
    [_, _, line] = results.table(options).splitlines()
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:3] == ["grocery", "SASRec", "2"] and cells[3].startswith("0.1500 ± 0.0707")
    assert cells[-2:] == ["0.3000", "4"], "every look is told"


@pytest.mark.parametrize(("flag", "value"), [("--config", "/nowhere.yaml"), ("--folder", "/dev/null/table")])
def test_a_user_s_error_is_one_line(
    flag: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr(sys, "argv", ["results.py", "--folder", str(tmp_path), flag, value])
    assert results.main() == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and value in error
