"""Whether a store and Optuna's tables tell the same of every trial of a study."""

import optuna
import pandas as pd

from tuning.schema import COMPLETE
from tuning.store import Store


def disagreements(store: Store, study: optuna.Study) -> list[str]:
    """What is different, a line a trial; a trial of a study with several objectives tells all of them."""
    objectives = store.objectives(study.study_name)
    first = next(iter(objectives))
    trials = store.trials(study.study_name).set_index("number")
    metrics = store.metrics(trials["trial_id"].tolist(), *first.split("/")[:1], [first.split("/")[1]])
    epochs = {key: dict(zip(rows["epoch"], rows["value"], strict=True)) for key, rows in metrics.groupby("trial_id")}
    values = store.values(study.study_name).set_index(["number", "name"])["value"]
    told = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    found = [f"trial {number} is in one of both only" for number in sorted(told.keys() ^ set(trials.index))]
    for number in sorted(told.keys() & set(trials.index)):
        row, trial = trials.loc[number], told[number]
        mine = {
            "state": row["state"],
            "reason": None if pd.isna(row["reason"]) else row["reason"],
            "params": row["params"],
            "epochs": epochs.get(row["trial_id"], {}),
            "values": [values[number, name] for name in objectives] if row["state"] == COMPLETE else None,
        }
        theirs = {
            "state": trial.state.name,
            "reason": trial.user_attrs.get("reason"),
            "params": trial.params,
            "epochs": trial.intermediate_values,
            "values": trial.values if row["state"] == COMPLETE else None,
        }
        found += [f"trial {number}: {key} {mine[key]} and {theirs[key]}" for key in mine if mine[key] != theirs[key]]
    return found
