"""Endings that only a real search has: hung, out of memory, over a limit, out of time; and studies that go on."""

import json
from pathlib import Path

import optuna
import pytest
from test_search_whole_path import agreeing_trials, command, search, url  # noqa: F401

from tuning.schema import COMPLETE, FAIL, INVALID, OUT_OF_MEMORY, OVER_LIMIT, PRUNED, TIMED_OUT
from tuning.store import Store

pytestmark = pytest.mark.whole_path


def test_a_hung_trial_ends_with_its_stack_and_the_search_goes_on(command: list[str], tmp_path: Path):  # noqa: F811
    """An epoch that outlasts the timeout is hung, whatever it does: here it has too much to do for a second."""
    (tmp_path / "small.yaml").write_text(
        (tmp_path / "small.yaml").read_text().replace("hidden_size: 16", "hidden_size: 16\nn_layers: 400"),
        encoding="utf-8",
    )
    flags = ("--trials", "1", "--epochs", "2", "--concurrency", "1", "--trial-timeout", "1", "--json")
    done = search(command, *flags)
    assert done.returncode == 1
    trials = agreeing_trials(tmp_path)
    assert trials["reason"].tolist() == [TIMED_OUT]
    [error] = trials["error"]
    assert "tuning/training/trial.py" in error and error.endswith("an epoch took longer than 1 s")
    assert "1 timed-out: an epoch took longer than 1 s" in done.stderr


def test_out_of_memory_is_typed_told_and_not_the_end(command: list[str], tmp_path: Path):  # noqa: F811
    space = "space:\n  inner_size: {type: categorical, choices: [32, 400000000000]}\n"
    (tmp_path / "space.yaml").write_text(space, encoding="utf-8")
    done = search(command, "--trials", "2", "--epochs", "1", "--concurrency", "1", "--sampler", "random")
    assert done.returncode == 0, done.stderr
    trials = agreeing_trials(tmp_path)
    ran = trials[trials["reason"] != INVALID]
    assert ran["state"].tolist() == [COMPLETE, FAIL]
    assert ran["reason"].tolist()[1] == OUT_OF_MEMORY


def test_several_objectives_limits_and_time_over(command: list[str], tmp_path: Path):  # noqa: F811
    flags = ("--epochs", "3", "--concurrency", "2", "--also-minimize", "train_seconds", "parameters")
    done = search(command, *flags, "--trials", "6", "--sampler", "nsga2", "--most-train-seconds", "1000", "--json")
    assert done.returncode == 0, done.stderr
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.load_study(storage=url(tmp_path), study_name="study")
    with Store.open(url(tmp_path), read_only=True) as store:
        assert list(store.objectives("study")) == ["valid/ndcg@10", "train_seconds", "parameters"]
        values = store.values("study").pivot(index="number", columns="name", values="value")
        trials = store.trials("study").set_index("number")
    for trial in study.trials:
        assert trial.state.name == trials["state"][trial.number]
        if trial.state.name in (COMPLETE, PRUNED):
            assert trial.values == values.loc[trial.number, list(store.objectives("study"))].tolist()
            assert trial.constraints["train_seconds"] < 0
    assert {trial.number for trial in study.best_trials} <= set(trials.index[trials["state"] == COMPLETE])

    limited = [*command[:-4], "--store", url(tmp_path), "--storage-path", str(tmp_path / "limited")]
    limited[limited.index("study")] = "limited"
    done = search(limited, "--trials", "2", "--epochs", "50", "--most-train-seconds", "0.3")
    assert done.returncode == 0, done.stderr
    with Store.open(url(tmp_path), read_only=True) as store:
        trials = store.trials("limited")
    assert set(zip(trials["state"], trials["reason"], strict=True)) == {(PRUNED, OVER_LIMIT)}


def test_a_study_is_extended_and_another_starts_from_its_best(command: list[str], tmp_path: Path):  # noqa: F811
    flags = ("--epochs", "2", "--concurrency", "2", "--pruner", "none")
    assert search(command, *flags, "--trials", "2").returncode == 0
    again = search(command, *flags, "--trials", "2")
    assert again.returncode == 2 and "study 'study' exists already: go on with it by --resume" in again.stderr
    extended = search(command[:2], "--study", "study", "--store", url(tmp_path), "--extend", "2", "--json")
    assert extended.returncode == 0, extended.stderr
    trials = agreeing_trials(tmp_path)
    assert (trials["state"] == COMPLETE).sum() == 4
    assert json.loads(extended.stdout)["trials"] == 4

    warm = [*command, *flags, "--trials", "3", "--warm-start", "study"]
    warm[warm.index("study")] = "warm"
    warm[warm.index(str(tmp_path / "study"))] = str(tmp_path / "warm")
    done = search(warm)
    assert done.returncode == 0, done.stderr
    with Store.open(url(tmp_path), read_only=True) as store:
        tried = store.trials("warm")["params"].tolist()
    best = trials.sort_values("value", ascending=False)["params"].iloc[0]
    assert tried[0] == trials["params"][0]
    within = {
        name: value for name, value in best.items() if name != "wavelet_J" or value <= 3
    }  # as far as this space goes
    assert within.items() <= tried[1].items()
