"""What a search wrote beside the store: recommendations, histories, items, diagnostics. Never read whole."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import streamlit as st
from pyarrow import fs

from dashboard.beyond import OF_USERS
from dashboard.files import UnreadableFile, below, cached, file_system, inside

MAX_LISTED_USERS = 200_000
"""Users that can be searched by a part of their id and compared; any other is found by the whole of its id."""
MAX_CATEGORISED_ITEMS = 500_000
"""Items whose categories users are sliced by."""
USER_COLUMNS = ("user", "target_rank", "history_end", "target", "last_gap_seconds", "target_popularity", *OF_USERS)
"""What is read of all users at once. Files of an older version lack some from `last_gap_seconds` on."""


def recommendations_path(study: dict, trial_id: str) -> str:
    """Where the recommendations of a trial are."""
    return inside(study, "recommendations", f"{trial_id}.parquet")


def final_path(study: dict, trial_id: str, seed: int) -> str:
    """Where the results on test of a trial are that was trained again with this seed."""
    return inside(study, "finals", f"{trial_id}.seed-{seed}.parquet")


def histories_path(study: dict) -> str:
    """Where the users' histories of a study's data are."""
    return inside(study, "data", study["data_fingerprint"], "histories.parquet")


def items_path(study: dict) -> str:
    """Where titles, categories and image paths of a study's data are."""
    return inside(study, "data", study["data_fingerprint"], "items.parquet")


def recommended_trials(storage_path: str) -> set[str]:
    """Ids of the trials that have written recommendations.

    Raises:
        UnreadableFile: the storage path cannot be reached.
    """
    return _written(storage_path, "recommendations")


def final_runs(storage_path: str) -> set[str]:
    """`<trial id>.seed-<seed>` of the finalists' runs that have kept their results on test.

    Raises:
        UnreadableFile: the storage path cannot be reached.
    """
    return _written(storage_path, "finals")


@st.cache_data(ttl=2, max_entries=16, show_spinner=False)
def _written(storage_path: str, name: str) -> set[str]:
    folder = below(storage_path, name)
    try:
        system, inner = file_system(folder)
        found = system.get_file_info(fs.FileSelector(inner, allow_not_found=True))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableFile(f"cannot look into {folder}: {' '.join(str(error).split())}") from None
    files = (Path(info.path) for info in found)
    return {file.stem for file in files if file.suffix == ".parquet" and not file.name.startswith(".")}


def all_users(path: str) -> pa.Table | None:
    """Those of USER_COLUMNS that a file has, by user, MAX_LISTED_USERS or so at most; None without a file."""
    return cached(_all_users, path, is_large=True)


def item_categories(path: str) -> pa.Table | None:
    """Columns item_id and categories of MAX_CATEGORISED_ITEMS items at most; None where there is no file."""
    return cached(_item_categories, path, is_large=True)


def user_row(path: str, user: str) -> dict | None:
    """The row of one user, from the one row group that can hold it; None where there is no file or no such user."""
    return cached(_user_row, path, user)


def list_measures(path: str) -> dict | None:
    """Split, mask_seen, cutoff and measures of all lists of a result; None without a file, or in one of old."""
    return cached(_list_measures, path)


def items(path: str, item_ids: tuple[str, ...]) -> pd.DataFrame:
    """Title, categories and image of these items by `item_id`; an item that is not there has its id as title."""
    known = cached(_items, path, tuple(sorted(set(item_ids))))
    known = pd.DataFrame(columns=["title", "categories", "image"]) if known is None else known
    frame = known.reindex(pd.Index(item_ids, name="item_id").unique())
    frame["title"] = frame["title"].where(frame["title"].notna() & (frame["title"] != ""), frame.index)
    frame["categories"] = [list(names) if isinstance(names, list) else [] for names in frame["categories"]]
    return frame.fillna({"image": ""})


def diagnostics(study: dict, trial_id: str) -> dict | None:
    """What a trial's model learnt, as its search wrote it down; None where it has not."""
    return cached(_diagnostics, inside(study, "diagnostics", f"{trial_id}.json"))


def _all_users(file: pa.NativeFile) -> pa.Table:
    return _first_rows(file, USER_COLUMNS, MAX_LISTED_USERS)


def _item_categories(file: pa.NativeFile) -> pa.Table:
    return _first_rows(file, ("item_id", "categories"), MAX_CATEGORISED_ITEMS)


def _first_rows(file: pa.NativeFile, names: tuple[str, ...], count: int) -> pa.Table:
    """Some columns, as far as they are there, of the first row groups that together have `count` rows."""
    parquet = pq.ParquetFile(file)
    groups, rows = [], 0
    for group in range(parquet.num_row_groups):
        if rows >= count:
            break
        groups.append(group)
        rows += parquet.metadata.row_group(group).num_rows
    there = [name for name in names if name in parquet.schema_arrow.names]
    return parquet.read_row_groups(groups, columns=there).combine_chunks()


def _user_row(file: pa.NativeFile, user: str) -> dict | None:
    parquet = pq.ParquetFile(file)
    column = parquet.schema.names.index("user")
    for group in range(parquet.num_row_groups):
        statistics = parquet.metadata.row_group(group).column(column).statistics
        if statistics is not None and statistics.has_min_max and not statistics.min <= user <= statistics.max:
            continue
        table = parquet.read_row_group(group)
        found = table.filter(pc.equal(table.column("user"), user))
        if found.num_rows:
            return found.slice(0, 1).to_pylist()[0]
    return None


def _list_measures(file: pa.NativeFile) -> dict | None:
    metadata = pq.read_schema(file).metadata or {}
    return json.loads(metadata[b"beyond_accuracy"]) if b"beyond_accuracy" in metadata else None


def _items(file: pa.NativeFile, item_ids: tuple[str, ...]) -> pd.DataFrame:
    wanted = pa.array(item_ids, pa.string())
    found: list[dict] = []
    for batch in pq.ParquetFile(file).iter_batches(batch_size=8192):
        found += batch.filter(pc.is_in(batch.column("item_id"), wanted)).to_pylist()
    return pd.DataFrame(found, columns=["item_id", "title", "categories", "image"]).set_index("item_id")


def _diagnostics(file: pa.NativeFile) -> dict:
    return json.loads(file.read())
