"""Which trials are retrained for test, on which seeds, and what their looks at it come to. Nothing runs here."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from tuning.books.record import best_trials
from tuning.errors import SearchError
from tuning.files.results import final_model_name
from tuning.schema import COMPLETE, PRUNED

CONFIDENCE = 0.95
AWAY_FROM_FINALS = 10_000
"""How far seeds that something is chosen by are from those that it is reported by."""
_SEEDS = 2**31
"""Seeds of a configuration are below this."""


@dataclass(frozen=True)
class Finalist:
    """A trial that is to be retrained."""

    trial_id: str
    number: int
    params: Mapping[str, Any] = field(compare=False)  # so that a run can be a key


@dataclass(frozen=True)
class FinalRun:
    """One finalist on one seed."""

    finalist: Finalist
    seed: int

    @property
    def params(self) -> Mapping[str, Any]:
        """Laid over the study's configuration."""
        return self.finalist.params

    @property
    def name(self) -> str:
        """Of its model below the storage path."""
        return final_model_name(self.finalist.trial_id, self.seed)

    def __str__(self) -> str:
        return f"trial {self.finalist.number} with seed {self.seed}"


@dataclass(frozen=True)
class Look:
    """A row of the ledger that belongs to a trial."""

    trial_id: str
    seed: int
    metrics: Mapping[str, float]
    """Keyed `test/<name>`."""


@dataclass(frozen=True)
class Summary:
    """What a metric's values over the seeds come to."""

    mean: float
    sd: float | None
    """Sample standard deviation; None for a single value, like the interval."""
    interval: tuple[float, float] | None
    """Student's t interval of the mean, at CONFIDENCE."""


def choose(trials: pd.DataFrame, maximize: bool, top: int, numbers: Sequence[int] = ()) -> list[Finalist]:
    """The trials of these numbers in their order, else the best `top` COMPLETE ones, best first.

    Raises:
        SearchError: no COMPLETE trial, or a number that no trial has or whose trial did not come to an end.
    """
    rows = {int(row["number"]): row for row in trials.to_dict("records")}
    for number in numbers:
        state = rows[number]["state"] if number in rows else None
        if state not in (COMPLETE, PRUNED):
            there = f"trial {number} is {state}" if state else f"there is no trial {number}"
            ended = ", ".join(str(each) for each, row in rows.items() if row["state"] in (COMPLETE, PRUNED))
            raise SearchError(f"{there}; those that came to their end: {ended or 'none'}")
    if not numbers:
        ranked = best_trials(rows.values(), maximize)
        if not ranked:
            raise SearchError("the study has no COMPLETE trial to retrain: let it run on with --resume")
        numbers = [int(row["number"]) for row in ranked[:top]]
    return [Finalist(rows[each]["trial_id"], each, rows[each]["params"]) for each in dict.fromkeys(numbers)]


def fresh_seeds(study_seed: int, count: int) -> list[int]:
    """`count` seeds, always the same ones, none of them the study's own; more seeds begin with the fewer.

    >>> fresh_seeds(2025, 3)
    [2026, 2027, 2028]
    """
    return [(study_seed + step) % _SEEDS for step in range(1, count + 1)]


def further_seeds(study_seed: int, count: int) -> list[int]:
    """`count` seeds for what is learned on validation, none of which finalists are looked at on test with.

    >>> further_seeds(2025, 2)
    [12026, 12027]
    """
    return fresh_seeds(study_seed + AWAY_FROM_FINALS, count)


def missing_runs(finalists: Sequence[Finalist], seeds: Sequence[int], looks: Sequence[Look]) -> list[FinalRun]:
    """Runs that the ledger does not have yet; seed by seed, so that trials can be compared early."""
    done = {(look.trial_id, look.seed) for look in looks}
    return [
        FinalRun(finalist, seed) for seed in seeds for finalist in finalists if (finalist.trial_id, seed) not in done
    ]


def comparable_looks(ledger: pd.DataFrame, mask_seen: bool) -> list[Look]:
    """Looks at trials of the study in its own `mask_seen` mode, the first one of each trial and seed."""
    looks: dict[tuple[str, int], Look] = {}
    for row in ledger.to_dict("records"):
        if isinstance(row["trial_id"], str) and bool(row["mask_seen"]) == mask_seen:
            look = Look(row["trial_id"], int(row["seed"]), json.loads(row["metrics_json"]))
            looks.setdefault((look.trial_id, look.seed), look)
    return list(looks.values())


def other_mode(mask_seen: bool) -> str:
    """What test is called in the mode that is not the study's: one look tells the numbers of both.

    >>> other_mode(False)
    'test, mask_seen true'
    """
    return f"test, mask_seen {str(not mask_seen).lower()}"


def shown_metrics(objective: str, mask_seen: bool) -> list[str]:
    """Test metrics to report: the objective's, recall at the same cutoff, and the first in the other mode.

    >>> shown_metrics("valid/ndcg@10", mask_seen=False)
    ['test/ndcg@10', 'test/recall@10', 'test, mask_seen true/ndcg@10']
    """
    name = objective.partition("/")[2]
    return list(
        dict.fromkeys([f"test/{name}", f"test/recall@{name.partition('@')[2]}", f"{other_mode(mask_seen)}/{name}"])
    )


def summarise(values: Sequence[float]) -> Summary:
    """Mean, sample standard deviation and Student's t interval of some values, one at least."""
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return Summary(mean, None, None)
    sd = float(np.std(values, ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * sd / math.sqrt(count)
    return Summary(mean, sd, (mean - half, mean + half))


def results(finalists: Sequence[Finalist], looks: Sequence[Look], keys: Sequence[str]) -> list[dict[str, Any]]:
    """What all of the ledger's looks at each finalist come to: trial, seeds, and a summary of each metric.

    All of them, however few seeds were asked for now: whoever has seen five may not pick two.
    """
    found = []
    for finalist in finalists:
        mine = sorted((look for look in looks if look.trial_id == finalist.trial_id), key=lambda look: look.seed)
        metrics = {}
        for key in keys:
            values = [float(look.metrics[key]) for look in mine if key in look.metrics]
            if values:
                metrics[key] = {"values": values, **vars(summarise(values))}
        seeds = [look.seed for look in mine]
        found.append({"trial": finalist.number, "trial_id": finalist.trial_id, "seeds": seeds, "metrics": metrics})
    return found
