import time
from datetime import datetime, timedelta
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from tiny_search import OBJECTIVE, both, disk_at, run

from tuning.books.driver import claim
from tuning.books.journal import Journal
from tuning.errors import SearchError
from tuning.proposing.proposals import INSTEAD_OF, RESUME_CHECKPOINT, RETRY_OF
from tuning.schema import (
    CANCELLED,
    COMPLETE,
    DIVERGED,
    FAIL,
    INVALID,
    OUT_OF_MEMORY,
    PRUNED,
    RUNNING,
    STORAGE_FULL,
    WORKER_LOST,
)
from tuning.store import Store, now
from tuning.study.resume import awaited, finished_count, requeue_unfinished
from tuning.training.endings import Ending


def requeue(store: Store, study: optuna.Study, retry_failed: bool = False) -> None:
    requeue_unfinished(store, study, ["beta"], lambda path: path, retry_failed)


def holder(store: Store) -> tuple[str, datetime]:
    """The driver that has the study, and when it was alive last."""
    row = store.study("s") or {}
    return row["driver"], row["heartbeat_at"]


def waiting(study: optuna.Study) -> list[dict]:
    return [trial.user_attrs for trial in study.get_trials(states=(TrialState.WAITING,))]


def test_what_was_in_flight_is_lost_and_enqueued_with_its_checkpoint(
    journal: Journal, study: optuna.Study, store: Store
):
    done, flying, cut = run(journal, study, 0.1), run(journal, study, 0.2), run(journal, study, 0.3)
    journal.checkpointed(flying, "/checkpoint_1")
    journal.ended(done, Ending(COMPLETE))
    journal.ended(cut, Ending(FAIL, CANCELLED, "Ctrl-C"))
    requeue(store, study)
    assert waiting(study) == [
        {RESUME_CHECKPOINT: "/checkpoint_1", RETRY_OF: flying},
        {RESUME_CHECKPOINT: None, RETRY_OF: cut},
    ]
    row, trial = both(store, study, flying)
    assert (row["state"], row["reason"], trial.state) == (FAIL, WORKER_LOST, TrialState.FAIL)
    assert finished_count(study) == 1


def test_a_trial_without_room_goes_on_with_its_checkpoint_and_does_not_count(
    journal: Journal, study: optuna.Study, store: Store, tmp_path: Path
):
    number = run(journal, study, 0.2)
    checkpoint = str(tmp_path / "ray" / "s" / "driver" / "trial-00000" / "checkpoint_000000")
    journal.checkpointed(number, checkpoint)
    journal.ended(number, Ending(FAIL, STORAGE_FULL, "No space left on device"))
    assert finished_count(study) == 0
    requeue(store, study)
    assert waiting(study) == [{RESUME_CHECKPOINT: checkpoint, RETRY_OF: number}]
    assert both(store, study, number)[0]["reason"] == STORAGE_FULL


def test_an_epoch_that_only_the_store_heard_of_reaches_optuna(journal: Journal, study: optuna.Study, store: Store):
    number = run(journal, study, 0.2)
    epoch = 1 + max(study.trials[number].intermediate_values)
    store.save_metrics(journal.trial_id(number), epoch, {OBJECTIVE: 0.25})
    store.save_metrics(journal.trial_id(number), epoch + 1, {OBJECTIVE: float("nan")})
    requeue(store, study)
    told = study.trials[number].intermediate_values
    assert (told[epoch], max(told)) == (0.25, epoch)


