"""Every ending in our store and in Optuna's tables: state, reason, error, values, parameters, epochs."""

from pathlib import Path

import optuna
import pytest
from all_endings import ENDINGS, in_optuna, in_store, tell_every_ending
from optuna.trial import TrialState
from tiny_search import OBJECTIVE

from tuning.schema import COMPLETE, PRUNED, REASONS, STATES, WAITING
from tuning.store import Store


@pytest.mark.parametrize("also_minimize", [(), ("train_seconds", "parameters")])
def test_both_tables_say_the_same_of_every_ending(tmp_path: Path, also_minimize: tuple[str, ...]):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = f"sqlite:///{tmp_path}/store.db"
    with Store.open(url) as store:
        study = tell_every_ending(store, url, tmp_path, also_minimize)
        mine, told = in_store(store, [OBJECTIVE, *also_minimize]), in_optuna(study)
    assert mine.keys() == told.keys() == set(range(len(ENDINGS)))
    for (name, ending), facts in zip(ENDINGS.items(), mine.values(), strict=True):
        assert (facts["state"], facts["reason"]) == (ending.state, ending.reason), name
        epochs = {index: value for index, value in enumerate(ending.values, start=1) if value is not None}
        assert facts["intermediate_values"] == epochs, name
        best = max(epochs.values(), default=None)
        assert (facts["values"] or [None])[0] == (best if ending.state in (COMPLETE, PRUNED) else None), name
        assert len(facts["params"]) == 3, name
    for number, facts in mine.items():
        assert facts == told[number], list(ENDINGS)[number]
    again = [trial.user_attrs["retry_of"] for trial in study.trials if trial.state == TrialState.WAITING]
    names = [name for number, name in enumerate(ENDINGS) if number in again]
    assert names == ["cancelled", "cancelled before its first epoch", "time over", "killed driver"]


def test_no_state_and_no_reason_is_left_out():
    assert {ending.state for ending in ENDINGS.values()} == set(STATES) - {WAITING}
    assert {ending.reason for ending in ENDINGS.values()} - {None} == set(REASONS)
