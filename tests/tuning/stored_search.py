"""Studies in a store as a search would have left them, with values that are given: nothing is trained."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import TrialScheduler

from athwe.config import Config
from tuning.planning.spec import SearchSettings, Spec
from tuning.pruning.audited import Audited
from tuning.pruning.pruner import make_scheduler
from tuning.schema import COMPLETE, PRUNED, REPORTED_SECONDS
from tuning.store import Store

OBJECTIVE = "valid/ndcg@10"
LAST_EPOCH = 9
EPOCH_SECONDS = 2.0


def make_spec(name: str = "study", pruner: Mapping[str, Any] | None = None, **settings: Any) -> Spec:
    """Trials of nine epochs, rungs in epochs 1 and 3, one in three goes on, nobody is audited."""
    space = {"beta": {"type": "float", "low": 0, "high": 1}, "hidden_act": {"type": "categorical", "choices": ["gelu"]}}
    values = {"space": space, "pruner": {"grace_epochs": 1, "audit_share": 0, **(pruner or {})}, **settings}
    return Spec(
        study=name,
        dataset="tiny",
        data_fingerprint="f",
        config=Config(valid_metric="ndcg@10", epochs=LAST_EPOCH),
        settings=SearchSettings.model_validate(values),
        concurrency=1,
        cpus_per_trial=1,
        gpus_per_trial=0,
    )


def create(store: Store, spec: Spec, **columns: Any) -> None:
    """The study's row."""
    row = {
        "study_name": spec.study,
        "dataset": spec.dataset,
        "objective": spec.objective,
        "direction": spec.direction,
        "mask_seen": False,
        "spec_json": spec.model_dump_json(),
        "trials_asked": 3,
        "data_fingerprint": "f",
        "storage_path": "/nowhere",
    }
    store.create_study(row | columns, spec.settings.also_minimize)


def search(store: Store, spec: Spec, curves: Sequence[Sequence[float]], is_old: bool = False) -> dict[int, int]:
    """Let the pruner judge trials whose values by epoch are given, one trial after another; gives its verdicts.

    Args:
        is_old: as version 1 of the store kept it, without verdicts and times of reports.
    """
    create(store, spec)
    scheduler = make_scheduler(spec)
    verdicts = scheduler.verdicts if isinstance(scheduler, Audited) else {}
    clock = 0.0
    for number, curve in enumerate(curves):
        params = {"beta": 0.2 if number == 0 else number / 100, "hidden_act": "gelu"}
        last_epoch = _judge(scheduler, spec.objective, number, params, curve)
        trial = {"study_name": spec.study, "number": number, "params_json": json.dumps(params)}
        trial |= {"state": COMPLETE if last_epoch == len(curve) else PRUNED, "trial_id": f"{spec.study}.{number}"}
        best = (max if spec.direction == "maximize" else min)(curve[:last_epoch])
        trial |= {"value": best, "best_epoch": curve.index(best) + 1}
        times = {
            "started_at": _at(store, spec, clock),
            "ended_at": _at(store, spec, clock + last_epoch * EPOCH_SECONDS),
        }
        store.save_trial(trial | times | ({} if is_old else {"pruned_epoch": verdicts.get(number)}))
        for epoch, value in enumerate(curve[:last_epoch], start=1):
            clock += EPOCH_SECONDS
            metrics = {spec.objective: value, "train/seconds": EPOCH_SECONDS}
            store.save_metrics(trial["trial_id"], epoch, metrics | ({} if is_old else {REPORTED_SECONDS: clock}))
        costs = {"train_seconds": last_epoch * EPOCH_SECONDS, "parameters": 100.0 + number}
        store.save_values(trial["trial_id"], {spec.objective: best} | ({} if is_old else costs))
    return dict(verdicts)


def _judge(scheduler: TrialScheduler, objective: str, number: int, params: Mapping[str, Any], curve: Sequence[float]):
    """The epoch in which a trial ends: of its last epoch the pruner hears no more than that it ended."""
    trial: Any = SimpleNamespace(trial_id=f"t{number}", config={"number": number, "params": params})
    scheduler.on_trial_add(None, trial)  # type: ignore[arg-type]
    for epoch, value in enumerate(curve[:-1], start=1):
        result = {"epoch": epoch, objective: value}
        if scheduler.on_trial_result(None, trial, result) == TrialScheduler.STOP:  # type: ignore[arg-type]
            return epoch
    return len(curve)


def _at(store: Store, spec: Spec, seconds: float) -> datetime:
    row = store.study(spec.study)
    assert row is not None
    return row["created_at"] + timedelta(seconds=seconds)


def rising(final: float, epochs: int = LAST_EPOCH) -> list[float]:
    """A value that grows evenly to its last epoch."""
    return [final * epoch / epochs for epoch in range(1, epochs + 1)]
