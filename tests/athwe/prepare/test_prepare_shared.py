"""Real data sets in RecBole's form, prepared anew, keep their known figures and the alignment of their features."""

import os
from pathlib import Path

import pytest

from athwe.config_files import load_config
from athwe.data import load_dataset

DATA_ROOT = Path(os.environ.get("ATHWE_DATA_DIR", Path(__file__).resolve().parents[4] / "shared" / "data"))
FIGURES = {"ml-100k": (943, 1_349, 99_287), "grocery": (6_404, 4_371, 80_226)}
"""Users, items, interactions (PROTOCOL.md)."""


@pytest.mark.parametrize("name", FIGURES)
def test_a_real_data_set_keeps_its_figures_and_its_order(run, tmp_path, name):
    given = DATA_ROOT / name
    if not given.is_dir():
        pytest.skip(f"no {given}; name the folder above it in ATHWE_DATA_DIR")
    flags = ["recbole", "--inter", str(given / f"{name}.inter")]
    items = given / f"{name}.item"
    result = run(*flags, *(["--item", str(items)] if items.exists() else []), name=name)
    assert result.code == 0, result.err
    config = load_config(name, config_root=tmp_path / "config")
    dataset = load_dataset(name, tmp_path / "data", config)
    assert (dataset.n_users - 1, dataset.n_items - 1, len(dataset.item)) == FIGURES[name]
    before = load_dataset(name, DATA_ROOT, config)
    assert dataset.item_tokens.tolist() == before.item_tokens.tolist()
    if items.exists():
        assert dataset.items["title"].tolist() == before.items["title"].tolist()
        assert dataset.item_categories() == before.item_categories()
