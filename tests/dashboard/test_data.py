"""What is read from the store, and how often."""

from datetime import timedelta

import fixture_store
import pandas as pd
import pytest

from dashboard import data
from tuning import schema
from tuning.store import DEFAULT_URL, Store, now


def study(**times) -> dict:
    """A study row whose times are so long ago."""
    row = {"created_at": timedelta(days=3), "heartbeat_at": None, "ended_at": None} | times
    return {name: None if ago is None else now() - ago for name, ago in row.items()}


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"ended_at": timedelta()}, data.ENDED),
        ({"heartbeat_at": timedelta(seconds=10)}, data.ACTIVE),
        ({"heartbeat_at": timedelta(hours=1)}, data.SILENT),
        ({"created_at": timedelta(seconds=5)}, data.ACTIVE),
        ({}, data.SILENT),
    ],
)
def test_activity_of_a_study(times, expected):
    assert data.activity(study(**times)) == expected


def test_a_larger_study_is_looked_at_less_often_and_an_ended_one_never():
    running = study(heartbeat_at=timedelta())
    waits = [data.refresh_seconds(running, trials) for trials in (10, 500, 5000)]
    assert waits == sorted(set(waits))
    assert data.refresh_seconds(study(ended_at=timedelta()), 10) is None


def test_studies_have_progress_and_time(store_url):
    frame = data.studies(store_url).set_index("study_name")
    assert frame["progress"].to_dict()[fixture_store.FINISHED] == 1.0
    assert frame.loc[fixture_store.RUNNING, "finished"] == 7
    assert frame.loc[fixture_store.EMPTY, "progress"] == 0
    assert frame.loc[fixture_store.FINISHED, "seconds"] == pytest.approx(5 * 3600, abs=5)


def test_studies_have_their_model_and_those_from_before_there_were_several_athwe(store_url):
    models = data.studies(store_url).set_index("study_name")["model"].to_dict()
    assert (models[fixture_store.RUNNING], models[fixture_store.FINISHED]) == ("HM4SR", "ATHWE")
    assert data.model_of({}) == data.model_of({"config": {"model": None}}) == "ATHWE"


def test_best_trials_prefer_complete_ones_and_follow_the_direction():
    frame = pd.DataFrame(
        {
            "number": [0, 1, 2, 3],
            "state": ["COMPLETE", "COMPLETE", "PRUNED", "FAIL"],
            "value": [0.1, 0.2, 0.9, None],
        }
    )
    assert data.best_trials(frame, "maximize", 3) == [1, 0, 2]
    assert data.best_trials(frame, "minimize", 1) == [0]


def test_parameters_stay_numbers_and_lists_become_text():
    params = [{"beta": 0.1, "moe_topk": 2, "initializer_weight": [0.1, 1.0]}, {"beta": 0.2, "share": True}]
    frame = data.parameters(pd.DataFrame({"params": params}))
    assert frame["beta"].tolist() == [0.1, 0.2]
    assert frame["initializer_weight"].tolist()[0] == "[0.1, 1.0]"
    assert frame["share"].tolist()[1] == "True"
    assert frame["moe_topk"].isna().tolist() == [False, True]


def test_metrics_carry_their_reported_key_and_are_bounded(store_url):
    ids = tuple(f"{fixture_store.FINISHED}.{number}" for number in range(28))
    frame = data.metrics(store_url, ids)
    assert "valid/ndcg@10" in set(frame["key"])
    assert frame["trial_id"].nunique() <= data.MAX_METRIC_TRIALS


def test_the_objective_comes_first_and_then_the_loss_parts():
    frame = pd.DataFrame({"key": ["valid/mrr@10", "train/loss_total", "valid/ndcg@10", "train/seconds"]})
    keys = data.metric_keys(frame, "valid/ndcg@10")
    assert keys == ["valid/ndcg@10", "train/loss_total", "train/seconds", "valid/mrr@10"]


def test_the_store_comes_from_the_command_line_then_the_environment_then_the_default(monkeypatch):
    monkeypatch.setattr("sys.argv", ["app.py", "--store", "sqlite:///a.db"])
    monkeypatch.setenv("ATHWE_STORE", "sqlite:///b.db")
    assert data.store_url() == "sqlite:///a.db"
    monkeypatch.setattr("sys.argv", ["app.py"])
    assert data.store_url() == "sqlite:///b.db"
    monkeypatch.delenv("ATHWE_STORE")
    assert data.store_url() == DEFAULT_URL


def test_a_proposal_that_could_not_be_trained_is_no_finished_trial(tmp_path):
    url = fixture_store.build(tmp_path)
    with Store.open(url) as store:
        values = {"study_name": fixture_store.RUNNING, "number": 9, "state": schema.FAIL, "reason": schema.INVALID}
        store.save_trial({"trial_id": f"{fixture_store.RUNNING}.9", "params_json": "{}"} | values)
    assert data.studies(url).set_index("study_name").loc[fixture_store.RUNNING, "finished"] == 7


def test_a_study_from_before_there_was_a_choice_is_not_split_by_time():
    assert data.is_split_by_time({"config": {"split": "time"}})
    assert not any(map(data.is_split_by_time, ({}, {"config": {}}, {"config": {"split": "leave_one_out"}})))
