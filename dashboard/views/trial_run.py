"""How a trial was run: time, memory, seed, code and versions."""

import pandas as pd
import streamlit as st

from dashboard.labels import duration
from dashboard.widgets import table

MEAN_SECONDS = {"train/seconds": "training, an epoch", "valid/seconds": "validation, an epoch"}


def show(study: dict, trial: dict, metrics: pd.DataFrame) -> None:
    """The section of the trial's page."""
    st.subheader("How it was run", anchor=False)
    left, right = st.columns(2, gap="medium")
    with left:
        table(run_table(study, trial, metrics), "run", height="content")
    with right:
        table(versions_table(study["spec"]), "versions", height="content")


def run_table(study: dict, trial: dict, metrics: pd.DataFrame) -> pd.DataFrame:
    """Times, memory, seed and resources of one trial: fact and value; what is not known is left out."""
    spec = study["spec"]
    by_key = metrics.groupby("key")["value"]
    means, largest = by_key.mean(), by_key.max()
    facts = {
        "started (UTC)": _moment(trial["started_at"]),
        "ended (UTC)": _moment(trial["ended_at"]),
        "time": duration(trial["seconds"]),
        "epochs": str(metrics["epoch"].nunique()),
        "worker had it, until its first step": _seconds(means.get("train/start_seconds")),
    }
    facts |= {label: _seconds(means.get(key)) for key, label in MEAN_SECONDS.items()}
    memory = largest.get("train/memory_bytes")
    facts |= {
        "most memory": None if memory is None else f"{memory / 2**20:,.0f} MiB",
        "seed": _text(spec.get("config", {}).get("seed")),
        "precision": _text(spec.get("config", {}).get("precision")),
        "CPU cores a trial": _text(spec.get("cpus_per_trial")),
        "GPUs a trial": _text(spec.get("gpus_per_trial")),
        "trials at once": _text(spec.get("concurrency")),
    }
    return _table(facts)


def versions_table(spec: dict) -> pd.DataFrame:
    """Code, packages and machine of a study: fact and value."""
    facts = {"git": _text(spec.get("git_sha"))} | {
        name: _text(value) for name, value in spec.get("versions", {}).items()
    }
    hardware = spec.get("hardware", {})
    facts |= {name: _text(hardware.get(name)) for name in ("system", "machine", "cores")}
    if "memory_bytes" in hardware:
        facts["memory"] = f"{hardware['memory_bytes'] / 2**30:,.1f} GiB"
    facts["GPUs"] = ", ".join(hardware.get("gpus", [])) or None
    return _table(facts)


def _table(facts: dict[str, str | None]) -> pd.DataFrame:
    known = {name: value for name, value in facts.items() if value is not None}
    return pd.DataFrame({"fact": list(known), "value": list(known.values())})


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f} s"


def _moment(value: object) -> str | None:
    return None if pd.isna(value) else f"{pd.Timestamp(value):%Y-%m-%d %H:%M:%S}"
