"""What the tests of the search share: a data set that trains in moments, and events of trials that nobody trained."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from optuna.trial import FrozenTrial

from tuning.books.journal import Journal
from tuning.files.disk import Disk, DiskRules
from tuning.files.storage import Storage
from tuning.store import Store, StoreError

OBJECTIVE = "valid/ndcg@10"
USERS, ITEMS, PER_USER = 60, 40, 8


def write_tiny(root: Path, modalities: tuple[str, ...] = ("txt", "img"), categories: bool = True) -> Path:
    """Write `<root>/tiny`: each user walks through the items in their order, so that there is something to learn."""
    folder = root / "tiny"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    start = generator.integers(0, ITEMS, USERS)
    rows, seen = ["user_id:token\titem_id:token\ttimestamp:float"], []
    for step in range(PER_USER):
        for user in range(USERS):
            item = f"i{(start[user] + step) % ITEMS}"
            seen.append(item)
            rows.append(f"u{user}\t{item}\t{1_400_000_000 + step * 86_400 + user}")
    (folder / "tiny.inter").write_text("\n".join(rows) + "\n", encoding="utf-8")
    shape = (len(set(seen)) + 1, 8)
    for modality in modalities:
        features = torch.from_numpy(generator.standard_normal(shape).astype(np.float32))
        features[0] = 0
        torch.save(features, folder / f"{modality}_emb.pt")
    if categories:
        attributes = torch.from_numpy(generator.integers(0, 2, (shape[0], 4)).astype(np.float32))
        attributes[0] = 0
        torch.save(attributes, folder / "cat.pt")
    return root


class UnreliableStore(Store):
    """A real store that can be cut off."""

    is_away = False

    def _begin(self):
        if self.is_away:
            raise StoreError("away")
        return super()._begin()


def epoch(number: int, value: float, best_epoch: int, best_value: float) -> dict[str, Any]:
    return {
        "epoch": number,
        OBJECTIVE: value,
        "train/loss_total": 1.0,
        "time_total_s": 3.0,
        "best_epoch": best_epoch,
        "best_value": best_value,
        "done": False,
    }


def disk_at(folder: Path | str, keep_models: int = 10, budget: int | None = None) -> Disk:
    """Where the study `s` has its files."""
    return Disk(Storage.at(str(folder)), "s", DiskRules(keep_models, maximize=True, trials=3, at_work=1, budget=budget))


def run(journal: Journal, study: optuna.Study, *values: float) -> int:
    number = study.ask({"beta": optuna.distributions.FloatDistribution(0, 1)}).number
    journal.proposed(number, {"beta": 0.5})
    journal.started(number)
    best = -1.0
    best_epoch = 0
    for index, value in enumerate(values, start=1):
        if value > best:
            best, best_epoch = value, index
        journal.reported(number, epoch(index, value, best_epoch, best))
    return number


def both(store: Store, study: optuna.Study, number: int) -> tuple[dict[str, Any], FrozenTrial]:
    return store.trials("s").set_index("number").loc[number].to_dict(), study.trials[number]
