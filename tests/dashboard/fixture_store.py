"""A small store with everything the dashboard shows, made up in a second through `tuning.store`.

To look at it: `python tests/dashboard/fixture_store.py FOLDER`, then the command it prints.
"""

import json
import math
import random
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from dashboard.beyond import OF_USERS  # noqa: E402
from tuning import schema  # noqa: E402
from tuning.store import Finding, Store, now  # noqa: E402

OBJECTIVE = "valid/ndcg@10"
FINISHED, RUNNING, SILENT, EMPTY = "kitchen-2026.01", "kitchen-live", "kitchen-killed", "toys-just_started"
MODELS = {RUNNING: {"model": "HM4SR"}}
"""What a spec says of the model; older ones say nothing."""
USERS = [f"U{number:04d}" for number in range(1, 61)]
ITEMS = [f"I{number:03d}" for number in range(1, 81)]
HOSTILE_TITLE = "<script>alert(1)</script> **bold** $x^2$ [link](http://example.org) :red[Pan] & 'lid'"
ESCAPING_IMAGE = "../secret.jpg"
EPOCHS = 12
FINALS = ((3, 2025), (4, 2025), (3, 2026))
"""Number and seed of the looks at test that have kept their results."""
_MATERIALS = ("Copper", "Cast Iron", "Enamel", "Bamboo", "Glass", "Stoneware")
_THINGS = ("Pan", "Kettle", "Bowl", "Board", "Jar", "Lamp")
_PARTS = ("next_item", "item_contrast", "temporal_contrast", "attribute", "cluster", "diversity")


def build(folder: Path) -> str:
    """Write the store and its files under `folder`; the store's URL."""
    folder = Path(folder)
    url = f"sqlite:///{folder}/athwe.db"
    _data_set(folder)
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
            _write_users(path, goal, random.Random(seed * 100 + number), split="test")
        unrecorded = folder / "storage" / "finals" / f"{FINISHED}.3.seed-2099.parquet"
        _write_users(unrecorded, 0.04, random.Random(1), split="test")
        _ablation(store)
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
            _results(folder, trial_id, goal, params, chance)


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


def _data_set(folder: Path) -> None:
    from PIL import Image, ImageDraw

    chance = random.Random(7)
    (folder / "dataset" / "images").mkdir(parents=True)
    Image.new("RGB", (8, 8), "red").save(folder / "secret.jpg")
    rows = []
    for number, item in enumerate(ITEMS):
        title = f"{chance.choice(_MATERIALS)} {chance.choice(_THINGS)} No. {number + 1}"
        image = f"images/{item}.jpg" if number % 7 else ""
        if image:
            picture = Image.new("RGB", (160, 120), f"hsl({number * 37 % 360}, 45%, 70%)")
            ImageDraw.Draw(picture).ellipse((40, 20, 120, 100), fill=f"hsl({number * 37 % 360}, 55%, 40%)")
            picture.save(folder / "dataset" / image)
        rows.append({"item_id": item, "title": title, "categories": ["Kitchen", title.split()[-3]], "image": image})
    rows[1]["title"] = HOSTILE_TITLE
    rows[2] |= {"title": "A title that goes on and on, " * 6, "image": ESCAPING_IMAGE}
    data = folder / "storage" / "data" / "f00d"
    data.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), data / "items.parquet")
    histories = pa.Table.from_pylist([_history(user) for user in USERS])
    pq.write_table(histories, data / "histories.parquet", row_group_size=16)


def _history(user: str) -> dict:
    """What precedes the test target: history and validation target. Two long gaps and one of minutes."""
    chance = random.Random(user)
    items = chance.sample(ITEMS, 70 if user == USERS[3] else chance.randint(6, 14))
    items[:2] = [item for item in ITEMS[1:3] if item not in items[2:]] or items[:2]
    moment, times = 1_600_000_000, []
    for place in range(len(items)):
        moment += 200 * 86400 if place == len(items) // 2 else chance.choice([240, 7200, 86400 * 3, 86400 * 40])
        times.append(moment)
    return {"user": user, "items": items, "timestamps": times}


