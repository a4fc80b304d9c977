"""Splits and histories equal RecBole's, as sets of rows, after the id maps."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from athwe.config import DataConfig
from athwe.data import load_dataset

SHARED = Path(__file__).resolve().parents[4] / "shared"
DATA_ROOT = Path(os.environ.get("ATHWE_DATA_DIR", SHARED / "data"))
FIGURES = {  # users, items, interactions, train samples (PROTOCOL.md)
    "ml-100k": (943, 1_349, 99_287, 96_458),
    "grocery": (6_404, 4_371, 80_226, 61_014),
}


def expected_files() -> list[Path]:
    folder = Path(os.environ.get("ATHWE_PROTOCOL_DIR", SHARED / "parity" / "protocol"))
    files = sorted(folder.glob("*.npz"))
    if not files and "ATHWE_PROTOCOL_DIR" in os.environ:
        raise FileNotFoundError(f"ATHWE_PROTOCOL_DIR names {folder}, which holds no .npz file")
    return files


@pytest.fixture(params=expected_files() or [None], ids=lambda path: path.stem if path else "absent", scope="module")
def case(request):
    if request.param is None:
        pytest.skip("no RecBole output in ../shared/parity/protocol; name its folder in ATHWE_PROTOCOL_DIR")
    path: Path = request.param
    maps = json.loads(path.with_name(f"{path.stem}.map.json").read_text(encoding="utf-8"))
    return path.stem, load_dataset(path.stem, DATA_ROOT, DataConfig()), np.load(path), maps


def numbers_of(tokens: np.ndarray) -> dict[str, int]:
    return {token: number for number, token in enumerate(tokens.tolist())}


def as_sorted_rows(*columns: np.ndarray) -> np.ndarray:
    rows = np.column_stack([column.astype(np.float64) for column in columns])
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_a_split_equals_recbole(case, split):
    _, dataset, expected, maps = case
    user_of, item_of = (
        np.array([numbers[token] for token in maps[kind]])
        for kind, numbers in (("users", numbers_of(dataset.user_tokens)), ("items", numbers_of(dataset.item_tokens)))
    )
    positions = dataset.positions(split)
    batch = dataset.batch(positions)
    assert batch.item_sequence.shape[1] == dataset.max_length, "RecBole pads to it, a batch to its longest history"
    columns = (batch.target, batch.length, batch.item_sequence, batch.timestamp.float())
    ours = as_sorted_rows(dataset.users(positions), *(column.numpy() for column in columns))
    theirs = as_sorted_rows(
        user_of[expected[f"{split}/user_id"]],
        item_of[expected[f"{split}/item_id"]],
        expected[f"{split}/item_length"],
        item_of[expected[f"{split}/item_id_list"]],
        expected[f"{split}/timestamp_list"],
    )
    np.testing.assert_array_equal(ours, theirs)


def test_items_and_users_are_numbered_as_recbole_numbers_them(case):
    _, dataset, _, maps = case
    assert dataset.item_tokens.tolist() == maps["items"]
    assert set(dataset.user_tokens.tolist()) == set(maps["users"])


def test_counts_are_the_checked_figures(case):
    name, dataset, _, _ = case
    if name not in FIGURES:
        pytest.skip(f"no checked figures for {name}")
    counts = (dataset.n_users - 1, dataset.n_items - 1, len(dataset.item), len(dataset.positions("train")))
    assert counts == FIGURES[name]
