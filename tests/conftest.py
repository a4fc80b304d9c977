"""A small data set with every modality, made here; its values do not matter, its shape does. And a real S3 server."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

os.environ.setdefault("RAY_AUTH_MODE", "token")  # as a search does; Ray keeps what it finds when it is first asked

from athwe.config import Config
from athwe.data import Dataset, load_dataset

torch.set_num_threads(1)  # models here are too small to share

TINY = {
    "hidden_size": 8,
    "inner_size": 16,
    "MAX_ITEM_LIST_LENGTH": 9,
    "n_clusters": 3,
    "time_span": 20,
    "time_scale": 100_000,
    "routed_expert_nums": 4,
    "moe_topk": 2,
    "wavelet_J": 2,
    "train_batch_size": 64,
    "epochs": 2,
    "seed": 7,
    "device": "cpu",
}


def write_tiny_dataset(root: Path, name: str = "tiny") -> Path:
    """40 users, 30 items, gaps from seconds to weeks; every item and user survives filtering."""
    random = np.random.default_rng(3)
    folder = root / name
    folder.mkdir(parents=True)
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user in range(40):
        count = int(random.integers(5, 15))
        times = 1_400_000_000 + np.cumsum(random.integers(1, 600_000, count))
        items = (np.arange(count) * 7 + user * 3) % 30
        lines += [f"u{user}\ti{item}\t{time}" for item, time in zip(items, times, strict=True)]
    (folder / f"{name}.inter").write_text("\n".join(lines) + "\n")
    features = {"txt_emb": random.normal(size=(31, 12)), "img_emb": random.normal(size=(31, 10))}
    features["cat"] = np.eye(4)[np.arange(31) % 4]
    for stem, values in features.items():
        values[0] = 0
        torch.save(torch.tensor(values, dtype=torch.float32), folder / f"{stem}.pt")
    return folder


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("dataset")
    write_tiny_dataset(root)
    return root


@pytest.fixture(scope="session")
def tiny_config() -> Config:
    return Config(**TINY)


@pytest.fixture(scope="session")
def tiny_dataset(tiny_root, tiny_config) -> Dataset:
    return load_dataset("tiny", tiny_root, tiny_config)


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory) -> Path:
    """Tests never read or fill the user's own cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATHWE_CACHE_DIR", str(folder))
        yield folder


S3_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="session")
def s3_bucket() -> Iterator[str]:
    """URL of an empty bucket on moto's S3 server on loopback, with `{}` for a path in it; credentials are set."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with pytest.MonkeyPatch.context() as patch, open(os.devnull, "wb") as nowhere:
        for name, value in S3_ENVIRONMENT.items():
            patch.setenv(name, value)
        server = subprocess.Popen(command, stdout=nowhere, stderr=nowhere)
        try:
            query = f"endpoint_override=http://127.0.0.1:{port}&scheme=http"
            _make_bucket(server, port, query)
            yield "s3://bucket/{}?" + query
        finally:
            server.kill()
            server.wait()


def _make_bucket(server: subprocess.Popen, port: int, query: str) -> None:
    from pyarrow import fs

    deadline = time.monotonic() + 60
    while socket.socket().connect_ex(("127.0.0.1", port)):
        assert server.poll() is None and time.monotonic() < deadline, "the S3 server did not start"
        time.sleep(0.1)
    fs.FileSystem.from_uri(f"s3://bucket?{query}&allow_bucket_creation=true")[0].create_dir("bucket")
