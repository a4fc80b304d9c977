"""Which trials of a study cannot be told from its best, and how much picking the best overstates it.

Kept as findings of the topic `ties`: of a trial (part "") what its own run says, and (part "seeds") what its runs on
further seeds say, where there are any; of the study (subject "") alpha, users, and the optimism.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from athwe.evaluation.comparison import ALPHA, TieSet, compare, compare_over_seeds
from athwe.evaluation.optimism import optimism
from tuning.books.record import best_trials
from tuning.files.results import final_results_name, recommendations_name, replicate_name, replicate_seeds
from tuning.files.storage import Storage
from tuning.findings.per_user import can_be_told, per_user
from tuning.planning.spec import Spec
from tuning.store import Finding, Store

logger = logging.getLogger(__name__)

TOPIC, SEEDS = "ties", "seeds"
MOST_TRIALS = 50
"""Trials that are compared at most, the best ones by their value."""
_NUMBERS = ("mean", "difference", "low", "high", "p", "p_holm", "p_adjusted", "tied")


@dataclass(frozen=True)
class Ties:
    """A tie set of trials."""

    trials: list[dict[str, Any]]
    """Best first: trial_id, trial, seeds, and the numbers of `TieSet`; over seeds their sd, too."""
    left_out: dict[int, str]
    """Why trials that were to be compared could not be, by number."""
    alpha: float
    users: int
    optimism: float | None = None
    complete: int = 0
    """COMPLETE trials of the study then."""
    over_seeds: "Ties | None" = field(default=None)
    """The same again, of those in the set that have been trained on further seeds."""

    @property
    def tied(self) -> list[dict[str, Any]]:
        """The trials in the set, best first."""
        return [trial for trial in self.trials if trial["tied"]]


def find_ties(trials: pd.DataFrame, spec: Spec, storage: Storage, alpha: float = ALPHA) -> Ties | None:
    """Compare the COMPLETE trials by their first objective; None where they have nothing to compare."""
    maximize = spec.direction == "maximize"
    ranked = best_trials(trials.to_dict("records"), maximize)
    if not ranked or not can_be_told(spec.objective):
        return None
    rows = {row["trial_id"]: row for row in ranked[:MOST_TRIALS]}
    names = {trial_id: recommendations_name(trial_id) for trial_id in rows}
    read = per_user(storage, names, spec.objective, spec.config.mask_seen)
    left_out = {int(rows[trial_id]["number"]): why for trial_id, why in read.left_out.items()}
    if len(read.values) < 2:
        return Ties([], left_out, alpha, len(read.values), complete=len(ranked)) if left_out else None
    found = compare(read.values, maximize, alpha)
    compared = _rows(found, [rows[run] for run in read.runs], maximize, [1] * len(read.runs))
    gain = optimism(read.values, maximize)
    again = over_seeds(compared, spec, storage, alpha)
    return Ties(compared, left_out, alpha, len(read.values), gain, len(ranked), again)


def over_seeds(compared: Sequence[dict[str, Any]], spec: Spec, storage: Storage, alpha: float) -> Ties | None:
    """The tie set again from all runs on further seeds; None while no trial has two of them."""
    tied = {trial["trial_id"]: trial for trial in compared if trial["tied"]}
    seeds = replicate_seeds(storage, tied)
    names = {
        f"{trial_id} {seed}": final_results_name(replicate_name(trial_id, seed))
        for trial_id in tied
        for seed in seeds[trial_id]
    }
    read = per_user(storage, names, spec.objective, spec.config.mask_seen)
    ids = [run.rpartition(" ")[0] for run in read.runs]
    order = list(dict.fromkeys(ids))
    if len(ids) == len(order) or len(read.values) < 2:
        return None
    model_of = np.array([order.index(trial_id) for trial_id in ids])
    maximize = spec.direction == "maximize"
    found = compare_over_seeds(read.values, model_of, maximize, alpha)
    means = read.values.mean(axis=0, dtype=np.float64)
    rows = [{"trial_id": one, "number": tied[one]["trial"]} for one in order]
    again = _rows(found, rows, maximize, np.bincount(model_of).tolist())
    for trial in again:
        mine = means[model_of == order.index(trial["trial_id"])]
        trial["sd"] = float(mine.std(ddof=1)) if len(mine) > 1 else None
    left_out = dict[int, str]()
    for run, why in read.left_out.items():
        trial_id, _, seed = run.rpartition(" ")
        number = int(tied[trial_id]["trial"])
        others = f"{left_out[number]}; " if number in left_out else ""
        left_out[number] = f"{others}without its run on seed {seed}, delete {names[run]} to have it run again: {why}"
    return Ties(again, left_out, alpha, len(read.values))


def _rows(found: TieSet, rows: Sequence[Any], maximize: bool, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Best first."""
    sign = -1 if maximize else 1
    order = sorted(range(len(rows)), key=lambda index: (index != found.best, sign * found.mean[index]))
    return [
        {"trial_id": rows[index]["trial_id"], "trial": int(rows[index]["number"]), "seeds": seeds[index]}
        | {name: getattr(found, name)[index].item() for name in _NUMBERS}
        for index in order
    ]


