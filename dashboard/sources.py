"""What the view of users can show side by side: trials on validation, or finalists' runs on test."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from dashboard import results
from dashboard.files import UnreadableFile
from dashboard.labels import PALETTE, metric_label, trial_colours

VALID, TEST = "valid", "test"


@dataclass(frozen=True)
class Source:
    """One file of per-user results."""

    key: int | str
    """As the URL has it: a trial's number, or `<number>.<seed>`."""
    name: str
    """`trial 3`, or `trial 3, seed 2026`."""
    path: str
    value: float | None
    """Of the study's first objective, on this split."""
    colour: str = ""

    @property
    def short(self) -> str:
        """The name where room is scarce: `3`, or `3·2026`."""
        return str(self.key).replace(".", "·")


def of_trials(study: dict, trials: pd.DataFrame) -> dict[int | str, Source]:
    """Those of the trials that have written recommendations, by number."""
    written = trials[trials["trial_id"].isin(results.recommended_trials(study["storage_path"]))]
    return {
        row["number"]: Source(
            row["number"], f"trial {row['number']}", results.recommendations_path(study, row["trial_id"]), row["value"]
        )
        for row in written.to_dict("records")
    }


def of_finalists(study: dict, trials: pd.DataFrame, looks: pd.DataFrame) -> dict[int | str, Source]:
    """The looks at test on record that have kept their per-user results, by `<number>.<seed>`.

    A file without a look on record is that of a run that was cut off before it was told of: it is not shown.
    """
    kept = results.final_runs(study["storage_path"]) if len(looks) else set()
    numbers = dict(zip(trials["trial_id"], trials["number"], strict=True))
    metric = f"test/{study['objective'].partition('/')[2]}"
    found: dict[int | str, Source] = {}
    for look in looks.to_dict("records"):
        trial_id, seed = look["trial_id"], look["seed"]
        if trial_id in numbers and f"{trial_id}.seed-{seed}" in kept:
            number = numbers[trial_id]
            path = results.final_path(study, trial_id, seed)
            key, name = f"{number}.{seed}", f"trial {number}, seed {seed}"
            found[key] = Source(key, name, path, look["metrics"].get(metric))
    return found


def first_runs(sources: dict[int | str, Source]) -> list[int | str]:
    """Two runs to begin with: of two finalists where there are so many, on the first seed that each has."""
    by_trial: dict[str, list[int | str]] = {}
    for key in sources:
        by_trial.setdefault(str(key).partition(".")[0], []).append(key)
    return [keys[0] for keys in by_trial.values()][:2] if len(by_trial) > 1 else list(sources)[:2]


def coloured(chosen: Sequence[Source]) -> list[Source]:
    """The same with a colour each: a trial's own one, a run's by its place."""
    numbers = [source.key for source in chosen if isinstance(source.key, int)]
    colours: dict[int | str, str] = dict(trial_colours(numbers))
    for place, source in enumerate(chosen):
        colours.setdefault(source.key, PALETTE[place % len(PALETTE)])
    return [Source(**(vars(source) | {"colour": colours[source.key]})) for source in chosen]


def value_label(study: dict, split: str) -> str:
    """What `Source.value` is, with split and mode."""
    return metric_label(f"{split}/{study['objective'].partition('/')[2]}", study["mask_seen"])


def users_of(source: Source) -> pa.Table:
    """All users of a result (`results.all_users`).

    Raises:
        UnreadableFile: its file has gone since it was listed, or is half-written.
    """
    users = results.all_users(source.path)
    if users is None:
        raise UnreadableFile(f"{source.path} is gone: reload the page")
    return users
