"""A small store with everything the dashboard shows, made up in a second through `tuning.store`.

To look at it: `python tests/dashboard/fixture_store.py FOLDER`, then the command it prints.
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

from fixture_files import USERS, write_data_set, write_results, write_users  # noqa: E402

from tuning import schema  # noqa: E402
from tuning.store import Finding, Store, now  # noqa: E402

OBJECTIVE = "valid/ndcg@10"
FINISHED, RUNNING, SILENT, EMPTY = "kitchen-2026.01", "kitchen-live", "kitchen-killed", "toys-just_started"
MODELS = {RUNNING: {"model": "HM4SR"}}
"""What a spec says of the model; older ones say nothing."""
EPOCHS = 12
FINALS = ((3, 2025), (4, 2025), (3, 2026))
"""Number and seed of the looks at test that have kept their results."""
_PARTS = ("next_item", "item_contrast", "temporal_contrast", "attribute", "cluster", "diversity")


def build(folder: Path) -> str:
    """Write the store and its files under `folder`; the store's URL."""
    folder = Path(folder)
    url = f"sqlite:///{folder}/athwe.db"
    write_data_set(folder)
    with Store.open(url) as store:
        _study(store, folder, EMPTY, created=timedelta(minutes=1), asked=20)
        _study(store, folder, SILENT, created=timedelta(days=2), heartbeat=timedelta(days=1), asked=10)
        _study(store, folder, RUNNING, created=timedelta(minutes=12), heartbeat=timedelta(), asked=30)
        _study(store, folder, FINISHED, created=timedelta(days=9), ended=timedelta(days=8, hours=19), asked=28)
        _trials(store, folder, FINISHED, 28)
        _trials(store, folder, SILENT, 4)
        _trials(store, folder, RUNNING, 9, running=2)
        names = ("learning_rate", "hidden_dropout_prob", "moe_topk", "beta", "wavelet_J")
        store.save_importance(FINISHED, "fanova", dict(zip(names, (0.52, 0.21, 0.11, 0.09, 0.07), strict=True)))
        store.save_importance(FINISHED, "ped_anova", dict(zip(names, (0.07, 0.09, 0.11, 0.21, 0.52), strict=True)))
        look = {"study_name": FINISHED, "evaluated_by": "someone", "seed": 1, "mask_seen": False, "metrics_json": "{}"}
        store.save_test_evaluation(look)
        for number, seed in FINALS:
            goal, trial_id = 0.04 + number / 1000, f"{FINISHED}.{number}"
            values = {"trial_id": trial_id, "seed": seed, "metrics_json": json.dumps({"test/ndcg@10": goal})}
            store.save_test_evaluation(look | values)
            path = folder / "storage" / "finals" / f"{trial_id}.seed-{seed}.parquet"
            write_users(path, goal, random.Random(seed * 100 + number), split="test")
        unrecorded = folder / "storage" / "finals" / f"{FINISHED}.3.seed-2099.parquet"
        write_users(unrecorded, 0.04, random.Random(1), split="test")
        _ablation(store)
        _ties(store, FINISHED)
        _ties(store, SILENT, on_seeds=False)
    return url


