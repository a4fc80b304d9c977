from pathlib import Path

import pytest
from tiny_encoders import write_bert, write_clip, write_shop


@pytest.fixture(scope="session")
def bert(tmp_path_factory) -> Path:
    return write_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def shop(tmp_path) -> Path:
    return write_shop(tmp_path)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    """Each test starts with nothing encoded, and reaches no network."""
    monkeypatch.setenv("ATHWE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "cache"
