"""What other tools are told of a trial, and that their trouble is not the search's."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from ray.tune.logger import LoggerCallback

from tuning.driving.log_to import LogCallback, log_callbacks, require_log_targets
from tuning.errors import SearchError
from tuning.files.storage import Storage
from tuning.search import parse


class Tool(LoggerCallback):
    """Keeps what it is told, or is out of order."""

    def __init__(self):
        self.told, self.is_broken = [], False

    def _keep(self, *event):
        if self.is_broken:
            raise ConnectionError("no server")
        self.told.append(event)

    def log_trial_start(self, trial):
        self._keep("start", str(trial), trial.config)

    def log_trial_result(self, iteration, trial, result):
        self._keep("result", str(trial), result)

    def log_trial_end(self, trial, failed=False):
        self._keep("end", str(trial), failed)


@pytest.fixture
def tool() -> Tool:
    return Tool()


@pytest.fixture
def callback(tool: Tool, tmp_path: Path) -> LogCallback:
    callback = LogCallback("mlflow", lambda study_name, storage: tool, "s", Storage(str(tmp_path)))
    callback.setup()
    return callback


def trial(number: int, **last_result):
    config = {"number": number, "params": {"beta": 0.5}, "resume_checkpoint": None}
    return SimpleNamespace(config=config, trial_id="x", local_path="/nowhere", last_result=last_result)


def test_a_trial_has_its_number_for_a_name_flat_parameters_and_metrics_by_epoch(callback, tool):
    callback.on_trial_start(0, [], trial(3))
    callback.on_trial_result(0, [], trial(3), {"valid/ndcg@10": 0.5, "epoch": 2, "time_total_s": 9.0, "config": {}})
    callback.on_trial_complete(0, [], trial(3, epoch=2))
    assert tool.told == [
        ("start", "trial-00003", {"beta": 0.5}),
        ("result", "trial-00003", {"valid/ndcg_at_10": 0.5, "training_iteration": 2}),
        ("end", "trial-00003", False),
    ]


def test_a_trial_that_reports_a_failure_or_is_lost_or_in_flight_at_the_end_has_failed(callback, tool):
    failure = {"failure": {"reason": "diverged", "error": "nan"}}
    for number in range(3):
        callback.on_trial_start(0, [], trial(number))
    callback.on_trial_result(0, [], trial(0), failure)
    callback.on_trial_complete(0, [], trial(0, **failure))
    callback.on_trial_error(0, [], trial(1))
    callback.on_experiment_end([])
    assert [event[0] for event in tool.told] == ["start"] * 3 + ["end"] * 3
    assert [event[1:] for event in tool.told[3:]] == [(f"trial-0000{number}", True) for number in range(3)]


def test_a_tool_that_fails_is_passed_over_and_given_up_after_three_times_in_a_row(callback, tool, caplog):
    callback.on_trial_start(0, [], trial(0))
    tool.is_broken = True
    result = {"valid/ndcg@10": 0.5, "epoch": 1}
    callback.on_trial_result(0, [], trial(0), result)
    tool.is_broken = False
    callback.on_trial_result(0, [], trial(0), result)  # it is back
    tool.is_broken = True
    for _ in range(5):
        callback.on_trial_result(0, [], trial(0), result)
    tool.is_broken = False
    callback.on_trial_complete(0, [], trial(0))
    assert [event[0] for event in tool.told] == ["start", "result"]
    assert [record.message for record in caplog.records] == [
        "mlflow failed, the search goes on: no server",
        "mlflow failed, the search goes on: no server",
        "mlflow failed, the search goes on: no server",
        "mlflow failed, is told no more: no server",
    ]


def test_a_tool_that_cannot_begin_does_not_end_the_search(tmp_path, caplog):
    def cannot(study_name, storage):
        raise OSError("no folder")

    callback = LogCallback("mlflow", cannot, "s", Storage(str(tmp_path)))
    callback.setup()
    callback.on_trial_start(0, [], trial(0))
    callback.on_trial_complete(0, [], trial(0))
    assert [record.message for record in caplog.records] == ["mlflow failed, the search goes on: no folder"]


def test_nothing_is_pickled_with_the_run(callback):
    assert callback.__getstate__() == {}


def test_a_tool_that_is_not_installed_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr("tuning.driving.log_to.find_spec", lambda name: None if name == "mlflow" else object())
    require_log_targets(["tensorboard", "wandb"], "/somewhere")
    with pytest.raises(SearchError, match=r"^--log-to mlflow needs the package mlflow: pip install 'athwe\[mlflow\]'$"):
        require_log_targets(["tensorboard", "mlflow"], "/somewhere")


def test_files_need_a_local_storage_path(monkeypatch):
    monkeypatch.setattr("tuning.driving.log_to.find_spec", lambda name: object())
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(SearchError, match="tensorboard writes to a local --storage-path"):
        require_log_targets(["tensorboard"], "s3://bucket/path")
    with pytest.raises(SearchError, match="set MLFLOW_TRACKING_URI"):
        require_log_targets(["mlflow"], "s3://bucket/path")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    require_log_targets(["mlflow", "wandb"], "s3://bucket/path")


def test_the_flag_takes_several_with_commas_each_once_or_none(capsys):
    assert parse(["--log-to", "tensorboard, wandb,tensorboard"]).log_to == ["tensorboard", "wandb"]
    assert parse(["--log-to", ""]).log_to == []
    assert parse([]).log_to is None
    assert log_callbacks([], "s", Storage("/nowhere")) == []


def test_an_unknown_tool_is_refused():
    from athwe.command_line import UsageError

    with pytest.raises(UsageError, match="expected tensorboard, mlflow, wandb, or several with commas, got 'neptune'"):
        parse(["--log-to", "tensorboard,neptune"])
