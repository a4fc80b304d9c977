"""What earlier drivers of a study have heard: the pruner's rungs are made of it."""

from tuning.pruner import Report
from tuning.schema import CANCELLED, INVALID, REPORTED_SECONDS, RUNNING
from tuning.store import Store


def reports_of(store: Store, study_name: str, objective: str) -> list[Report]:
    """Every value of the objective that an ended trial reported, in the order in which the driver heard of them.

    Trials that were cut off, or go on under another number, are left out: they report again.
    """
    trials = store.trials(study_name)
    again = trials["reason"].isin([CANCELLED, INVALID]) | trials["number"].isin(trials["retry_of"].dropna())
    ended = trials[~again & (trials["state"] != RUNNING)].set_index("trial_id")
    split, name = objective.split("/", 1)
    reported = REPORTED_SECONDS.split("/", 1)[1]
    metrics = store.metrics(ended.index.tolist(), names=[name, reported])
    rows = [{str(key): value for key, value in row.items()} for row in metrics.to_dict("records")]
    heard = {(row["trial_id"], row["epoch"]): row["value"] for row in rows if row["name"] == reported}
    values = [row for row in rows if (row["split"], row["name"]) == (split, name)]
    values.sort(key=lambda row: (heard.get((row["trial_id"], row["epoch"]), 0.0), row["epoch"]))
    trial = ended.to_dict("index")
    return [
        Report(int(of["number"]), of["params"], int(row["epoch"]), float(row["value"]))
        for row in values
        for of in (trial[row["trial_id"]],)
    ]
