"""Trials trained again, without Ray: the code is that of a trial."""

import json
from pathlib import Path

import pandas as pd
import pytest
from finished_study import save_study, save_trial, tiny_plan
from refusals import require_one_line

from tuning.files.results import recommendations_name
from tuning.files.storage import Storage
from tuning.reproduce import main
from tuning.schema import CANCELLED, COMPLETE, FAIL, PRUNED, RUNNING
from tuning.store import Store
from tuning.stored import reproduce_session
from tuning.stored.reproduction import (
    EpochComparison,
    UserComparison,
    compare_epochs,
    compare_users,
    differences,
    is_same,
    train_again,
)
from tuning.training.trial import TrialRun, TrialSetting

PARAMS = {"learning_rate": 0.01}


def stored(*rows: tuple[int, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["epoch", "name", "value"])


def lists(*rows: tuple[str, int, list[str]]) -> pd.DataFrame:
    columns = ["user", "target_rank", "items"]
    return pd.DataFrame(rows, columns=columns).assign(target="i1")


def test_equal_metrics_are_the_same_and_times_are_nobody_s_business():
    then = stored((1, "ndcg@10", 0.1), (1, "seconds", 9.0), (2, "ndcg@10", 0.2))
    found = compare_epochs(then, {1: {"ndcg@10": 0.1, "seconds": 1.0}, 2: {"ndcg@10": 0.2}})
    assert found == EpochComparison(2)
    assert is_same(found, None)


def test_the_first_epoch_and_the_largest_difference_are_named():
    then = stored((1, "ndcg@10", 0.1), (2, "ndcg@10", 0.25), (3, "mrr@5", 0.5), (3, "ndcg@10", 0.3))
    found = compare_epochs(then, {1: {"ndcg@10": 0.1}, 2: {"ndcg@10": 0.5}, 3: {"mrr@5": 1.0, "ndcg@10": 0.3}})
    assert found == EpochComparison(3, 2, 0.5, "mrr@5 in epoch 3", 0)
    assert not is_same(found, None)


def test_the_last_bit_counts():
    assert compare_epochs(stored((1, "ndcg@10", 0.1 + 0.2)), {1: {"ndcg@10": 0.3}}).first_epoch == 1


def test_epochs_that_were_not_reached_differ():
    found = compare_epochs(stored((1, "ndcg@10", 0.1), (2, "ndcg@10", 0.2), (3, "ndcg@10", 0.2)), {1: {"ndcg@10": 0.1}})
    assert found == EpochComparison(3, 2, 0.0, None, 2)


def test_ranks_and_lists_are_compared_user_by_user_in_any_order():
    then = lists(("a", 1, ["x", "y"]), ("b", 2, ["x"]), ("c", 3, ["z", "x"]), ("d", 4, ["x"]))
    assert compare_users(then, then[::-1]) == UserComparison(4, 0.0, 0.0, 0)
    now = lists(("a", 1, ["y", "x"]), ("b", 9, ["x"]), ("c", 3, ["z"]), ("e", 4, ["x"]))
    found = compare_users(then, now)
    assert found == UserComparison(3, 1 / 3, 2 / 3, 2)
    assert not is_same(EpochComparison(1), found)
    assert not is_same(EpochComparison(1), UserComparison(3, 0.0, 0.0, 1))


def test_what_has_changed_is_named_by_its_place():
    then = {"git_sha": None, "versions": {"torch": "1"}, "hardware": {"gpus": []}}
    now = {"git_sha": "b", "versions": {"torch": "1", "ray": "2"}, "hardware": {"gpus": []}}
    assert differences(then, now) == ["git_sha was None, is b", "versions.ray was None, is 2"]


@pytest.fixture
def url(tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store whose study has a trial of three epochs, trained as a worker does it."""
    monkeypatch.setattr(reproduce_session, "limit_threads", lambda cores: None)  # it is for a process of its own
    monkeypatch.setattr(reproduce_session, "keep_freed_memory", lambda: None)
    plan, storage = tiny_plan(tiny_root), tmp_path / "storage"
    with Store.open(f"sqlite:///{tmp_path}/finished.db") as store:
        spec = save_study(store, plan, storage)
        save_trial(store, 0, COMPLETE, 0.2, params=PARAMS)
        run = TrialRun(
            TrialSetting(plan.dataset, spec.config, "study", Storage.at(str(storage))),
            {"number": 0, "params": PARAMS, "resume_checkpoint": None},
        )
        for epoch in (1, 2, 3):
            message = run.epoch()
            store.save_metrics("study.0", epoch, {key: value for key, value in message.items() if "/" in key})
        for number, state, reason in [(1, RUNNING, None), (2, FAIL, "diverged")]:
            save_trial(store, number, state, reason=reason)
    return f"sqlite:///{tmp_path}/finished.db"


def reproduced(url: str, capsys: pytest.CaptureFixture) -> tuple[int, dict, str]:
    code = main(["--study", "study", "--trial", "0", "--store", url, "--json"])
    output = capsys.readouterr()
    return code, json.loads(output.out), output.err


def test_a_trial_comes_out_the_same(url: str, capsys: pytest.CaptureFixture):
    code, line, text = reproduced(url, capsys)
    assert (code, line["result"]) == (0, "pass")
    assert (line["epochs"]["epochs"], line["users"]["users"]) == (3, 60)
    assert "pass: every validation metric of 3 epochs" in text


def test_a_trial_that_was_cut_off_is_compared_as_far_as_it_came(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture
):
    with Store.open(url) as store:
        store.save_trial({"trial_id": "study.0", "state": FAIL, "reason": CANCELLED})
    (tmp_path / "storage" / recommendations_name("study.0")).write_text("of an epoch that the store has not heard of")
    code, line, _ = reproduced(url, capsys)
    assert (code, line["epochs"]["epochs"], line["users"]) == (0, 3, None)


def test_another_value_in_the_store_is_found(url: str, capsys: pytest.CaptureFixture):
    with Store.open(url) as store:
        store.save_metrics("study.0", 2, {"valid/ndcg@10": 5.0})
    code, line, text = reproduced(url, capsys)
    assert (code, line["result"], line["epochs"]["first_epoch"]) == (1, "differs", 2)
    assert line["epochs"]["metric"] == "ndcg@10 in epoch 2" and 4 < line["epochs"]["largest_difference"] < 5
    assert line["users"]["other_rank"] == 0
    assert "differs: epoch 2 of 3 is the first to differ" in text


def test_other_parameters_are_found_and_said_how_far_off(url: str, capsys: pytest.CaptureFixture):
    with Store.open(url) as store:
        store.save_trial({"trial_id": "study.0", "params_json": '{"learning_rate": 0.003}'})
    code, line, text = reproduced(url, capsys)
    assert (code, line["epochs"]["first_epoch"]) == (1, 1)
    assert line["users"]["other_rank"] > 0.2 and "of 60 users have another target rank" in text


def test_what_is_another_one_now_is_a_hint(url: str, capsys: pytest.CaptureFixture):
    with Store.open(url) as store:
        row = store.study("study") or {}
        spec = json.loads(row["spec_json"])
        spec["versions"]["torch"] = "1.0"
        store.update_study("study", spec_json=json.dumps(spec))
    code, line, text = reproduced(url, capsys)
    assert code == 0
    assert line["changed"] and line["changed"][0].startswith("versions.torch was 1.0, is 2.")
    assert "though not all is as it was" in text


def test_a_training_that_diverges_early_differs(url: str, tiny_root: Path, capsys: pytest.CaptureFixture):
    plan = tiny_plan(tiny_root)
    again = train_again(plan.spec("study", 1, 0), 0, {"learning_rate": 1e30}, plan.dataset, 3, lambda epoch: None)
    assert "training diverged" in (again.diverged or "")
    assert again.metrics == {} and again.recommendations is None


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--trial", "9"], "has no trial 9: its trials are 0 to 2"),
        (["--trial", "1"], "trial 1 is still running"),
        (["--trial", "2"], "trial 2 is FAIL (diverged) and has no validated epoch"),
        (["--trial", "-1"], "expected a trial's number"),
        (["--study", "other", "--trial", "0"], "no study 'other'"),
        ([], "the following arguments are required: --trial"),
    ],
)
def test_a_user_s_error_is_one_line_and_exit_code_2(
    url: str, capsys: pytest.CaptureFixture, flags: list[str], message: str
):
    assert main(["--study", "study", "--store", url, *flags]) == 2
    require_one_line(capsys, message)


def test_a_pruned_trial_is_compared_with_its_lists_too(url: str, capsys: pytest.CaptureFixture):
    with Store.open(url) as store:
        store.save_trial({"trial_id": "study.0", "state": PRUNED})
    code, line, _ = reproduced(url, capsys)
    assert (code, line["users"]["users"]) == (0, 60)
