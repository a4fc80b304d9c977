from datetime import timedelta

import pytest
from stored_search import EPOCH_SECONDS, OBJECTIVE, create, make_spec, rising, search

from tuning.pruning.trained import Trained, reports_of, trained_trials
from tuning.schema import CANCELLED, COMPLETE, DIVERGED, FAIL, INVALID, OVER_LIMIT, PRUNED, RUNNING, WORKER_LOST
from tuning.store import Store


def save(store: Store, number: int, state: str = COMPLETE, epochs: int = 1, **columns) -> None:
    trial = {"trial_id": f"study.{number}", "study_name": "study", "number": number, "params_json": "{}"}
    store.save_trial(trial | {"state": state} | columns)
    for epoch in range(1, epochs + 1):
        store.save_metrics(f"study.{number}", epoch, {OBJECTIVE: 0.1, "train/seconds": 2.0, "valid/seconds": 1.0})


def test_epochs_verdicts_and_values_come_back(store: Store):
    search(store, make_spec(pruner={"audit_share": 1}), [rising(9.0), rising(4.5)])
    first, audited = trained_trials(store, "study", OBJECTIVE)
    assert (first.number, first.params["beta"], first.value, first.given_up, first.last_epoch) == (0, 0.2, 9, None, 9)
    assert (audited.state, audited.value, audited.given_up) == (COMPLETE, 4.5, 1)
    assert audited.epochs[2].value == 1.0
    assert (audited.epochs[2].train_seconds, audited.epochs[2].reported_seconds) == (EPOCH_SECONDS, 11 * EPOCH_SECONDS)


def test_reports_come_in_the_order_in_which_the_driver_heard_of_them(store: Store):
    create(store, make_spec())
    for number in (0, 1):
        save(store, number, epochs=2)
        for epoch in (1, 2):
            store.save_metrics(f"study.{number}", epoch, {"train/reported_seconds": 10 * epoch - number})
    reports = reports_of(trained_trials(store, "study", OBJECTIVE))
    assert [(report.number, report.epoch) for report in reports] == [(1, 1), (0, 1), (1, 2), (0, 2)]


def test_an_older_store_is_put_in_order_by_the_lengths_of_its_epochs(store: Store):
    create(store, make_spec())
    row = store.study("study")
    assert row is not None
    save(store, 0, epochs=3, started_at=row["created_at"] + timedelta(seconds=5))
    save(store, 1, epochs=1, started_at=row["created_at"] + timedelta(seconds=9))
    trials = trained_trials(store, "study", OBJECTIVE)
    assert [epoch.reported_seconds for epoch in trials[0].epochs.values()] == [5 + 3, 5 + 6, 5 + 9]
    assert [(report.number, report.epoch) for report in reports_of(trials)] == [(0, 1), (0, 2), (1, 1), (0, 3)]


def test_in_an_older_store_a_pruned_trial_was_judged_in_its_last_epoch(store: Store):
    create(store, make_spec())
    save(store, 0, PRUNED, epochs=3)
    save(store, 1, PRUNED, epochs=3, reason=OVER_LIMIT)
    save(store, 2, COMPLETE, epochs=3)
    assert [trial.given_up for trial in trained_trials(store, "study", OBJECTIVE)] == [3, None, None]


def test_trials_that_never_ran_or_go_on_under_another_number_are_left_out(store: Store):
    create(store, make_spec())
    save(store, 0, FAIL, reason=WORKER_LOST)
    save(store, 1, FAIL, reason=INVALID, epochs=0)
    save(store, 2, RUNNING, epochs=0)
    save(store, 3, FAIL, reason=CANCELLED)
    save(store, 4, retry_of=0)
    assert [trial.number for trial in trained_trials(store, "study", OBJECTIVE)] == [3, 4]


def test_epochs_that_were_not_validated_have_no_value_and_no_report(store: Store):
    create(store, make_spec())
    save(store, 0)
    store.save_metrics("study.0", 2, {"train/seconds": 2.0})
    (trial,) = trained_trials(store, "study", OBJECTIVE)
    assert [epoch.value for epoch in trial.epochs.values()] == [0.1, None]
    assert len(reports_of([trial])) == 1


def test_a_study_without_trials_has_trained_nothing(store: Store):
    create(store, make_spec())
    assert trained_trials(store, "study", OBJECTIVE) == []


@pytest.mark.parametrize(
    ("state", "reason", "is_whole"),
    [
        (COMPLETE, None, True),
        (FAIL, DIVERGED, True),
        (PRUNED, OVER_LIMIT, True),
        (PRUNED, None, False),
        (RUNNING, None, False),
        (FAIL, CANCELLED, False),
        (FAIL, WORKER_LOST, False),
    ],
)
def test_a_trial_is_whole_where_no_pruner_could_have_it_train_on(state: str, reason: str | None, is_whole: bool):
    assert Trained(0, {}, state, reason, None, None, {}).is_whole == is_whole
