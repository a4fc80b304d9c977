import json
import math
import time
from pathlib import Path

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState
from tiny_search import OBJECTIVE, UnreliableStore, both, disk_at, epoch, run

from tuning.books.driver import Heartbeat
from tuning.books.journal import Journal
from tuning.books.record import TrialRecord, asked_for
from tuning.errors import SearchError
from tuning.planning.spec import Limits
from tuning.schema import (
    CANCELLED,
    COMPLETE,
    DIVERGED,
    FAIL,
    INVALID,
    OVER_LIMIT,
    PRUNED,
    RUNNING,
    STORAGE_FULL,
    WORKER_LOST,
)
from tuning.store import LIVE_SECONDS, Store, StoreError
from tuning.training.endings import Ending, ending_of
from tuning.user_ranks import USER_RANKS


@pytest.mark.parametrize("state", [COMPLETE, PRUNED])
def test_the_value_is_that_of_the_best_epoch_in_both_tables(
    journal: Journal, study: optuna.Study, store: Store, state: str
):
    number = run(journal, study, 0.1, 0.3, 0.2)
    journal.ended(number, Ending(state))
    row, trial = both(store, study, number)
    assert (row["state"], row["value"], row["best_epoch"]) == (state, 0.3, 2)
    assert (trial.state, trial.value) == (TrialState[state], 0.3)
    assert trial.intermediate_values == {1: 0.1, 2: 0.3, 3: 0.2}


def test_a_failed_trial_has_a_reason_and_no_value_in_both_tables(journal: Journal, study: optuna.Study, store: Store):
    number = run(journal, study, 0.1)
    journal.ended(number, Ending(FAIL, DIVERGED, "loss is nan"))
    row, trial = both(store, study, number)
    assert (row["state"], row["reason"], row["error"]) == (FAIL, DIVERGED, "loss is nan")
    assert pd.isna(row["value"])
    assert (trial.state, trial.value, trial.user_attrs["reason"]) == (TrialState.FAIL, None, DIVERGED)


def test_nan_never_reaches_optuna(journal: Journal, study: optuna.Study, store: Store):
    number = run(journal, study, 0.1, math.nan)
    assert both(store, study, number)[1].intermediate_values == {1: 0.1}


def test_epochs_that_a_retried_trial_repeats_replace_the_old_ones(journal: Journal, study: optuna.Study, store: Store):
    number = run(journal, study, 0.1, 0.2)
    journal.reported(number, epoch(2, 0.25, 2, 0.25))
    assert both(store, study, number)[1].intermediate_values == {1: 0.1, 2: 0.25}
    rows = store.metrics(["s.0"], "valid")
    assert rows["value"].tolist() == [0.1, 0.25]


def test_only_metrics_are_stored(journal: Journal, study: optuna.Study, store: Store):
    run(journal, study, 0.1)
    assert set(store.metrics(["s.0"])["name"]) == {"ndcg@10", "loss_total", "reported_seconds"}


def test_a_rejected_trial_is_invalid_in_both_tables(journal: Journal, study: optuna.Study, store: Store):
    number = study.ask().number
    journal.rejected(number, {"beta": 2}, "beta is too large")
    row, trial = both(store, study, number)
    assert (row["state"], row["reason"], row["params"]) == (FAIL, INVALID, {"beta": 2})
    assert trial.user_attrs == {"reason": INVALID, "error": "beta is too large"}


def test_what_is_in_flight_when_the_search_stops_is_cancelled(journal: Journal, study: optuna.Study, store: Store):
    done, flying = run(journal, study, 0.1), run(journal, study, 0.2)
    journal.ended(done, Ending(COMPLETE))
    journal.cancel_running("Ctrl-C")
    assert pd.isna(both(store, study, done)[0]["reason"])
    assert both(store, study, flying)[0]["reason"] == CANCELLED
    assert study.trials[flying].state == TrialState.FAIL


