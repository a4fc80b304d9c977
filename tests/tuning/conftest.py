"""A data set small enough that an epoch takes a fraction of a second."""

from pathlib import Path

import numpy as np
import pytest
import torch

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


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the data set `tiny`, which has every modality and categories."""
    return write_tiny(tmp_path_factory.mktemp("datasets"))
