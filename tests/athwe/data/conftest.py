from pathlib import Path

import pytest
from data_files import KEEP_ALL, write_interactions

from athwe.config import DataConfig
from athwe.data import Dataset, load_dataset


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    """No test looks into this machine's data roots or cluster cache."""
    monkeypatch.delenv("ATHWE_DATASET_ROOT", raising=False)
    monkeypatch.setenv("ATHWE_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path) -> Path:
    """A data set `tiny` with nothing but its interactions."""
    path = tmp_path / "roots" / "tiny"
    path.mkdir(parents=True)
    write_interactions(path)
    return path


@pytest.fixture
def load(folder):
    """Load `tiny`; keyword arguments change the configuration."""

    def load_tiny(**changes) -> Dataset:
        settings = {**KEEP_ALL, "data_path": str(folder.parent / "unused"), **changes}
        return load_dataset("tiny", folder.parent, DataConfig(**settings))

    return load_tiny
