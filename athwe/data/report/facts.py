"""What a report holds."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from athwe.data.report.gaps import BucketUse
from athwe.data.report.levels import Level
from athwe.data.time_leak import TrainingAfterTest


class Counts(NamedTuple):
    """How much there is."""

    interactions: int
    users: int
    items: int


class Coverage(NamedTuple):
    """How much of a data set has a kind of features."""

    name: str
    width: int | None
    """Numbers an item; None of texts and files."""
    items: float
    """Share of the items that have any."""
    interactions: float
    """Share of the interactions with such items."""


class Histogram(NamedTuple):
    """Counts between edges, one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class DataReport:
    """All that is known; shares are of 1, times unix seconds. `by split` is a value for train, valid and test."""

    name: str
    folder: str
    fingerprint: str
    protocol: str
    cut: str | None
    """Where `split: time` cuts."""
    in_file: Counts
    kept: Counts
    """After filtering."""
    sparsity: float
    first_second: int
    last_second: int
    time_step_seconds: int
    """Greatest common divisor of all time gaps: 86,400 of times that are days; 0 where all are the same."""
    interactions_of_users: Mapping[str, float]
    """Quantiles and mean."""
    interactions_of_items: Mapping[str, float]
    targets: Mapping[str, int]
    """By split."""
    history_lengths: Mapping[str, Mapping[str, float]]
    """By split, quantiles and mean before they are cut."""
    max_length: int
    cut_histories: Mapping[str, float]
    """By split, the share longer than `max_length`."""
    gaps: Mapping[str, Mapping[str, float]]
    """By split, seconds before its targets."""
    equal_times: float
    """Share of interactions at the very time of the user's one before: their order is that of the file."""
    buckets: BucketUse
    """Training gaps under the configuration."""
    proposed_buckets: BucketUse | None
    saturated_in_validation: tuple[float, ...]
    """Share of the gaps before validation targets in the last bucket, configured and, where there is one, proposed."""
    duplicates: int
    """Interactions with the same user, item and time as another."""
    repeats: float
    """Share of interactions with an item that the user had before."""
    targets_in_history: Mapping[str, float]
    """By split."""
    unseen_targets: Mapping[str, float]
    """By split, the share whose item training does not have."""
    after_test: TrainingAfterTest
    coverage: tuple[Coverage, ...]
    levels: tuple[Level, ...]
    wavelet_J: int
    proposed: Mapping[str, float | int]
    """Config keys with the values that the data suggests."""
    over_time: Mapping[str, Histogram]
    """By split, targets."""
    over_lengths: Histogram
    """Training histories."""
    over_gaps: Histogram
    """Training gaps longer than 0; edges in seconds."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = asdict(self)
        plain["coverage"] = [one._asdict() for one in self.coverage]
        return plain | {name: getattr(self, name)._asdict() for name in ("in_file", "kept", "after_test")}
