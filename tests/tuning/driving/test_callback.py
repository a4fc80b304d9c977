from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from ray import cloudpickle
from ray.tune.trainable.metadata import _TrainingRunMetadata
from rich.console import Console
from tiny_search import both, epoch, run

from tuning.books.journal import Journal
from tuning.driving.callback import SearchCallback
from tuning.driving.progress import Progress
from tuning.schema import COMPLETE, FAIL, PRUNED, WORKER_LOST
from tuning.store import Store


class LostTrial(SimpleNamespace):
    """What the callback reads of a Ray trial."""

    def __init__(self, **facts: Any):
        super().__init__(run_metadata=_TrainingRunMetadata(), **facts)
        self.run_metadata.update_metric("valid/ndcg@10", 0.2)

    def get_pickled_error(self) -> Exception | None:
        return None

    def get_error(self) -> str | None:
        return None


@pytest.fixture
def callback(journal: Journal) -> SearchCallback:
    progress = Progress(Console(quiet=True), "s", "valid/ndcg@10", maximize=True, trials=3, epochs=4)
    return SearchCallback(journal, progress, {}, storage_is_full=lambda: None)


def report(callback: SearchCallback, number: int, result: dict[str, Any]) -> LostTrial:
    trial = LostTrial(config={"number": number}, last_result=result)
    callback.on_trial_result(1, [], trial, result)
    return trial


@pytest.mark.parametrize(
    ("finished", "done", "state"), [(False, True, PRUNED), (True, True, COMPLETE), (True, False, COMPLETE)]
)
def test_the_way_ray_ends_a_trial_becomes_its_state(
    callback: SearchCallback,
    journal: Journal,
    study: optuna.Study,
    store: Store,
    finished: bool,
    done: bool,
    state: str,
):
    number = run(journal, study)
    trial = report(callback, number, epoch(1, 0.2, 1, 0.2) | {"finished": finished, "done": done})
    trial.last_result["done"] = True  # as Ray sets it on every ending
    callback.on_trial_complete(2, [], trial)
    row, optuna_trial = both(store, study, number)
    assert (row["state"], optuna_trial.state.name) == (state, state)
    assert not trial.run_metadata.metric_analysis and not trial.run_metadata.metric_n_steps


def test_a_failure_that_the_worker_reported_is_told(
    callback: SearchCallback, journal: Journal, study: optuna.Study, store: Store
):
    number = run(journal, study, 0.1)
    trial = report(callback, number, {"failure": {"reason": "diverged", "error": "nan"}, "done": False})
    callback.on_trial_complete(2, [], trial)
    row, _ = both(store, study, number)
    assert (row["state"], row["reason"], row["error"]) == (FAIL, "diverged", "nan")


@pytest.mark.parametrize(("reason", "asked"), [("storage-full", 1), ("diverged", 0)])
def test_no_room_for_one_trial_ends_the_search(
    journal: Journal, study: optuna.Study, store: Store, reason: str, asked: int
):
    calls: list[str] = []
    progress = Progress(Console(quiet=True), "s", "valid/ndcg@10", maximize=True, trials=3, epochs=4)
    callback = SearchCallback(journal, progress, {}, storage_is_full=lambda: calls.append("full"))
    number = run(journal, study, 0.1)
    trial = report(callback, number, {"failure": {"reason": reason, "error": "no"}, "done": True})
    callback.on_trial_complete(2, [], trial)
    assert len(calls) == asked
    assert both(store, study, number)[0]["reason"] == reason


def test_a_checkpoint_is_noted_to_go_on_from(
    callback: SearchCallback, journal: Journal, study: optuna.Study, store: Store
):
    number = run(journal, study)
    callback.on_checkpoint(1, [], LostTrial(config={"number": number}), SimpleNamespace(path="/checkpoint_7"))
    assert both(store, study, number)[0]["checkpoint"] == "/checkpoint_7"


def test_nothing_is_raised_into_ray(callback: SearchCallback, caplog: pytest.LogCaptureFixture):
    unknown = LostTrial(config={"number": 99}, last_result={})
    for hook in (callback.on_trial_start, callback.on_trial_complete, callback.on_trial_error):
        hook(1, [], unknown)
    callback.on_step_end(1, [])
    assert [record.getMessage() for record in caplog.records] == [
        f"{name} failed; the search goes on" for name in ("on_trial_start", "on_trial_complete", "on_trial_error")
    ]


def test_ray_can_pickle_it(callback: SearchCallback):
    pickled = cloudpickle.dumps(callback)
    copy = cloudpickle.loads(pickled)
    assert type(copy) is SearchCallback and vars(copy) == {}, "the copy has a live engine with it"
    assert b"sqlalchemy" not in pickled


def test_a_worker_lost_for_good_is_a_failure(
    callback: SearchCallback, journal: Journal, study: optuna.Study, store: Store
):
    from ray.exceptions import ActorDiedError

    class DeadTrial(LostTrial):
        def get_pickled_error(self) -> Exception | None:
            return ActorDiedError()

    number = run(journal, study, 0.1)
    callback.on_trial_error(1, [], DeadTrial(config={"number": number}))
    assert both(store, study, number)[0]["reason"] == WORKER_LOST
