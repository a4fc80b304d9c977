"""A study with three objectives, a pruner that is audited, failures and retries: what the Compare view has to tell.

As large as one asks: `python tests/dashboard/several_objectives.py FOLDER [TRIALS [EPOCHS]]`, then the command that it
prints.
"""

import json
import math
import random
import sys
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

import sqlalchemy as sa  # noqa: E402

from tuning import schema  # noqa: E402
from tuning.store import Store, now  # noqa: E402

STUDY, OBJECTIVE = "kitchen-costs", "valid/ndcg@10"
OBJECTIVES = {OBJECTIVE: "maximize", schema.TRAIN_SECONDS: "minimize", schema.PARAMETERS: "minimize"}
SPACE = {
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True, "step": None},
    "temperature": {"type": "float", "low": 0.5, "high": 1.0, "log": True, "step": None},
    "hidden_dropout_prob": {"type": "float", "low": 0.1, "high": 0.7, "log": False, "step": None},
    "time_span": {"type": "int", "low": 5, "high": 500, "log": False, "step": 10},
    "routed_expert_nums": {"type": "int", "low": 2, "high": 16, "log": False, "step": None},
    "hidden_size": {"type": "categorical", "choices": [32, 64, 128]},
    "cluster_method": {"type": "categorical", "choices": ["kmedoids", "clara"]},
}
"""`temperature` is logarithmic although its range is narrow, `time_span` is not although it is wide."""
PARTS = ("next_item", "item_contrast", "temporal_contrast", "attribute", "cluster", "diversity")


def build(folder: Path, trials: int = 60, epochs: int = 12, objectives: int = 3) -> str:
    """Write the store under `folder`; its URL."""
    url = f"sqlite:///{Path(folder)}/athwe.db"
    names = list(OBJECTIVES)[:objectives]
    settings = {"space": SPACE, "pruner": {"name": "asha", "audit_share": 0.2}}
    with Store.open(url) as store:
        store.create_study(
            {
                "study_name": STUDY, "dataset": "kitchen", "objective": OBJECTIVE, "direction": "maximize",
                "mask_seen": False, "trials_asked": trials, "data_fingerprint": "f00d",
                "storage_path": f"{folder}/storage", "spec_json": json.dumps({"settings": settings}),
            },
            also_minimize=names[1:],
        )  # fmt: skip
        rows = [_trial(number, epochs) for number in range(trials)]
        _write(store, rows, names)
        store.update_study(STUDY, created_at=now() - timedelta(hours=4), ended_at=now() - timedelta(hours=1))
        for place, evaluator in enumerate(("fanova", "ped_anova")):
            store.save_importance(STUDY, evaluator, {name: 1 / (2 + n + place) for n, name in enumerate(SPACE)})
        audited = sum(row["pruned_epoch"] is not None and row["state"] == schema.COMPLETE for row in rows)
        rungs = {("trials", 3): 14, ("rank_correlation", 3): 0.61, ("trials", 9): 2}
        store.save_pruner_audit(STUDY, {("audited", 0): audited, ("audited_better", 0): 0, ("regret", 0): 0} | rungs)
    return url


def _trial(number: int, epochs: int) -> dict:
    """One of each twelve went on as the next one, one diverged, one in three was pruned, some of those were audited."""
    chance = random.Random(number)
    params = {
        "learning_rate": 10 ** chance.uniform(-4, -2), "temperature": chance.uniform(0.5, 1),
        "hidden_dropout_prob": chance.uniform(0.1, 0.7), "time_span": chance.randrange(5, 501, 10),
        "routed_expert_nums": chance.randint(2, 16), "hidden_size": chance.choice([32, 64, 128]),
        "cluster_method": chance.choice(["kmedoids", "clara"]),
    }  # fmt: skip
    cut_off, goes_on, diverged = (number % 12 == place for place in (7, 8, 5))
    params = _trial(number - 1, epochs)["params"] if goes_on else params
    judged = number % 3 == 2 and not (cut_off or goes_on or diverged)
    audited = judged and number % 5 in (1, 3)
    state = schema.FAIL if cut_off or diverged else schema.PRUNED if judged and not audited else schema.COMPLETE
    ran = 3 if state == schema.PRUNED else 2 if diverged else 0 if cut_off else epochs
    goal = 0.05 - 0.01 * abs(math.log10(params["learning_rate"]) + 3) - (0.02 if judged else 0) + chance.gauss(0, 0.002)
    curve = [max(goal * (1 - math.exp(-epoch / 3)) + chance.gauss(0, 3e-4), 2e-4) for epoch in range(1, ran + 1)]
    return {
        "number": number, "params": params, "state": state, "curve": curve,
        "reason": schema.CANCELLED if cut_off else schema.DIVERGED if diverged else None,
        "error": "the search was stopped" if cut_off else "Traceback\nDivergedError: nan" if diverged else None,
        "pruned_epoch": 3 if judged else None, "retry_of": number - 1 if goes_on else None,
        "seconds": 4.0 * params["routed_expert_nums"] + 0.3 * params["hidden_size"],
        "parameters": 9000.0 * params["hidden_size"] + 4e4 * params["routed_expert_nums"],
    }  # fmt: skip


def _write(store: Store, trials: list[dict], names: list[str]) -> None:
    """In a few statements: trial by trial, a large store would take minutes."""
    rows, values, metrics = [], [], []
    for trial in trials:
        trial_id, curve = f"{STUDY}.{trial['number']}", trial["curve"]
        has_value = bool(curve) and trial["state"] != schema.FAIL
        start = now() - timedelta(hours=4) + timedelta(seconds=5 * trial["number"])
        kept = {name: trial[name] for name in ("number", "state", "reason", "error", "pruned_epoch", "retry_of")}
        rows.append(
            kept | {
                "trial_id": trial_id, "study_name": STUDY, "params_json": json.dumps(trial["params"]),
                "started_at": start, "ended_at": start + timedelta(seconds=trial["seconds"] * len(curve) + 1),
                "value": max(curve) if has_value else None,
                "best_epoch": curve.index(max(curve)) + 1 if has_value else None,
            }
        )  # fmt: skip
        costs = {schema.TRAIN_SECONDS: trial["seconds"] * len(curve), schema.PARAMETERS: trial["parameters"]}
        found = {OBJECTIVE: max(curve, default=0)} | costs
        values += [{"trial_id": trial_id, "name": name, "value": found[name]} for name in names if has_value]
        for epoch, value in enumerate(curve, start=1):
            known = {("valid", "ndcg@10"): value, ("train", "seconds"): trial["seconds"]}
            known |= {("train", f"loss_{part}"): 9 / epoch - value for part in (*PARTS, "total")}
            metrics += [
                {"trial_id": trial_id, "epoch": epoch, "split": split, "name": name, "value": value}
                for (split, name), value in known.items()
            ]
    with store._begin() as connection:
        for table, of_table in ((schema.trial, rows), (schema.trial_value, values), (schema.metric, metrics)):
            connection.execute(sa.insert(table), of_table)


if __name__ == "__main__":
    folder, *sizes = sys.argv[1:]
    print(f"streamlit run {ROOT}/dashboard/app.py -- --store {build(Path(folder).resolve(), *map(int, sizes))}")