def _results(folder: Path, trial_id: str, goal: float, params: dict, chance: random.Random) -> None:
    storage = folder / "storage"
    _write_users(storage / "recommendations" / f"{trial_id}.parquet", goal, chance, is_old=trial_id.startswith(SILENT))
    (storage / "diagnostics").mkdir(exist_ok=True)
    (storage / "diagnostics" / f"{trial_id}.json").write_text(json.dumps(_diagnostics(params, chance)))


def _write_users(path: Path, goal: float, chance: random.Random, split: str = "valid", is_old: bool = False) -> None:
    """Per-user results; old ones lack what slices by gap and popularity need."""
    rows = []
    for user in USERS:
        history = _history(user)
        end = len(history["items"]) - (split == "valid")
        target = history["items"][-1] if split == "valid" else random.Random(user + split).choice(ITEMS)
        times = history["timestamps"]
        gap = times[end] - times[end - 1] if split == "valid" else 86400 * 9
        ranked = chance.sample(ITEMS, 50)
        common = random.Random(user).sample(ITEMS, 6)
        ranked = [*common, *(item for item in ranked if item not in common)][:50]
        chance.shuffle(ranked[:12])
        rank = ranked.index(target) + 1 if target in ranked else 50 + chance.randint(1, 30)
        if chance.random() < 8 * goal and target not in ranked[:6]:
            ranked = [target, *(item for item in ranked if item != target)][:50]
            rank = 1
        scores = sorted((chance.gauss(0, 3) for _ in ranked), reverse=True)
        known = {} if is_old else {"last_gap_seconds": gap, "target_popularity": int(target[1:]) % 31}
        known |= {} if is_old else {name: chance.random() for name in OF_USERS[:-1]} | {OF_USERS[-1]: None}
        rows.append({"user": user, "history_end": end, "target": target, "target_rank": rank, **known,
                     "items": ranked, "scores": scores})  # fmt: skip
    path.parent.mkdir(exist_ok=True)
    table = pa.Table.from_pylist(rows)
    if not is_old:
        table = table.replace_schema_metadata({b"beyond_accuracy": json.dumps(_beyond_accuracy(rows, split))})
    pq.write_table(table, path, row_group_size=16)


def _beyond_accuracy(rows: list[dict], split: str) -> dict:
    means = {f"{name}@10": sum(row[name] for row in rows) / len(rows) for name in OF_USERS[:-1]}
    measures = {"coverage@10": 0.6, "gini@10": 0.7} | means | {f"{OF_USERS[-1]}@10": None}
    return {"split": split, "mask_seen": False, "cutoff": 10, "measures": measures}


def _diagnostics(params: dict, chance: random.Random) -> dict:
    experts = params["routed_expert_nums"]
    buckets = ("first", "< 1 min", "< 1 h", "< 1 day", "< 1 week", "< 30 days", "< 1 year", "longer")
    use = {}
    for place, bucket in enumerate(buckets):
        distances = [expert / experts - place / len(buckets) for expert in range(experts)]
        weights = [math.exp(-6 * distance**2) + chance.random() * 0.3 for distance in distances]
        use[bucket] = [weight / sum(weights) for weight in weights]
    gates = {"low": 0.61} | {f"high {level}": 0.4 + level / 20 for level in range(1, params["wavelet_J"] + 1)}
    return {
        "modality_weights": {"item": 0.46, "txt": 0.33, "img": 0.21},
        "gate_strength": gates,
        "expert_use": use,
        "time_saturation": 0.034,
        "peak_memory_bytes": 812 * 2**20,
        "parameters": 1_582_867,
    }


if __name__ == "__main__":
    print(f"streamlit run {ROOT}/dashboard/app.py -- --store {build(Path(sys.argv[1]).resolve())}")
