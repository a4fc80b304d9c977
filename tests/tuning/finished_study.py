"""A study in a store as a search leaves it, without a search: a real spec, trials that a test gives."""

import json
from pathlib import Path
from typing import Any

from tuning.planning.plan import Plan, make_plan
from tuning.planning.spec import Spec
from tuning.store import Store

SETTINGS = ("hidden_size=16", "inner_size=32", "MAX_ITEM_LIST_LENGTH=8", "n_clusters=5", "device=cpu")


def tiny_plan(root: Path, **flags: Any) -> Plan:
    return make_plan({"dataset": "tiny", "dataset_root": str(root), "set": list(SETTINGS), "epochs": 3, **flags})


def save_study(store: Store, plan: Plan, storage: Path, **changes: Any) -> Spec:
    spec = plan.spec("study", 1, 0)
    facts = {
        "study_name": spec.study,
        "dataset": spec.dataset,
        "objective": spec.objective,
        "direction": spec.direction,
        "mask_seen": spec.config.mask_seen,
        "spec_json": spec.model_dump_json(),
        "trials_asked": 3,
        "data_fingerprint": spec.data_fingerprint,
        "storage_path": str(storage),
        "dataset_folder": plan.dataset.folder,
    }
    store.create_study(facts | changes)
    return spec


def save_trial(store: Store, number: int, state: str, value: float | None = None, **values: Any) -> str:
    trial_id = f"study.{number}"
    params = json.dumps(values.pop("params", {}))
    facts = {"study_name": "study", "number": number, "state": state, "value": value, "params_json": params}
    store.save_trial({"trial_id": trial_id, **facts, **values})
    return trial_id