def test_a_resume_keeps_the_checkpoints_that_trials_go_on_from_and_no_others(
    journal: Journal, study: optuna.Study, store: Store, tmp_path: Path
):
    """Killed after the endings were written, before the training states were deleted; one was lost, and again."""

    def state(number: int) -> str:
        path = tmp_path / "ray" / "s" / "driver" / f"trial-{number:05d}" / "checkpoint_000000"
        path.mkdir(parents=True)
        store.save_trial({"trial_id": f"s.{number}", "checkpoint": str(path)})
        return str(path)

    ends = [
        Ending(COMPLETE),
        Ending(PRUNED),
        Ending(FAIL, DIVERGED),
        Ending(FAIL, OUT_OF_MEMORY),
        Ending(FAIL, CANCELLED),
    ]
    numbers = [run(journal, study, 0.1) for _ in (*ends, "lost")]
    for number, ending in zip(numbers, ends, strict=False):
        journal.ended(number, ending)
    states = {number: state(number) for number in numbers}
    cut, lost = numbers[-2:]
    requeue(store, study, retry_failed=True)  # those that failed begin anew
    again = lost
    while study.trials[again].user_attrs.get(RETRY_OF) != lost:
        again = study.ask({"beta": optuna.distributions.FloatDistribution(0, 1)}).number
    journal.proposed(again, study.trials[again].params, retry_of=lost, checkpoint=states[lost])
    requeue(store, study, retry_failed=True)
    (goes_on,) = [one for one in waiting(study) if one[RETRY_OF] == again]
    assert goes_on[RESUME_CHECKPOINT] == states[lost]
    assert awaited(study) == {cut, again}
    Journal(store, study, [OBJECTIVE], disk_at(tmp_path)).load(awaited(study))
    assert {number for number, path in states.items() if Path(path).exists()} == {cut, lost}
    kept = store.trials("s").set_index("number")["checkpoint"].dropna()
    assert kept.to_dict() == {cut: states[cut], lost: states[lost], again: states[lost]}


def test_resuming_twice_enqueues_once(journal: Journal, study: optuna.Study, store: Store):
    run(journal, study, 0.2)
    requeue(store, study)
    requeue(store, study)
    assert len(waiting(study)) == 1


def test_a_trial_cut_off_before_its_first_checkpoint_keeps_the_one_it_came_with(
    journal: Journal, study: optuna.Study, store: Store
):
    run(journal, study, 0.1)
    journal.checkpointed(0, "/checkpoint_1")
    requeue(store, study)
    number = study.ask({"beta": optuna.distributions.FloatDistribution(0, 1)}).number
    journal.proposed(number, study.trials[number].params, retry_of=0, checkpoint="/checkpoint_1")
    requeue(store, study)
    assert waiting(study) == [{RESUME_CHECKPOINT: "/checkpoint_1", RETRY_OF: number}]


def test_a_trial_that_the_store_never_heard_of_is_mended(journal: Journal, study: optuna.Study, store: Store):
    run(journal, study, 0.1)
    number = study.ask().number  # killed before its parameters were drawn
    requeue(store, study)
    row, trial = both(store, study, number)
    assert (row["state"], row["reason"], trial.state) == (FAIL, INVALID, TrialState.FAIL)


def test_an_ending_that_only_optuna_heard_of_reaches_the_store(journal: Journal, study: optuna.Study, store: Store):
    number = run(journal, study, 0.1)
    study.tell(number, 0.1)
    assert both(store, study, number)[0]["state"] == RUNNING
    requeue(store, study)
    row, _ = both(store, study, number)
    assert (row["state"], row["value"]) == (COMPLETE, 0.1)
    assert not waiting(study)


def test_failed_trials_count_and_are_not_run_again(journal: Journal, study: optuna.Study, store: Store):
    journal.ended(run(journal, study), Ending(FAIL, DIVERGED, "nan"))
    journal.rejected(study.ask().number, {}, "impossible")
    requeue(store, study)
    assert not waiting(study)
    assert finished_count(study) == 1


def test_failed_trials_are_retried_from_their_start_when_asked_to(journal: Journal, study: optuna.Study, store: Store):
    failed = run(journal, study, 0.1)
    journal.checkpointed(failed, "/somewhere")
    journal.ended(failed, Ending(FAIL, OUT_OF_MEMORY, "too large"))
    journal.rejected(study.ask().number, {}, "impossible")
    requeue(store, study, retry_failed=True)
    requeue(store, study, retry_failed=True)
    (again,) = waiting(study)
    assert again == {RESUME_CHECKPOINT: None, RETRY_OF: failed}
    assert finished_count(study) == 0