def _ablation(store: Store) -> None:
    """The text earns its place, one loss costs, of the wavelet nothing can be told."""
    whole = {"trial": 7, "mean": 0.05, "sd": 0.001, "seeds": 3, "parameters": 120_000}
    rows = [Finding("full", "", name, value) for name, value in whole.items()]
    for part, difference, half, p_holm in (
        ("txt", -0.012, 0.004, 0.001), ("wavelet", 0.001, 0.003, 1.0), ("item_contrast", 0.005, 0.002, 0.01),
    ):  # fmt: skip
        facts = {"mean": 0.05 + difference, "sd": 0.0012, "seeds": 3, "parameters": 120_000 - (part == "txt") * 9_000}
        facts |= {"difference": difference, "low": difference - half, "high": difference + half, "p": p_holm / 3}
        facts |= {"users": len(USERS), "paired_seeds": 3, "p_holm": p_holm}
        rows += [Finding(part, "", name, value) for name, value in facts.items()]
        for label, more in (("History length: 6 to 10", -0.006), ("History length: 11 to 20", 0.004)):
            one = {"difference": difference + more, "low": difference + more - 0.01, "high": difference + more + 0.01}
            rows += [Finding(part, label, name, value) for name, value in (one | {"users": 30}).items()]
    store.save_findings(FINISHED, "ablation", rows)
    shares = [
        Finding(part, "", name, value)
        for part, share in (("item", 0.01), ("txt", 0.02), ("img", -0.002))
        for name, value in {"share": share, "low": share - 0.003, "high": share + 0.003}.items()
    ]
    means = {"item+txt+img": 0.05, "item+txt": 0.052, "item": 0.034, "none": 0.022}
    shares += [Finding("subset", name, "mean", value) for name, value in means.items()]
    store.save_findings(FINISHED, "shapley", shares)


def _ties(store: Store, study: str, on_seeds: bool = True) -> None:
    """Trials tie whose interval has 0 in it; one of three does not on further seeds; one has come to its end since."""
    trials = store.trials(study)
    complete = trials[(trials["state"] == schema.COMPLETE)].sort_values("value", ascending=False)
    rows = complete[["trial_id", "value"]].to_dict("records")[:-1]
    whole = {"alpha": 0.05, "users": len(USERS), "complete": len(rows), "optimism": 0.0021}
    found = [Finding("", "", name, value) for name, value in whole.items()]
    best = rows[0]["value"]
    for place, row in enumerate(rows):
        difference, half = row["value"] - best, (0.004 if on_seeds else 0.04) * (place > 0)
        found += _tie(row["trial_id"], "", row["value"], difference, half, difference + half >= 0, seeds=1)
    for place, (row, shift) in enumerate(zip(rows[: 3 * on_seeds], (0.0, 0.001, 0.006), strict=False)):
        mean, half = best - 0.001 - shift, 0.003 * (place > 0)
        found += _tie(row["trial_id"], "seeds", mean, -shift, half, place < 2, seeds=3, sd=0.0008)
    store.save_findings(study, "ties", found)


def _tie(trial_id: str, part: str, mean: float, difference: float, half: float, tied: bool, **more) -> list[Finding]:
    facts = {"mean": mean, "difference": difference, "low": difference - half, "high": difference + half}
    p = 1.0 if difference == 0 else 0.4 if tied else 0.001
    facts |= {"p": p, "p_holm": p, "p_adjusted": p, "tied": float(tied), "users": len(USERS)} | more
    return [Finding(trial_id, part, name, value) for name, value in facts.items()]


def _study(store: Store, folder: Path, name: str, created, asked, heartbeat=None, ended=None) -> None:
    space = {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "moe_topk": {"low": 1, "high": 8}}
    store.create_study(
        {
            "study_name": name, "dataset": name.split("-")[0], "objective": OBJECTIVE, "direction": "maximize",
            "mask_seen": name == SILENT, "trials_asked": asked, "data_fingerprint": "f00d", "git_sha": "0123456789ab",
            "storage_path": str(folder / "storage"), "dataset_folder": str(folder / "dataset"),
            "spec_json": json.dumps(
                {
                    "space": space, "config": {"hidden_size": 64, "seed": 2024} | MODELS.get(name, {}),
                    "versions": {"python": "3.11"},
                    "git_sha": "0123456789ab", "published": {"learning_rate": 1e-3, "moe_topk": 6},
                }
            ),
        }
    )  # fmt: skip
    times = {"created_at": created, "heartbeat_at": heartbeat, "ended_at": ended}
    store.update_study(name, **{key: now() - ago for key, ago in times.items() if ago is not None})


