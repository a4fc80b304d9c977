"""What the dashboard reads from the store: cached for a moment, bounded, read-only."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from tuning import schema
from tuning.store import DEFAULT_URL, Store, StoreError, now

SILENT_AFTER = timedelta(minutes=5)
"""A search that gave no sign of life for so long may have been killed."""

ACTIVE, SILENT, ENDED = "running", "silent", "ended"
MAX_METRIC_TRIALS = 16
_cached = st.cache_data(ttl=2, max_entries=64, show_spinner=False)


def store_url() -> str:
    """The store's URL: `-- --store URL` on the command line, else ATHWE_STORE, else the default."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--store", default=os.environ.get("ATHWE_STORE") or DEFAULT_URL)
    return parser.parse_known_args(sys.argv[1:])[0].store


@st.cache_resource(max_entries=4, show_spinner=False, on_release=Store.close)
def open_store(url: str) -> Store:
    """The store, opened once and read-only.

    Raises:
        StoreError: it is missing, empty, unreachable or of another schema.
    """
    return Store.open(url, read_only=True)


@_cached
def studies(url: str) -> pd.DataFrame:
    """One row a study, newest first, with `model`, `activity`, `finished` trials, `progress` 0..1 and `seconds`."""
    frame = open_store(url).studies()
    frame["model"] = [_model(url, *row) for row in zip(frame["study_name"], frame["created_at"], strict=True)]
    frame["activity"] = [activity(row) for row in frame.to_dict("records")]
    frame["finished"] = frame[[schema.COMPLETE, schema.PRUNED, schema.FAIL]].sum(axis=1) - frame["invalid"]
    frame["progress"] = (frame["finished"] / frame["trials_asked"].clip(lower=1)).clip(upper=1.0)
    ends = pd.to_datetime(frame["ended_at"])
    last_sign = pd.to_datetime(frame["heartbeat_at"]).fillna(pd.to_datetime(frame["created_at"]))
    ends = ends.where(ends.notna(), last_sign)
    frame["seconds"] = (ends - pd.to_datetime(frame["created_at"])).dt.total_seconds()
    return frame


@st.cache_data(max_entries=1000, show_spinner=False)
def _model(url: str, study_name: str, created_at: datetime) -> str:
    """A study's model, read once: specs are long, and a study of one name and moment keeps its own."""
    return model_of((open_store(url).study(study_name) or {}).get("spec", {}))


def is_split_by_time(spec: dict) -> bool:
    """Whether a study's targets are cut off at one time; others hold out each user's last two."""
    return spec.get("config", {}).get("split") == "time"


def model_of(spec: dict) -> str:
    """The model that a study searches; there was only one before specs named it."""
    return str(spec.get("config", {}).get("model") or "ATHWE")


def activity(study: dict) -> str:
    """`ended`, `running`, or `silent` where a search neither ended nor gave a sign of life."""
    if not pd.isna(study["ended_at"]):
        return ENDED
    heard = study["created_at"] if pd.isna(study["heartbeat_at"]) else study["heartbeat_at"]
    return ACTIVE if now() - heard < SILENT_AFTER else SILENT


@_cached
def study(url: str, study_name: str) -> dict:
    """One study's columns, its `spec` decoded.

    Raises:
        StoreError: it is not there any more.
    """
    found = open_store(url).study(study_name)
    if found is None:
        raise StoreError(f"study {study_name!r} is not in the store any more: reload the page")
    return found


@_cached
def trials(url: str, study_name: str) -> pd.DataFrame:
    """One row a trial by number, with its duration so far in `seconds`."""
    frame = open_store(url).trials(study_name)
    frame["value"] = frame["value"].astype(float)
    for name in ("reason", "error"):  # None where there is none, whatever pandas makes of an empty text
        frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    frame["best_epoch"] = frame["best_epoch"].astype("Int64")
    start, end = pd.to_datetime(frame["started_at"]), pd.to_datetime(frame["ended_at"])
    running = frame["state"] == schema.RUNNING
    frame["seconds"] = (end.mask(running & end.isna(), now()) - start).dt.total_seconds()
    return frame


