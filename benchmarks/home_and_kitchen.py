"""A made-up log of the size of Amazon Home_and_Kitchen (2014, 5-core), for benchmarks: its speed is real, its meaning is not.

66,519 users, 28,237 items, 551,682 interactions. Histories are heavy-tailed from 5 up, item popularity falls off like a
power, every item occurs 5 times at least (so that the k-core keeps every row), and times are whole days of which a third
repeat the day before, as in Amazon's reviews. Features are 768 wide, around one centre a cluster.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int64

from athwe.data import Catalogue, Dataset
from athwe.data.split import count_preceding

USERS, ITEMS, INTERACTIONS = 66_519, 28_237, 551_682
FEATURE_WIDTH = 768
CATEGORIES = 300
SHORTEST = 5
"""Interactions that each user and each item has at least."""
DAY = 86_400
SAME_DAY_SHARE = 0.3
MEDIAN_GAP_DAYS = 50
START = 1_200_000_000


@dataclass(frozen=True)
class Log:
    """Interactions sorted by user, then time; users and items are numbered from 1."""

    user: Int64[np.ndarray, " rows"]
    item: Int64[np.ndarray, " rows"]
    timestamp: Int64[np.ndarray, " rows"]
    """Unix seconds, whole days."""


def make_log(users: int = USERS, items: int = ITEMS, interactions: int = INTERACTIONS, seed: int = 0) -> Log:
    """Draw a log with exactly these counts."""
    random = np.random.default_rng(seed)
    length = _lengths(users, interactions, random)
    popularity = 1 / (np.arange(1, items + 1) + 50) ** 0.8
    drawn = random.choice(items, interactions - SHORTEST * items, p=popularity / popularity.sum())
    item = random.permutation(np.concatenate([np.tile(np.arange(items), SHORTEST), drawn])) + 1
    user = np.repeat(np.arange(1, users + 1), length)
    gap_days = np.exp(random.normal(np.log(MEDIAN_GAP_DAYS), 1.3, interactions)).astype(np.int64) + 1
    gap_days[random.random(interactions) < SAME_DAY_SHARE] = 0
    first = np.cumsum(length) - length
    gap_days[first] = random.integers(0, 1000, users)
    elapsed = np.cumsum(gap_days)
    before = np.repeat(elapsed[first] - gap_days[first], length)
    return Log(user, item, START + DAY * (elapsed - before))


def write_inter(log: Log, path: Path) -> None:
    """Write the log as a `.inter` file with Amazon-like tokens, in the order of time, as review dumps are."""
    order = np.argsort(log.timestamp, kind="stable")
    table = pd.DataFrame(
        {
            "user_id:token": [f"A{user * 7919:013X}" for user in log.user[order]],
            "item_id:token": [f"B{item * 104729:09X}" for item in log.item[order]],
            "timestamp:float": log.timestamp[order],
        }
    )
    table.to_csv(path, sep="\t", index=False)


def make_features(items: int, width: int, clusters: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features (items + 1, width) float32, row 0 zero, and the cluster (items + 1,) each was drawn around, −1 for row 0."""
    random = np.random.default_rng(seed)
    label = random.integers(0, clusters, items + 1)
    centre = random.standard_normal((clusters, width), dtype=np.float32)
    features = centre[label] + random.standard_normal((items + 1, width), dtype=np.float32)
    features[0], label[0] = 0, -1
    return features, label


def make_dataset(log: Log, items: int = ITEMS, max_length: int = 50) -> Dataset:
    """The prepared arrays of a log, with text, images and categories; no file is read."""
    users = int(log.user[-1])
    offset = np.concatenate([[0], np.cumsum(np.bincount(log.user, minlength=users + 1))])
    random = np.random.default_rng(1)
    attributes = (random.random((items + 1, CATEGORIES)) < 4 / CATEGORIES).astype(np.float32)
    attributes[0] = 0
    return Dataset(
        name="Home_and_Kitchen",
        folder="",
        fingerprint="made-up",
        user_tokens=np.arange(users + 1).astype(str),
        item_tokens=np.arange(items + 1).astype(str),
        item=log.item,
        timestamp=log.timestamp,
        preceding=count_preceding(offset),
        user_offset=offset,
        max_length=max_length,
        modalities=("item", "txt", "img"),
        features={name: make_features(items, FEATURE_WIDTH, 100, seed)[0] for seed, name in enumerate(("txt", "img"))},
        attributes=attributes,
        items=pd.DataFrame(columns=["item_id", "title", "categories", "image"]),
    )


def make_catalogue(dataset: Dataset, clusters: int = 100) -> Catalogue:
    """Its items as tensors, with labels drawn at random: how they were found costs a step nothing."""
    labels = torch.randint(clusters, (dataset.n_items,), generator=torch.Generator().manual_seed(0))
    labels[0] = -1
    labels[1 : clusters + 1] = torch.arange(clusters)
    assert dataset.attributes is not None
    return Catalogue(
        n_items=dataset.n_items,
        features={name: torch.from_numpy(array) for name, array in dataset.features.items()},
        attributes=torch.from_numpy(dataset.attributes),
        clusters=dict.fromkeys(dataset.features, labels),
    )


def _lengths(users: int, interactions: int, random: np.random.Generator) -> np.ndarray:
    """Interactions of each user: 5 and a heavy tail, summing to exactly `interactions`."""
    mean_tail = interactions / users - SHORTEST
    tail = random.lognormal(0, 1.0, users)
    length = SHORTEST + np.floor(tail * mean_tail / tail.mean()).astype(np.int64)
    missing = interactions - length.sum()
    length[random.choice(users, missing, replace=False)] += 1
    return length
