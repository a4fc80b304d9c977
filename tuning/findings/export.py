"""A study for other programs: its trials as CSV, its best configuration as YAML."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from athwe.config import Config
from athwe.config_files import override_config
from athwe.files import replacing
from tuning.books.record import best_trials
from tuning.errors import SearchError
from tuning.planning.spec import Spec
from tuning.pruning.trained import trial_records
from tuning.schema import PARAMETERS
from tuning.store import Store

_FIRST = ("number", "state", "reason", "retry_of", "pruned_epoch", "best_epoch", "epochs", "seconds")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell may not begin with: spreadsheets would compute it."""


def trial_rows(store: Store, study_name: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and one row a trial: its state, its values by name, epochs, seconds, and parameters by config key.

    `seconds` are from a trial's start to its end.
    """
    trials = trial_records(store, study_name)
    metrics = store.metrics([trial["trial_id"] for trial in trials], split="train", names=["seconds"])
    epochs = dict(zip(metrics["trial_id"], metrics["epoch"].tolist(), strict=True))  # in their order: the last stays
    values: dict[str, dict[str, float]] = {}
    for value in store.values(study_name).to_dict("records"):
        number = int(value["value"]) if value["name"] == PARAMETERS else value["value"]
        values.setdefault(value["trial_id"], {})[value["name"]] = number
    names = [*store.objectives(study_name), *(name for one in values.values() for name in one)]
    columns = [*_FIRST, *names, *(name for trial in trials for name in trial["params"])]
    rows = [
        {name: trial[name] for name in ("number", "state", "reason")}
        | {name: _whole(trial[name]) for name in ("retry_of", "pruned_epoch", "best_epoch")}
        | {"epochs": epochs.get(trial["trial_id"], 0), "seconds": _seconds(trial)}
        | values.get(trial["trial_id"], {})
        | trial["params"]
        for trial in trials
    ]
    return list(dict.fromkeys(columns)), rows


def csv_text(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """RFC 4180: CRLF, quotes where they are needed; an empty cell where there is nothing.

    Numbers are written in full; a text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for cells in (columns, *([row.get(name) for name in columns] for row in rows)):
        writer.writerow([_cell(value) for value in cells])
    return text.getvalue()


def best_config(spec: Spec, store: Store) -> tuple[int, Config]:
    """Number and configuration of the best complete trial by the first objective.

    Raises:
        SearchError: no trial is complete.
    """
    ranked = best_trials(trial_records(store, spec.study), spec.direction == "maximize")
    if not ranked:
        raise SearchError(f"study {spec.study!r} has no complete trial, so no best configuration")
    return ranked[0]["number"], override_config(spec.config, ranked[0]["params"])


def config_yaml(spec: Spec, number: int, config: Config) -> str:
    """A file for `--config`, with every key, so that it means the same when `config/` has changed."""
    values = config.model_dump(mode="json")
    searched = [name for name in values if name in spec.settings.space.root]
    rest = [name for name in values if name not in spec.settings.space.root]
    parts = (
        f"# Trial {number} of {spec.study} on {spec.dataset}, the best by {spec.objective}. What was searched:\n",
        yaml.safe_dump({name: values[name] for name in searched}, sort_keys=False, allow_unicode=True),
        "# The same in every trial:\n",
        yaml.safe_dump({name: values[name] for name in rest}, sort_keys=False, allow_unicode=True),
    )
    return "".join(parts)


def write_whole(path: Path, text: str) -> None:
    """Write a file, or leave what is there.

    Raises:
        SearchError: it cannot be written.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise SearchError(f"cannot write {path}: {error.strerror}") from None


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _seconds(trial: Mapping[str, Any]) -> float | None:
    started, ended = trial["started_at"], trial["ended_at"]
    return None if started is None or ended is None else round((ended - started).total_seconds(), 3)
