"""Per-user results as parquet in external ids: what the dashboard reads (`DESIGN.md`, One trial's way).

Rows are sorted by user and cut into small row groups, so that one user is found by the groups' statistics
without reading the file. Files are written under a temporary name and renamed.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from athwe.data import Dataset
from athwe.evaluation.list_measures import ListMeasures
from athwe.evaluation.ranking import Ranking
from athwe.evaluation.target_facts import facts_of
from athwe.files import replacing

ROW_GROUP_USERS = 1024
MASK_SEEN_KEY = b"mask_seen"
BEYOND_ACCURACY_KEY = b"beyond_accuracy"


def write_recommendations(
    ranking: Ranking,
    dataset: Dataset,
    path: Path,
    measures: ListMeasures | None = None,
    about: Mapping[str, object] | None = None,
) -> None:
    """One row a user: user, history_end, target, target_rank, last_gap_seconds, target_popularity, items and scores.

    `history_end` counts the user's interactions before the target: an exclusive index into its row of the histories.
    `facts_of` says what it, `last_gap_seconds` and `target_popularity` are; files of an older version lack these two.
    `items` and `scores` are the top-K lists. `measures` of the same ranking add a column each, null where a user has no
    value, and what all lists are like to the file's metadata.

    Args:
        about: written into the file's metadata as texts.
    """
    users = dataset.users(ranking.positions)
    order = np.argsort(dataset.user_tokens[users], kind="stable")
    positions, tokens = ranking.positions[order], dataset.item_tokens
    of_targets = facts_of(dataset, positions)
    offered = np.isfinite(ranking.top_scores[order])  # what mask_seen left out is no recommendation
    of_users = measures.of_users if measures else {}
    table = pa.table(
        {
            "user": pa.array(dataset.user_tokens[users[order]]),
            "history_end": of_targets["history_end"],
            "target": pa.array(tokens[dataset.item[positions]]),
            "target_rank": ranking.target_rank[order],
            "last_gap_seconds": of_targets["last_gap_seconds"],
            "target_popularity": of_targets["target_popularity"],
            **{name: pa.array(values[order], from_pandas=True) for name, values in of_users.items()},
            "items": _lists(tokens[ranking.top_items[order][offered]], offered.sum(axis=1)),
            "scores": _lists(ranking.top_scores[order][offered], offered.sum(axis=1)),
        }
    )
    metadata: dict[bytes | str, bytes | str] = {MASK_SEEN_KEY: str(ranking.mask_seen).lower()}
    metadata |= {name: str(value) for name, value in (about or {}).items()}
    if measures:
        metadata[BEYOND_ACCURACY_KEY] = json.dumps(measures.to_json())
    _write(table.replace_schema_metadata(metadata), path)


def write_histories(dataset: Dataset, path: Path) -> None:
    """Columns user, items and timestamps (unix seconds): what each user did before test, which is sealed.

    With `split: time` that may be nothing.
    """
    dataset = dataset.sealed()
    users = np.argsort(dataset.user_tokens[1:], kind="stable") + 1
    start, stop = dataset.user_offset[users], dataset.user_offset[users + 1]
    count = stop - start
    index = np.repeat(start - np.cumsum(count) + count, count) + np.arange(count.sum())
    table = pa.table(
        {
            "user": pa.array(dataset.user_tokens[users]),
            "items": _lists(dataset.item_tokens[dataset.item[index]], count),
            "timestamps": _lists(dataset.timestamp[index], count),
        }
    )
    _write(table, path)


def write_items(dataset: Dataset, path: Path) -> None:
    """Columns item_id, title, categories (a list of names) and image (below the data set's folder, or empty)."""
    _write(pa.Table.from_pandas(items_table(dataset), preserve_index=False), path)


def items_table(dataset: Dataset) -> pd.DataFrame:
    """A row an item, without the padding item: the data set's columns, categories as a list of names."""
    return dataset.items.assign(categories=dataset.item_categories())


def _lists(values: np.ndarray, count: np.ndarray) -> pa.Array:
    """A list per row, of the next `count` values each."""
    offsets = np.concatenate([[0], np.cumsum(count)])
    flat = pa.array(values)
    if isinstance(flat, pa.ChunkedArray):  # numpy's strings, from some two millions on
        flat = flat.combine_chunks()
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), flat)


def _write(table: pa.Table, path: Path) -> None:
    with replacing(path) as temporary:
        pq.write_table(table, temporary, row_group_size=ROW_GROUP_USERS)
