"""What the driver deletes as trials end, on real files."""

import json
import logging
from pathlib import Path

import optuna
import pandas as pd
import pytest
from tiny_search import both, disk_at, run

from tuning.books.journal import Journal
from tuning.files.disk import Disk
from tuning.schema import CANCELLED, COMPLETE, DIVERGED, FAIL, PRUNED, STORAGE_FULL
from tuning.store import Store
from tuning.training.endings import Ending


@pytest.fixture
def journal(store: Store, study: optuna.Study, tmp_path: Path) -> Journal:
    return Journal(store, study, ["valid/ndcg@10"], disk_at(tmp_path, keep_models=1))


def files(folder: Path, number: int) -> Path:
    """A model, and a training state as Ray keeps it, of trial `number`; gives the state's path."""
    state = folder / "ray" / "s" / "driver" / f"trial-{number:05d}" / "checkpoint_000000"
    for path in (folder / "models" / f"s.{number}", state):
        path.mkdir(parents=True)
        (path / "model.safetensors").write_bytes(b"0" * 1000)
    return state


def models(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "models").iterdir())


def trial(journal: Journal, study: optuna.Study, folder: Path, value: float, ending: Ending | None) -> Path:
    number = run(journal, study, value)
    state = files(folder, number)
    journal.checkpointed(number, str(state))
    if ending:
        journal.ended(number, ending)
    return state


def test_an_ended_trial_leaves_no_training_state_and_only_the_best_leave_a_model(
    journal: Journal, study: optuna.Study, store: Store, tmp_path: Path
):
    endings = [Ending(COMPLETE), Ending(PRUNED), Ending(COMPLETE), Ending(FAIL, DIVERGED), Ending(COMPLETE)]
    values = [0.2, 0.9, 0.3, 0.9, 0.4]
    states = [trial(journal, study, tmp_path, *each) for each in zip(values, endings, strict=True)]
    running = trial(journal, study, tmp_path, 0.1, None)
    assert models(tmp_path) == ["s.0", "s.4", "s.5"]
    assert not any(state.exists() for state in states) and running.exists()
    assert store.trials("s")["checkpoint"].isna().tolist() == [True] * 5 + [False]


@pytest.mark.parametrize("reason", [CANCELLED, STORAGE_FULL])
def test_what_was_cut_off_keeps_all_until_another_trial_has_a_state_of_its_own(
    journal: Journal, study: optuna.Study, store: Store, tmp_path: Path, reason: str
):
    trial(journal, study, tmp_path, 0.5, Ending(COMPLETE))
    state = trial(journal, study, tmp_path, 0.2, Ending(FAIL, reason))
    trial(journal, study, tmp_path, 0.3, Ending(PRUNED))
    assert models(tmp_path) == ["s.0", "s.1"] and state.exists()
    new = study.ask({"beta": optuna.distributions.FloatDistribution(0, 1)}).number
    journal.proposed(new, {"beta": 0.5}, retry_of=1, checkpoint=str(state))
    assert state.exists() and both(store, study, new)[0]["checkpoint"] == str(state)
    journal.checkpointed(new, str(state.parents[1] / "trial-00003" / "checkpoint_000000"))
    assert not state.exists() and pd.isna(both(store, study, 1)[0]["checkpoint"])