def test_every_row_arrives_when_the_store_comes_back(
    journal: Journal, study: optuna.Study, store: UnreliableStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tuning.books.writes._RETRY_SECONDS", 0.0)
    number = run(journal, study, 0.1)
    store.is_away = True
    journal.reported(number, epoch(2, 0.2, 2, 0.2))
    journal.ended(number, Ending(COMPLETE))
    journal.flush()
    assert not journal.flush()
    assert study.trials[number].state == TrialState.RUNNING
    store.is_away = False
    assert journal.flush()
    row, trial = both(store, study, number)
    assert (row["state"], row["value"], trial.value) == (COMPLETE, 0.2, 0.2)
    assert len(store.metrics(["s.0"], "valid")) == 2


def test_a_store_that_stays_away_is_an_error_at_the_end(journal: Journal, store: UnreliableStore, study: optuna.Study):
    run(journal, study, 0.1)
    store.is_away = True
    journal.checkpointed(0, "/somewhere")
    with pytest.raises(StoreError, match="did not come back"):
        journal.close(timeout_seconds=0.0)


def test_an_ending_told_twice_stands(journal: Journal, study: optuna.Study, store: Store):
    number = run(journal, study, 0.1)
    journal.ended(number, Ending(COMPLETE))
    journal.ended(number, Ending(COMPLETE))
    assert study.trials[number].value == 0.1


def test_a_trial_goes_on_with_the_epochs_and_files_of_the_one_it_retries(
    journal: Journal, study: optuna.Study, store: Store, tmp_path: Path
):
    old = run(journal, study, 0.1, 0.2)
    path = tmp_path / "diagnostics" / "s.0.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"best": 2}), encoding="utf-8")
    journal.ended(old, Ending(FAIL, WORKER_LOST))
    new = study.ask().number
    journal.proposed(new, {"beta": 0.5}, retry_of=old, checkpoint="/checkpoint")
    assert study.trials[new].intermediate_values == {1: 0.1, 2: 0.2}
    assert store.metrics(["s.1"], "valid")["value"].tolist() == [0.1, 0.2]
    assert (tmp_path / "diagnostics" / "s.1.json").read_text() == path.read_text()
    row, _ = both(store, study, new)
    assert (row["state"], row["retry_of"], row["checkpoint"]) == (RUNNING, 0, "/checkpoint")
    assert (row["best_epoch"], row["value"]) == (2, 0.2)


def test_another_driver_takes_over_what_was_written(
    journal: Journal, study: optuna.Study, store: Store, tmp_path: Path
):
    journal.ended(run(journal, study, 0.1, 0.2), Ending(COMPLETE))
    other = Journal(store, study, [OBJECTIVE], disk_at(tmp_path))
    other.load()
    record = other.records[0]
    assert (record.state, record.best_epoch, record.best_value, record.params) == (COMPLETE, 2, 0.2, {"beta": 0.5})


def test_trials_that_never_ran_or_go_on_elsewhere_do_not_count():
    records = [
        TrialRecord(0, {}, FAIL, WORKER_LOST),
        TrialRecord(1, {}, COMPLETE, retry_of=0),
        TrialRecord(2, {}, FAIL, INVALID),
        TrialRecord(3, {}, FAIL, CANCELLED),
        TrialRecord(4, {}, FAIL, DIVERGED),
        TrialRecord(5, {}, FAIL, STORAGE_FULL),
    ]
    assert [record.number for record in asked_for(records)] == [1, 4]


def test_costs_are_kept_beside_the_objective_and_told_in_the_objectives_order(store: Store, tmp_path: Path):
    study = optuna.create_study(storage=f"sqlite:///{tmp_path}/store.db", study_name="two", directions=["maximize"] * 2)
    store.create_study(dict(store_row(store), study_name="two"), ["train_seconds"])
    journal = Journal(store, study, [OBJECTIVE, "train_seconds"], disk_at(tmp_path), Limits(memory_gigabytes=2))
    number = study.ask({"beta": optuna.distributions.FloatDistribution(0, 1)}).number
    journal.proposed(number, {"beta": 0.5})
    costs = {"train/seconds": 2.0, "train/memory_bytes": 1.5e9, "parameters": 70}
    for index, value in enumerate((0.2, 0.1), start=1):
        journal.reported(number, epoch(index, value, 1, 0.2) | costs)
    journal.ended(number, Ending(COMPLETE))
    assert store.values("two").set_index("name")["value"].to_dict() == {
        OBJECTIVE: 0.2,
        "train_seconds": 4.0,
        "parameters": 70.0,
    }
    assert study.trials[number].values == [0.2, 4.0]
    assert study.trials[number].constraints == {"memory_gigabytes": -0.5}


def test_a_trial_above_a_limit_is_pruned_and_infeasible(store: Store, study: optuna.Study, tmp_path: Path):
    journal = Journal(store, study, [OBJECTIVE], disk_at(tmp_path), Limits(train_seconds=3))
    number = run(journal, study)
    assert not journal.breaks_limit(number, epoch(1, 0.1, 1, 0.1) | {"train/seconds": 2.0})
    journal.reported(number, epoch(1, 0.1, 1, 0.1) | {"train/seconds": 2.0})
    second = epoch(2, 0.2, 2, 0.2) | {"train/seconds": 2.5}
    assert journal.breaks_limit(number, second)
    journal.reported(number, second)
    record = journal.records[number]
    journal.ended(number, ending_of({"finished": True}, record.best_value, True, record.over_limit))
    row, trial = both(store, study, number)
    assert (row["state"], row["reason"], row["error"]) == (
        PRUNED,
        OVER_LIMIT,
        "needs 4.5 train seconds and may need 3",
    )
    assert trial.state.name == PRUNED and trial.constraints == {"train_seconds": 1.5}
    assert pd.isna(row["pruned_epoch"]), "no pruner has judged it"


def test_the_epoch_of_the_pruners_verdict_is_kept(journal: Journal, study: optuna.Study, store: Store):
    pruned = run(journal, study, 0.1, 0.2)
    journal.ended(pruned, Ending(PRUNED))
    audited = run(journal, study, 0.1)
    journal.given_up(audited, 1)
    journal.reported(audited, epoch(2, 0.3, 2, 0.3))
    journal.ended(audited, Ending(COMPLETE))
    assert store.trials("s")["pruned_epoch"].tolist() == [2, 1]


def test_a_driver_whose_study_was_taken_over_writes_no_more(
    store: UnreliableStore, study: optuna.Study, tmp_path: Path
):
    heartbeat = Heartbeat(store, "s", "another")
    journal = Journal(store, study, [OBJECTIVE], disk_at(tmp_path), heartbeat=heartbeat)
    number = run(journal, study, 0.1)
    with pytest.raises(SearchError, match="another driver has taken study 's' over"):
        heartbeat.require_mine()
    journal.ended(number, Ending(COMPLETE))
    journal.close(timeout_seconds=0.0)
    assert both(store, study, number)[0]["state"] == RUNNING


def test_a_driver_that_was_silent_asks_whether_the_study_is_still_its_own_before_it_writes(
    store: UnreliableStore, study: optuna.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store.update_study("s", driver="mine")
    journal = Journal(store, study, [OBJECTIVE], disk_at(tmp_path), heartbeat=Heartbeat(store, "s", "mine"))
    number = run(journal, study, 0.1)
    store.update_study("s", driver="another")
    silent_until(time.monotonic() + LIVE_SECONDS, monkeypatch)
    journal.reported(number, epoch(2, 0.2, 2, 0.2))
    assert journal.was_taken_over
    assert store.metrics([journal.trial_id(number)], "valid", ["ndcg@10"])["epoch"].tolist() == [1]
    assert list(study.trials[number].intermediate_values) == [1]


def test_nothing_waits_and_still_a_driver_that_was_silent_asks_before_it_goes_on(
    store: UnreliableStore, study: optuna.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store.update_study("s", driver="mine")
    journal = Journal(store, study, [OBJECTIVE], disk_at(tmp_path), heartbeat=Heartbeat(store, "s", "mine"))
    assert journal.flush()
    silent_until(time.monotonic() + LIVE_SECONDS, monkeypatch)
    monkeypatch.setattr("tuning.books.writes._RETRY_SECONDS", 0.0)
    store.is_away = True
    assert not journal.flush(), "whose the study is by now cannot be known"
    store.is_away = False
    assert journal.flush(), "it is its own still"
    store.update_study("s", driver="another")
    silent_until(time.monotonic() + LIVE_SECONDS, monkeypatch)
    assert not journal.flush() and not journal.flush()
    journal.close(timeout_seconds=0.0)
    assert journal.was_taken_over


def silent_until(later: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuning.books.driver.time.monotonic", lambda: later)


def test_what_can_never_be_written_holds_up_nothing(journal: Journal, study: optuna.Study, store: Store):
    number = run(journal, study, 0.1)
    journal._write(lambda: store.save_metrics("no such trial", 1, {"valid/ndcg@10": 0.5}))
    journal._write(lambda: study._storage.set_trial_state_values(study.trials[number]._trial_id, TrialState.FAIL))
    journal.reported(number, epoch(2, 0.2, 2, 0.2))  # Optuna refuses it: the trial has ended there
    assert journal.flush()
    assert store.metrics(["s.0"], "valid", ["ndcg@10"])["value"].tolist() == [0.1, 0.2]


def test_an_error_that_is_not_the_database_s_holds_up_nothing_and_is_told_with_its_place(
    journal: Journal, study: optuna.Study, store: Store, caplog: pytest.LogCaptureFixture
):
    number = run(journal, study, 0.1)
    journal._write(lambda: store.save_metrics("s.0", 2, {"valid/ndcg@10": "no number"}))  # type: ignore[dict-item]
    journal.ended(number, Ending(COMPLETE))
    assert journal.flush()
    assert both(store, study, number)[0]["state"] == COMPLETE
    assert "left out" in caplog.text and "Traceback" in caplog.text and "in save_metrics" in caplog.text


def store_row(store: Store) -> dict:
    row = store.study("s")
    return {key: value for key, value in row.items() if key not in ("spec", "created_at")}


def test_the_users_ranks_are_kept_though_the_store_was_away(
    journal: Journal, study: optuna.Study, store: UnreliableStore
):
    number = run(journal, study, 0.1)
    store.is_away = True
    journal.reported(number, epoch(2, 0.2, 2, 0.2) | {USER_RANKS: b"ranks"})
    store.is_away = False
    journal.close()
    found = store.user_ranks([journal.trial_id(number)])
    assert [(row.epoch, bytes(row.ranks)) for row in found.itertuples()] == [(2, b"ranks")]