def save_ties(store: Store, spec: Spec, storage: Storage, alpha: float = ALPHA) -> Ties | None:
    """Find the ties of a stored study and keep them; where the files are out of reach, a warning says so."""
    try:
        found = find_ties(store.trials(spec.study), spec, storage, alpha)
    except OSError as error:
        logger.warning("which trials tie with the best is not known: %s: %s", storage.url, error)
        return None
    keep_ties(store, spec.study, found)
    return found


def keep_ties(store: Store, study_name: str, found: Ties | None) -> None:
    """Put what was found, or that nothing was, in the place of what was kept before."""
    store.save_findings(study_name, TOPIC, _findings(found) if found else [])


def _findings(found: Ties) -> list[Finding]:
    whole = {"alpha": found.alpha, "users": found.users, "complete": found.complete, "optimism": found.optimism}
    findings = [Finding("", "", name, float(value)) for name, value in whole.items() if value is not None]
    for part, ties in (("", found), (SEEDS, found.over_seeds)):
        for trial in ties.trials if ties else ():
            numbers = {name: trial.get(name) for name in (*_NUMBERS, "seeds", "sd")}
            numbers |= {"users": ties.users if ties else None}
            findings += [
                Finding(trial["trial_id"], part, name, float(value))
                for name, value in numbers.items()
                if value is not None
            ]
    return findings


def tie_lines(store: Store, spec: Spec) -> list[str]:
    """The kept tie set in words; nothing where there is none, or trials have come to their end since."""
    kept, trials = store.findings(spec.study, TOPIC), store.trials(spec.study)
    whole = kept[kept["subject"] == ""].set_index("name")["value"].to_dict()
    own = kept[(kept["subject"] != "") & (kept["part"] == "")].pivot(index="subject", columns="name", values="value")
    complete = len(best_trials(trials.to_dict("records"), spec.direction == "maximize"))
    if len(own) < 2 or whole["complete"] != complete:
        return []
    number_of = dict(zip(trials["trial_id"], trials["number"].tolist(), strict=True))
    own["trial"] = [number_of[trial_id] for trial_id in own.index]
    own = own.sort_values("trial")  # by their names 10 would come before 2
    best = own.index[own["difference"].eq(0) & own["p_adjusted"].eq(1)][0]
    tied = sorted(own[own["tied"].astype(bool)].drop(best)["trial"])
    numbers = ", ".join(map(str, tied[:10])) + (" …" if len(tied) > 10 else "")
    which = f"{len(tied)} of {len(own)} trials cannot be told from the best (trial {number_of[best]})"
    told = f"{which} over {whole['users']:,.0f} users: {'trials' if len(tied) > 1 else 'trial'} {numbers}"
    alone = f"every other of {len(own)} trials is worse than trial {number_of[best]} over {whole['users']:,.0f} users"
    return [
        told if tied else alone,
        f"picking the best of {len(own)} overstates its {spec.objective} by about {whole['optimism']:.4f}",
    ]
