"""One trial without Ray around it."""

import dataclasses
import json
from pathlib import Path

import pytest
from tiny_search import write_tiny

from athwe.config import Config
from athwe.data import load_dataset
from athwe.data.cache import builds
from athwe.evaluation.metrics import ndcg
from tuning.files.storage import Storage
from tuning.training.trial import START_SECONDS, TrialRun, TrialSetting
from tuning.user_ranks import USER_RANKS, ranks_from_bytes, sampled_users

PROPOSAL = {"number": 3, "params": {"learning_rate": 0.01}, "resume_checkpoint": None}


@pytest.fixture(scope="module")
def config() -> Config:
    sizes = {"hidden_size": 16, "inner_size": 32, "MAX_ITEM_LIST_LENGTH": 8, "n_clusters": 5}
    return Config(**sizes, epochs=3, stopping_step=9, device="cpu")


@pytest.fixture
def setting(config: Config, tmp_path: Path) -> TrialSetting:
    dataset = load_dataset("tiny", write_tiny(tmp_path / "data"), config)
    return TrialSetting(dataset, config, "study", Storage(str(tmp_path / "study")))


def values(message: dict) -> dict:
    return {key: value for key, value in message.items() if not key.endswith(("seconds", "bytes"))}


def test_every_epoch_is_reported_and_only_the_last_ends_the_trial(setting: TrialSetting):
    run = TrialRun(setting, PROPOSAL)
    messages = [run.epoch() for _ in range(3)]
    assert [one["epoch"] for one in messages] == [1, 2, 3]
    assert [one["done"] for one in messages] == [False, False, True]
    assert [one["should_checkpoint"] for one in messages] == [True, True, False]
    assert [START_SECONDS in one for one in messages] == [True, False, False]


def test_the_ranks_of_the_same_users_are_reported_where_they_are_asked_for(setting: TrialSetting):
    assert USER_RANKS not in TrialRun(setting, PROPOSAL).epoch()
    message = TrialRun(dataclasses.replace(setting, race_users=1000), PROPOSAL).epoch()
    ranks = ranks_from_bytes(message[USER_RANKS])
    assert len(ranks) == 60
    assert ndcg(ranks, 10).mean() == pytest.approx(message["valid/ndcg@10"])
    few = TrialRun(dataclasses.replace(setting, race_users=7), PROPOSAL).epoch()[USER_RANKS]
    assert ranks_from_bytes(few).tolist() == ranks[sampled_users(60, 7)].tolist()


def test_a_trial_that_goes_on_from_a_checkpoint_comes_to_the_same_values(setting: TrialSetting, tmp_path: Path):
    run = TrialRun(setting, PROPOSAL)
    run.epoch()
    run.save(tmp_path / "checkpoint")
    rest = [values(run.epoch()) for _ in range(2)]
    lost = TrialRun(setting, PROPOSAL)  # Ray gives the checkpoint to its new worker
    lost.start(str(tmp_path / "checkpoint"))
    assert [values(lost.epoch()) for _ in range(2)] == rest
    other = TrialRun(setting, PROPOSAL | {"resume_checkpoint": str(tmp_path / "checkpoint")})  # another driver's
    assert [values(other.epoch()) for _ in range(2)] == rest


def test_a_trial_lost_after_its_last_epoch_ends_without_another_one(setting: TrialSetting, tmp_path: Path):
    run = TrialRun(setting, PROPOSAL)
    messages = [run.epoch() for _ in range(3)]
    run.save(tmp_path / "checkpoint")
    again = TrialRun(setting, PROPOSAL | {"resume_checkpoint": str(tmp_path / "checkpoint")})
    message = again.epoch()
    assert message["done"] and message["epoch"] == 3
    assert message["best_value"] == messages[-1]["best_value"]


def test_the_diagnostics_say_what_the_worker_used_and_built(setting: TrialSetting, tmp_path: Path):
    run = TrialRun(setting, PROPOSAL)
    builds["made for the test"] += 2
    run.epoch()
    found = json.loads((tmp_path / "study" / "diagnostics" / "study.3.json").read_text())
    assert (found["beyond_accuracy"]["split"], found["beyond_accuracy"]["mask_seen"]) == ("valid", False)
    assert 0 < found["beyond_accuracy"]["measures"]["coverage@10"] <= 1
    worker = found["worker"]
    assert worker["built"]["made for the test"] == 2
    assert worker["resident_bytes"] > 0
    assert worker["threads"]["torch"] >= 1
