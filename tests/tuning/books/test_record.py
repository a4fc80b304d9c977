from operator import attrgetter
from typing import Any

import pytest

from tuning.books.record import TrialRecord, best_trials
from tuning.schema import COMPLETE, FAIL, PRUNED

OUTCOMES = [
    (COMPLETE, 0.1),
    (COMPLETE, 0.3),
    (PRUNED, 0.9),
    (FAIL, None),
    (COMPLETE, 0.1),
    (COMPLETE, None),
    (COMPLETE, float("nan")),
    (COMPLETE, -0.2),
]


@pytest.mark.parametrize(("maximize", "best"), [(True, [1, 0, 4, 7]), (False, [7, 0, 4, 1])])
def test_the_best_trials_are_complete_ones_by_the_direction(maximize: bool, best: list[int]):
    rows: list[dict[str, Any]] = [
        {"number": number, "state": state, "value": value} for number, (state, value) in enumerate(OUTCOMES)
    ]
    assert [row["number"] for row in best_trials(rows, maximize)] == best
    records = [TrialRecord(number, {}, state, best_value=value) for number, (state, value) in enumerate(OUTCOMES)]
    ranked = best_trials(records, maximize, attrgetter("state", "best_value"))
    assert [record.number for record in ranked] == best
