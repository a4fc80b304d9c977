"""Files of a made-up data set and of the trials of a search on it."""

import json
import math
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.beyond import OF_USERS

USERS = [f"U{number:04d}" for number in range(1, 61)]
ITEMS = [f"I{number:03d}" for number in range(1, 81)]
HOSTILE_TITLE = "<script>alert(1)</script> **bold** $x^2$ [link](http://example.org) :red[Pan] & 'lid'"
ESCAPING_IMAGE = "../secret.jpg"
_MATERIALS = ("Copper", "Cast Iron", "Enamel", "Bamboo", "Glass", "Stoneware")
_THINGS = ("Pan", "Kettle", "Bowl", "Board", "Jar", "Lamp")


def write_data_set(folder: Path) -> None:
    """Items with pictures, one title and one path of a picture that mean harm, and users' histories."""
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
    histories = pa.Table.from_pylist([history_of(user) for user in USERS])
    pq.write_table(histories, data / "histories.parquet", row_group_size=16)


def history_of(user: str) -> dict:
    """What precedes the test target: history and validation target. Two long gaps and one of minutes."""
    chance = random.Random(user)
    items = chance.sample(ITEMS, 70 if user == USERS[3] else chance.randint(6, 14))
    items[:2] = [item for item in ITEMS[1:3] if item not in items[2:]] or items[:2]
    moment, times = 1_600_000_000, []
    for place in range(len(items)):
        moment += 200 * 86400 if place == len(items) // 2 else chance.choice([240, 7200, 86400 * 3, 86400 * 40])
        times.append(moment)
    return {"user": user, "items": items, "timestamps": times}


def write_results(folder: Path, trial_id: str, goal: float, params: dict, chance: random.Random, is_old: bool) -> None:
    """What a trial leaves of its best epoch."""
    storage = folder / "storage"
    write_users(storage / "recommendations" / f"{trial_id}.parquet", goal, chance, is_old=is_old)
    (storage / "diagnostics").mkdir(exist_ok=True)
    (storage / "diagnostics" / f"{trial_id}.json").write_text(json.dumps(_diagnostics(params, chance)))


def write_users(path: Path, goal: float, chance: random.Random, split: str = "valid", is_old: bool = False) -> None:
    """Per-user results; old ones lack what slices by gap and popularity need."""
    rows = []
    for user in USERS:
        history = history_of(user)
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