def test_a_driver_long_dead_or_gone_in_order_is_no_obstacle(store: Store):
    claim(store, "s", "me")
    assert holder(store)[0] == "me"
    store.update_study("s", heartbeat_at=now() - timedelta(minutes=11))
    began = time.monotonic()
    claim(store, "s", "next")
    name, beat = holder(store)
    assert name == "next" and (now() - beat).total_seconds() < 5
    assert time.monotonic() - began < 5, "a driver long dead was waited for"


def test_a_driver_that_died_just_now_is_waited_for(store: Store):
    store.update_study("s", driver="other/boot/pid:[1] 1 abc", heartbeat_at=now())
    began = time.monotonic()
    claim(store, "s", "me", live_seconds=1.0)
    assert time.monotonic() - began >= 0.9, "it may have been alive"
    assert holder(store)[0] == "me" and not store.beat("s", "other/boot/pid:[1] 1 abc")


def test_a_second_driver_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch):
    store.update_study("s", heartbeat_at=now())
    monkeypatch.setattr("tuning.books.driver.time.sleep", lambda _: store.update_study("s", heartbeat_at=now()))
    with pytest.raises(SearchError, match="has a driver at work"):
        claim(store, "s", "me")


def test_a_proposal_that_nobody_heard_of_is_made_again_as_it_was(study: optuna.Study, store: Store, journal: Journal):
    """The driver was killed between Optuna's answer and the first row: once whole, once before anything was drawn."""
    run(journal, study, 0.1)
    study.ask({"beta": optuna.distributions.FloatDistribution(0, 1)})
    study.enqueue_trial({"beta": 0.25}, user_attrs={RETRY_OF: 0, RESUME_CHECKPOINT: "/somewhere"})
    study.ask()
    study.ask()
    drawn = study.trials[1].params
    requeue(store, study)
    requeue(store, study)
    enqueued = [
        (trial.system_attrs["fixed_params"], trial.user_attrs)
        for trial in study.get_trials(states=(TrialState.WAITING,))
    ]
    assert ({**drawn}, {INSTEAD_OF: 1}) in enqueued
    assert ({"beta": 0.25}, {INSTEAD_OF: 2, RETRY_OF: 0, RESUME_CHECKPOINT: "/somewhere"}) in enqueued
    assert store.trials("s")["reason"].tolist()[1:] == [INVALID] * 3
    assert finished_count(study) == 0


def test_a_trial_goes_on_from_the_checkpoint_that_is_there(journal: Journal, study: optuna.Study, store: Store):
    number = run(journal, study, 0.1)
    journal.checkpointed(number, "/gone/checkpoint_000001")
    requeue_unfinished(store, study, ["beta"], lambda path: path.replace("1", "2"))
    assert waiting(study)[0][RESUME_CHECKPOINT] == "/gone/checkpoint_000002"
    assert store.trials("s")["checkpoint"].tolist() == ["/gone/checkpoint_000002"], "or it is deleted as an orphan"


def test_a_study_of_several_objectives_is_repaired(tmp_path, store: Store, journal: Journal):
    store.create_study(
        {
            key: value
            for key, value in (store.study("s") or {}).items()
            if key not in ("spec", "created_at", "study_name")
        }
        | {"study_name": "two"},
        ["train_seconds"],
    )
    study = optuna.create_study(
        storage=f"sqlite:///{tmp_path}/store.db", study_name="two", directions=["maximize", "minimize"]
    )
    trial = study.ask({"beta": optuna.distributions.FloatDistribution(0, 1)})
    store.save_trial({"trial_id": "two.0", "study_name": "two", "number": 0, "state": RUNNING, "params_json": "{}"})
    study._storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [0.5, 3.0])
    requeue(store, study)
    assert store.trials("two")[["state", "value"]].values.tolist() == [[COMPLETE, 0.5]]
    assert store.values("two").set_index("name")["value"].to_dict() == {OBJECTIVE: 0.5, "train_seconds": 3.0}