def _trials(store: Store, folder: Path, study: str, count: int, running: int = 0) -> None:
    chance = random.Random(study)
    for number in range(count):
        trial_id = f"{study}.{number}"
        params = _parameters(chance, number)
        state = schema.RUNNING if number >= count - running else _state(number)
        reason, error = _failure(number) if state == schema.FAIL else (None, None)
        too_fast = abs(math.log10(params["learning_rate"] / 1e-3))
        goal = 0.05 - 0.008 * too_fast - 0.02 * abs(params["hidden_dropout_prob"] - 0.4) + chance.gauss(0, 0.0015)
        epochs = {schema.PRUNED: 3, schema.FAIL: 2, schema.RUNNING: 2}.get(state, EPOCHS)
        epochs = 0 if reason == schema.WORKER_LOST else epochs
        started = now() - timedelta(minutes=200 - 6 * number if not running else 10 - number)
        store.save_trial(
            {
                "trial_id": trial_id, "study_name": study, "number": number, "state": state, "reason": reason,
                "params_json": json.dumps(params), "started_at": started, "error": error,
                "ended_at": None if state == schema.RUNNING else started + timedelta(seconds=31 * epochs + 4),
            }
        )  # fmt: skip
        values = [_epoch(store, trial_id, epoch, goal, chance) for epoch in range(1, epochs + 1)]
        if values and state != schema.FAIL:
            store.save_trial({"trial_id": trial_id, "value": max(values), "best_epoch": values.index(max(values)) + 1})
        if state == schema.COMPLETE:
            write_results(folder, trial_id, goal, params, chance, is_old=study == SILENT)


def _parameters(chance: random.Random, number: int) -> dict:
    if number == 0:
        return {
            "learning_rate": 1e-3, "hidden_dropout_prob": 0.5, "moe_topk": 6, "beta": 0.2, "wavelet_J": 4,
            "routed_expert_nums": 8, "time_scale": 15000000, "n_clusters": 100, "cluster_method": "kmedoids",
        }  # fmt: skip
    return {
        "learning_rate": 10 ** chance.uniform(-4, -2),
        "hidden_dropout_prob": round(chance.uniform(0.1, 0.6), 2),
        "moe_topk": chance.randint(1, 6),
        "beta": round(chance.uniform(0.05, 0.5), 3),
        "wavelet_J": chance.randint(1, 4),
        "routed_expert_nums": chance.choice([6, 8, 12, 16]),
        "time_scale": int(10 ** chance.uniform(5, 8)),
        "n_clusters": chance.choice([20, 50, 100]),
        "cluster_method": chance.choice(["kmedoids", "clara"]),
    }


def _state(number: int) -> str:
    if number % 9 == 5:
        return schema.FAIL
    return schema.PRUNED if number % 3 == 2 else schema.COMPLETE


def _failure(number: int) -> tuple[str, str]:
    if number % 2:
        trace = 'Traceback (most recent call last):\n  File "trainer.py", line 88, in epochs\n'
        line = "athwe.errors.DivergedError: training diverged: loss part 'item_contrast' is nan in epoch 3"
        return schema.DIVERGED, trace + line
    return schema.WORKER_LOST, "The worker died: it was killed by the system, perhaps for memory."


def _epoch(store: Store, trial_id: str, epoch: int, goal: float, chance: random.Random) -> float:
    share = 1 - math.exp(-epoch / 3) - 0.01 * max(0, epoch - 9)
    value = max(goal * share + chance.gauss(0, 0.0006), 0.0005)
    losses = ((9 - 60 * goal) / (place + 1) * math.exp(-epoch / (4 + place)) + 1 for place in range(len(_PARTS)))
    parts = {f"train/loss_{part}": loss for part, loss in zip(_PARTS, losses, strict=True)}
    parts |= {"train/loss_total": sum(parts.values()), "train/seconds": 31.0}
    scales = {"ndcg": 1, "mrr": 0.8, "recall": 1.9}
    valid = {
        f"valid/{name}@{k}": value * scale * (k / 10) ** 0.4 for name, scale in scales.items() for k in (5, 10, 20, 50)
    }
    store.save_metrics(trial_id, epoch, valid | parts)
    return value


if __name__ == "__main__":
    print(f"streamlit run {ROOT}/dashboard/app.py -- --store {build(Path(sys.argv[1]).resolve())}")
