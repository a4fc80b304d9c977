"""Which configurations are trained: the whole one, it without each part, and every subset of the modalities."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from athwe.config import Config
from athwe.config_files import override_config
from athwe.data import Dataset
from tuning.ablation.parts import NAMES, SHARES, streams_of, why_not, without
from tuning.files.results import ablation_name

FULL, POPULARITY = "full", "popularity"


@dataclass(frozen=True)
class Variant:
    """A way to change a configuration."""

    name: str
    """Of files."""
    values: Mapping[str, Any] = field(compare=False)  # so that a run can be a key
    """Laid over the configuration."""

    @property
    def is_seedless(self) -> bool:
        """Whether every seed gives the same; one is enough then."""
        return self.name == POPULARITY


@dataclass(frozen=True)
class AblationRun:
    """One variant of a trial's configuration on one seed."""

    trial_id: str
    trial_params: Mapping[str, Any] = field(compare=False)
    variant: Variant
    seed: int

    @property
    def params(self) -> Mapping[str, Any]:
        """Laid over the study's configuration."""
        return {**self.trial_params, **self.variant.values}

    @property
    def name(self) -> str:
        """Of what is kept of it below the storage path."""
        return ablation_name(self.trial_id, self.variant.name, self.seed)

    def __str__(self) -> str:
        return f"{self.variant.name} with seed {self.seed}"


@dataclass(frozen=True)
class Ablation:
    """What is compared for one configuration on one data set."""

    without: Mapping[str, Variant]
    """By part, in the order of `NAMES`."""
    subsets: Mapping[frozenset[str], Variant]
    """By the modalities in use, of none to all of them; empty where no shares are asked for."""
    not_run: Mapping[str, str]
    """Why, by part."""

    def variants(self) -> list[Variant]:
        """Each once, the whole configuration first."""
        return list(dict.fromkeys([Variant(FULL, {}), *self.without.values(), *self.subsets.values()]))


def ablation_of(config: Config, dataset: Dataset, parts: Collection[str] = NAMES) -> Ablation:
    """What can be taken out of a configuration on a data set, of these parts.

    Raises:
        ConfigError: a variant that cannot be built.
    """
    reasons = {part: why_not(part, config, dataset) for part in NAMES if part in parts}
    taken_out = {
        part: Variant(f"without-{part}", without(part, config, dataset))
        for part, reason in reasons.items()
        if reason is None and part != SHARES
    }
    streams = streams_of(config, dataset)
    subsets = {frozenset(each): _subset(each, streams) for each in _subsets(streams)}
    found = Ablation(
        taken_out,
        subsets if reasons.get(SHARES, "") is None else {},
        {part: reason for part, reason in reasons.items() if reason is not None},
    )
    for variant in found.variants():
        override_config(config, variant.values)  # what cannot be built is refused before anything runs
    return found


def missing_runs(
    trial_id: str,
    params: Mapping[str, Any],
    variants: Sequence[Variant],
    seeds: Sequence[int],
    done: Collection[tuple[str, int]],
) -> list[AblationRun]:
    """Runs whose results are not there yet; seed by seed, so that variants can be compared early.

    Args:
        done: name of the variant and seed of each that is there.
    """
    has_one = {name for name, _ in done}
    return [
        AblationRun(trial_id, params, variant, seed)
        for seed in seeds
        for variant in variants
        if (variant.name, seed) not in done
        and not (variant.is_seedless and (seed != seeds[0] or variant.name in has_one))
    ]


def _subsets(streams: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All of them, the largest first."""
    for size in range(len(streams), -1, -1):
        yield from combinations(streams, size)


def _subset(chosen: tuple[str, ...], streams: tuple[str, ...]) -> Variant:
    """A modality less is the same as without that part, and is trained once for both."""
    if chosen == streams:
        return Variant(FULL, {})
    if not chosen:
        return Variant(POPULARITY, {"model": "Popularity"})
    if len(chosen) == len(streams) - 1:
        [left_out] = {*streams} - {*chosen}
        return Variant(f"without-{left_out}", {"modalities": chosen})
    return Variant(f"only-{'-'.join(chosen)}", {"modalities": chosen})
