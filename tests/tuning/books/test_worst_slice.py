"""The worst slice of a trial: that of its best epoch, in both tables, as an objective and as a limit."""

from pathlib import Path

import optuna
import pytest
from all_endings import DISTRIBUTIONS
from optuna.storages import RDBStorage
from tiny_search import OBJECTIVE, disk_at, epoch

from athwe.evaluation_config import worst_slice_key
from tuning.books.journal import Journal
from tuning.planning.spec import Limits
from tuning.schema import COMPLETE, OVER_LIMIT, PRUNED
from tuning.store import Store
from tuning.training.endings import Ending, ending_of

WORST = worst_slice_key(OBJECTIVE)
CURVE = ((0.1, 0.05), (0.3, 0.02), (0.2, 0.09))
"""Objective and worst slice by epoch; the second is the best, and not for the worst slice."""


@pytest.fixture
def journal(store: Store, tmp_path: Path) -> Journal:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    tables = RDBStorage(f"sqlite:///{tmp_path}/store.db")
    study = optuna.create_study(storage=tables, study_name="s", directions=["maximize", "maximize"])
    journal = Journal(store, study, [OBJECTIVE, WORST], disk_at(tmp_path), Limits(worst_slice=0.03))
    journal.study = study  # type: ignore[attr-defined]
    return journal


def run(journal: Journal, curve=CURVE, **continued) -> int:
    asked = journal.study.ask(DISTRIBUTIONS)  # type: ignore[attr-defined]
    journal.proposed(asked.number, asked.params, **continued)
    for number, (value, worst) in enumerate(curve, start=1):
        best = max(range(number), key=lambda at: CURVE[at][0])
        journal.reported(asked.number, epoch(number, value, best + 1, CURVE[best][0]) | {WORST: worst})
    return asked.number


def told(journal: Journal, number: int) -> optuna.trial.FrozenTrial:
    return journal.study.trials[number]  # type: ignore[attr-defined]


def test_a_trial_whose_worst_slice_is_below_is_infeasible_at_its_end_only(journal: Journal, store: Store):
    number = run(journal)
    assert not journal.breaks_limit(number, {"epoch": 3}), "it was stopped before its end"
    why = journal.falls_short(number)
    assert why == "its worst slice of users has 0.02 and must have 0.03"
    ending = ending_of({"finished": True}, 0.3, scheduler_stopped=True, over_limit=why)
    assert (ending.state, ending.reason) == (PRUNED, OVER_LIMIT)
    journal.ended(number, ending)
    assert told(journal, number).values == [0.3, 0.02]
    assert told(journal, number).constraints == {"worst_slice": pytest.approx(0.01)}
    values = store.values("s").set_index("name")["value"]
    assert values[OBJECTIVE] == 0.3 and values[WORST] == 0.02


def test_one_that_the_pruner_stopped_on_its_way_is_not_called_infeasible(journal: Journal):
    number = run(journal)
    journal.ended(number, Ending(PRUNED))
    assert told(journal, number).constraints == {} and told(journal, number).values == [0.3, 0.02]


def test_a_trial_that_goes_on_knows_the_worst_slice_of_an_epoch_before(journal: Journal):
    first = run(journal, CURVE[:2])
    journal.cancel_running("stopped")
    second = run(journal, (), retry_of=first, checkpoint="somewhere")
    journal.reported(second, epoch(3, 0.2, 2, 0.3) | {WORST: 0.09})
    journal.ended(second, Ending(COMPLETE))
    assert told(journal, second).values == [0.3, 0.02]
