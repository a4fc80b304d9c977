"""Endings that only a real search has: hung, out of memory, over a limit, out of time; and studies that go on."""

import json
import subprocess
import time
from pathlib import Path

import optuna
import pytest
from search_process import ROOT, epochs_of
from test_search_whole_path import agreeing_trials, command, search, url  # noqa: F401

from tuning.proposing.proposals import RESUME_CHECKPOINT
from tuning.schema import COMPLETE, EXCEPTION, FAIL, INVALID, OUT_OF_MEMORY, OVER_LIMIT, PRUNED, TIMED_OUT
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


def test_trials_that_failed_for_a_reason_that_went_away_run_again_when_asked_to(command: list[str], tmp_path: Path):  # noqa: F811
    folder, aside = tmp_path / "study" / "diagnostics", tmp_path / "aside"
    flags = ("--trials", "3", "--epochs", "20", "--concurrency", "1", "--pruner", "none", "--json")
    process = subprocess.Popen([*command, *flags], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while not has_complete_trial(tmp_path):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        folder.rename(aside)
        folder.touch()  # where a folder is to be, so that no trial can write its diagnostics any more
        _, err = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 0, err
    before = agreeing_trials(tmp_path)
    failed = before[before["state"] == FAIL]
    assert before["state"][0] == COMPLETE and 2 in failed["number"].tolist(), before
    assert set(failed["reason"]) == {EXCEPTION} and failed["error"].str.contains("diagnostics").all()

    folder.unlink()
    aside.rename(folder)
    resume = (*command[:2], "--resume", "--study", "study", "--store", url(tmp_path), "--json")
    for _ in range(2):  # the second time there is nothing left to do
        retried = search(resume, "--retry-failed")
        assert retried.returncode == 0, retried.stderr
        trials = agreeing_trials(tmp_path)
        again = trials.iloc[len(before) :]
        assert again["retry_of"].tolist() == failed["number"].tolist()
        assert again["params"].tolist() == failed["params"].tolist()
        assert set(again["state"]) == {COMPLETE} and again["checkpoint"].isna().all()
        same = ["number", "state", "reason", "value", "params"]
        assert trials.iloc[: len(before)][same].equals(before[same]), "what failed is no more on record as it was"
    epochs = epochs_of(tmp_path)
    for old, new in zip(failed["trial_id"], again["trial_id"], strict=True):
        first, whole = (epochs[epochs["trial_id"] == name].set_index("epoch")["value"] for name in (old, new))
        assert whole.index.tolist() == list(range(1, 21))
        assert first.tolist() == whole.loc[first.index].tolist(), "it did not begin as the one that failed did"
    told = optuna.load_study(storage=url(tmp_path), study_name="study").trials[len(before) :]
    assert all(trial.user_attrs[RESUME_CHECKPOINT] is None for trial in told), "it went on from a checkpoint"


def has_complete_trial(folder: Path) -> bool:
    if epochs_of(folder).empty:
        return False
    with Store.open(url(folder), read_only=True) as store:
        return COMPLETE in store.trials("study")["state"].tolist()
