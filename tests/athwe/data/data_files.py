"""Data set folders with known content, written by the tests."""

from pathlib import Path

import numpy as np
import torch

KEEP_ALL = {"user_inter_num_interval": "[1,inf)", "item_inter_num_interval": "[1,inf)"}
HEADER = "user_id:token\titem_id:token\ttimestamp:float"

ROWS = [  # user a: five items; user b: four; c moved in time order in the middle of the file
    ("b", "x", 50),
    ("a", "y", 20),
    ("a", "x", 10),
    ("c", "z", 70),
    ("a", "z", 30),
    ("b", "y", 60),
    ("a", "w", 30),
    ("c", "x", 65),
    ("a", "x", 40),
    ("b", "w", 60),
    ("b", "z", 90),
]
TOKENS = ["[PAD]", "x", "y", "z", "w"]


def write_interactions(folder: Path, rows=ROWS, header: str = HEADER) -> Path:
    path = folder / f"{folder.name}.inter"
    path.write_text("\n".join([header, *("\t".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")
    return path


def write_features(folder: Path, name: str = "txt_emb", rows: int = len(TOKENS), width: int = 3) -> torch.Tensor:
    tensor = torch.arange(rows * width, dtype=torch.float32).reshape(rows, width) + 1
    tensor[0] = 0
    torch.save(tensor, folder / f"{name}.pt")
    return tensor


def random_log(seed: int = 0, n_users: int = 30, n_items: int = 20, n_rows: int = 900) -> list[tuple]:
    """Rows in no order at all, with many equal times."""
    generator = np.random.default_rng(seed)
    columns = (generator.integers(high, size=n_rows).tolist() for high in (n_users, n_items, 50))
    return [(f"u{user}", f"i{item}", time) for user, item, time in zip(*columns, strict=True)]