def test_the_store_forgets_a_training_state_before_it_is_deleted(
    journal: Journal, study: optuna.Study, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = []
    monkeypatch.setattr(
        journal._disk, "delete_checkpoints", lambda paths: seen.append(both(store, study, 0)[0]["checkpoint"])
    )
    trial(journal, study, tmp_path, 0.5, Ending(COMPLETE))
    assert seen == [None]


def test_another_driver_deletes_what_the_first_had_no_time_to(
    journal: Journal, study: optuna.Study, store: Store, tmp_path: Path
):
    wanted = trial(journal, study, tmp_path, 0.5, Ending(FAIL, CANCELLED))
    orphan = files(tmp_path, 7)
    unheard_of = wanted.with_name("checkpoint_000001")
    unheard_of.mkdir()
    others = tmp_path / "models" / "other.7"
    others.mkdir()
    (tmp_path / "models" / ".s.1.99.tmp").mkdir()
    (tmp_path / "models" / ".other.1.99.tmp").mkdir()
    Journal(store, study, ["valid/ndcg@10"], disk_at(tmp_path)).load()
    assert wanted.exists() and not orphan.exists() and not unheard_of.exists()
    assert models(tmp_path) == [".other.1.99.tmp", "other.7", "s.0", "s.7"]  # trial 7 is not in the store: not ours


def test_nothing_is_deleted_where_a_wanted_training_state_lies_elsewhere(
    journal: Journal, study: optuna.Study, store: Store, tmp_path: Path
):
    trial(journal, study, tmp_path, 0.5, Ending(FAIL, CANCELLED))
    store.save_trial({"trial_id": "s.0", "checkpoint": "/moved/ray/s/driver/trial-00000/checkpoint_000000"})
    orphan = files(tmp_path, 7)
    Journal(store, study, ["valid/ndcg@10"], disk_at(tmp_path)).load()
    assert orphan.exists()


def test_a_path_outside_of_the_storage_is_never_deleted(journal: Journal, tmp_path_factory: pytest.TempPathFactory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "ray"
    elsewhere.mkdir()
    journal._disk.delete_checkpoints([str(elsewhere)])
    assert elsewhere.exists()


def test_the_budget_is_said_once(
    journal: Journal, study: optuna.Study, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "tuning.files.disk")
    for folder, name in (("recommendations", "s.0.parquet"), ("diagnostics", "s.0.json")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(json.dumps("x" * 98))
    trial(journal, study, tmp_path, 0.5, Ending(COMPLETE))
    trial(journal, study, tmp_path, 0.5, Ending(COMPLETE))
    lines = [record.getMessage() for record in caplog.records if record.name == "tuning.files.disk"]
    assert len(lines) == 1  # 3 trials of 1000 B of model, 2 states of 1000 B at the one at work, 3 results of 200 B
    assert lines[0].startswith(
        "on disk at most 5.6 kB if every trial is as large as this one: 3 models of 1.0 kB, 2 training states of 1.0 kB"
    )


def test_the_state_that_ray_keeps_beside_the_last_one_goes_with_it(
    journal: Journal, study: optuna.Study, tmp_path: Path
):
    state = files(tmp_path, 0)
    earlier = state.with_name("checkpoint_000007")
    earlier.mkdir()
    other = state.with_name("result.json")
    other.touch()
    number = run(journal, study, 0.5)
    journal.checkpointed(number, str(state))
    journal.ended(number, Ending(COMPLETE))
    assert not state.exists() and not earlier.exists() and other.exists()


@pytest.fixture(params=["local", "s3"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A storage path."""
    return (
        str(tmp_path / "files")
        if request.param == "local"
        else request.getfixturevalue("s3_bucket").format(tmp_path.name)
    )


def put(disk: Disk, name: str, size: int) -> None:
    disk.storage.write(
        name, lambda path: path.parent.mkdir(parents=True, exist_ok=True) or path.write_bytes(b"0" * size)
    )


def put_trial(disk: Disk, number: int) -> str:
    """A model and a training state of 1000 bytes each, 200 of results; gives the state's path."""
    put(disk, f"models/s.{number}/model.safetensors", 1000)
    put(disk, f"recommendations/s.{number}.parquet", 150)
    put(disk, f"diagnostics/s.{number}.json", 50)
    state = f"ray/s/driver/trial-{number:05d}/checkpoint_000000"
    put(disk, f"{state}/model.safetensors", 1000)
    return disk.storage.path(state)


def test_the_disk_budget_is_kept_by_the_worst_models(
    store: Store, study: optuna.Study, anywhere: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "tuning.files.disk")
    disk = disk_at(anywhere, budget=3900)
    journal = Journal(store, study, ["valid/ndcg@10"], disk)
    put(disk, "models/other.7/model.safetensors", 9000)  # another study's does not count
    for value in (0.2, 0.4, 0.3):  # each 1200 bytes once it has ended
        number = run(journal, study, value)
        journal.checkpointed(number, put_trial(disk, number))
        journal.ended(number, Ending(COMPLETE))
    assert disk.storage.names("models") == ["other.7", "s.0", "s.1", "s.2"], "3600 bytes are within the budget"
    running = run(journal, study, 0.1)
    state = put_trial(disk, running)  # 5800
    disk._looked_at = -float("inf")
    journal.checkpointed(running, state)
    assert disk.storage.names("models") == ["other.7", "s.1", "s.3"], "the best one and the one at work"
    assert disk.storage.exists(str(disk.storage.name_of(state)))
    assert len(disk.storage.names("recommendations")) == 4
    assert (
        "the disk budget of 3.9 kB: 5.8 kB were used, without the models of trials 0, 2 it is 3.8 kB" in caplog.messages
    )
    assert any(line.startswith("the disk budget is 3.9 kB, 2.2 kB of it used now") for line in caplog.messages)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_disk_budget_that_cannot_be_kept_is_said_once_and_costs_no_training_state(
    store: Store, study: optuna.Study, anywhere: str, caplog: pytest.LogCaptureFixture
):
    disk = disk_at(anywhere, budget=1500)
    journal = Journal(store, study, ["valid/ndcg@10"], disk)
    best, running = run(journal, study, 0.5), run(journal, study, 0.1)
    put_trial(disk, best)
    states = [put_trial(disk, running)]
    for index in range(5):
        disk._looked_at = -float("inf")
        if index == 2:
            disk.storage.delete("models/s.0")
            disk.storage.delete("ray")  # within the budget for a moment
            assert disk._used()[1] <= 1500
        elif index == 3:
            put_trial(disk, best)
            put_trial(disk, running)
        journal.checkpointed(running, states[0])
    journal.ended(best, Ending(COMPLETE))
    assert disk.storage.names("models") == ["s.0", "s.1"]
    assert disk.storage.exists(str(disk.storage.name_of(states[0])))
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith("the disk budget of 1.5 kB cannot be kept: 4.4 kB are used with no model but")


def test_a_study_taken_up_with_a_smaller_budget_keeps_to_it_at_once(store: Store, study: optuna.Study, anywhere: str):
    disk = disk_at(anywhere)
    journal = Journal(store, study, ["valid/ndcg@10"], disk)
    for value in (0.2, 0.4, 0.3):
        number = run(journal, study, value)
        journal.checkpointed(number, put_trial(disk, number))
        journal.ended(number, Ending(COMPLETE))
    Journal(store, study, ["valid/ndcg@10"], disk_at(anywhere, budget=2600)).load()
    assert disk.storage.names("models") == ["s.1", "s.2"]