@_cached
def metrics(url: str, trial_ids: tuple[str, ...]) -> pd.DataFrame:
    """Every metric of at most MAX_METRIC_TRIALS trials: trial_id, epoch, key (`valid/ndcg@10`), value."""
    frame = open_store(url).metrics(trial_ids[:MAX_METRIC_TRIALS])
    return frame.assign(key=frame["split"] + "/" + frame["name"])[["trial_id", "epoch", "key", "value"]]


@_cached
def importances(url: str, study_name: str) -> pd.DataFrame:
    """Importance of each parameter by each evaluator: evaluator, parameter, value."""
    return open_store(url).importances(study_name)


@_cached
def objectives(url: str, study_name: str) -> dict[str, str]:
    """A study's objectives and their directions, the one that prunes first."""
    return open_store(url).objectives(study_name)


@_cached
def values(url: str, study_name: str) -> pd.DataFrame:
    """The objectives' values of the trials that ended: trial_id, number, state, reason, name, value."""
    return open_store(url).values(study_name)


@_cached
def pruner_audit(url: str, study_name: str) -> pd.DataFrame:
    """What the search found of the pruner's verdicts: name, epoch (0 for the whole study), value."""
    return open_store(url).pruner_audit(study_name)


@_cached
def findings(url: str, study_name: str, topic: str) -> pd.DataFrame:
    """What was found out about a study on one topic: subject, part, name, value, in the order of writing."""
    return open_store(url).findings(study_name, topic)


@_cached
def test_looks(url: str, study_name: str) -> int:
    """How often the test split of a study was looked at."""
    return len(open_store(url).test_evaluations(study_name))


@_cached
def final_looks(url: str, study_name: str, mask_seen: bool) -> pd.DataFrame:
    """Looks at test of finalists in a `mask_seen` mode, the first of each trial and seed: trial_id, seed, metrics."""
    frame = open_store(url).test_evaluations(study_name)
    mine = frame["trial_id"].notna() & (frame["mask_seen"].astype(bool) == mask_seen)
    frame = frame[mine].drop_duplicates(["trial_id", "seed"])
    frame = frame.assign(metrics=[json.loads(text) for text in frame["metrics_json"]])
    return frame[["trial_id", "seed", "metrics"]].astype({"seed": int}).reset_index(drop=True)


def best_trials(frame: pd.DataFrame, direction: str, count: int) -> list[int]:
    """Numbers of the best COMPLETE trials; of PRUNED and RUNNING ones only where those do not suffice."""
    ranked = frame[frame["value"].notna()].assign(unfinished=lambda rows: rows["state"] != schema.COMPLETE)
    ranked = ranked.sort_values(["unfinished", "value"], ascending=[True, direction == "minimize"], kind="stable")
    return ranked["number"].head(count).tolist()


def parameters(frame: pd.DataFrame) -> pd.DataFrame:
    """One column a parameter, aligned with `frame`: numbers stay numbers, anything else becomes text."""
    wide = pd.DataFrame(frame["params"].tolist(), index=frame.index)
    for name in wide:
        present = wide[name].dropna()
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
            wide[name] = wide[name].map(str, na_action="ignore").astype(object)
    return wide


def metric_keys(frame: pd.DataFrame, objective: str) -> list[str]:
    """Keys to choose from: the objective, then the loss parts, then the rest."""
    return sorted(frame["key"].unique(), key=lambda key: (key != objective, "/loss" not in key, key))


def refresh_seconds(study: dict, n_trials: int) -> float | None:
    """Seconds between two looks at a running search, more for a large one; None where nothing changes any more."""
    if activity(study) == ENDED:
        return None
    if activity(study) == SILENT:
        return 30.0
    return 3.0 if n_trials < 100 else 10.0 if n_trials < 1000 else 30.0


def study_refresh_seconds(url: str, study_name: str) -> float | None:
    """`refresh_seconds` of a study as it stands in the store."""
    return refresh_seconds(study(url, study_name), len(trials(url, study_name)))


def overview_refresh_seconds(frame: pd.DataFrame) -> float:
    """Seconds between two looks at the list of studies."""
    return 5.0 if ACTIVE in set(frame["activity"]) else 30.0


def with_numbers(frame: pd.DataFrame, chosen: Sequence[int]) -> pd.DataFrame:
    """The rows of some trials, in the order of `chosen`."""
    return frame.set_index("number", drop=False).loc[list(chosen)].rename_axis(None)
