"""From the runs to what they say: each part's paired difference, overall and by slice, and each modality's share."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from athwe.evaluation.comparison import holm
from athwe.evaluation.metrics import values_of
from athwe.evaluation.slices import TITLES, Slice, enough_users, slices_of
from tuning.ablation.effects import Effect, effect, shapley
from tuning.ablation.parts import title_of
from tuning.ablation.records import Records
from tuning.ablation.variants import FULL, Ablation
from tuning.store import Finding

FEWEST_USERS = 100
"""A slice needs so many to be called the one that suffers or gains most, or a tenth of all where those are fewer."""
ALPHA = 0.05
EARNS, COSTS, UNTOLD = "earns its place", "costs", "cannot be told"
ABLATION_TOPIC, SHAPLEY_TOPIC = "ablation", "shapley"


@dataclass(frozen=True)
class Level:
    """A configuration's metric over its seeds."""

    mean: float
    sd: float
    """Sample standard deviation of the seeds' means; NaN for one."""
    seeds: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Worth:
    """What a configuration loses without one part: without it less with it, so that below 0 the part helps."""

    part: str
    level: Level
    difference: Effect
    p_holm: float
    """Of the difference, corrected for the number of parts."""
    slices: Mapping[str, Effect]
    """By slice that has enough users."""
    parameters_saved: int

    @property
    def title(self) -> str:
        """The part in words."""
        return title_of(self.part)

    @property
    def verdict(self) -> str:
        """Whether the part helps, as far as can be told."""
        if not self.p_holm <= ALPHA:
            return UNTOLD
        return EARNS if self.difference.mean < 0 else COSTS

    @property
    def suffers_most(self) -> str | None:
        """The slice that loses most without the part; None where none loses."""
        return self._most(1)

    @property
    def gains_most(self) -> str | None:
        """The slice that is better without the part by most; None where none is."""
        return self._most(-1)

    def _most(self, sign: int) -> str | None:
        label = min(self.slices, key=lambda each: sign * self.slices[each].mean, default=None)
        return label if label is not None and sign * self.slices[label].mean < 0 else None


@dataclass(frozen=True)
class Found:
    """All that the runs on record say."""

    metric: str
    """Such as `ndcg@10`, on validation."""
    full: Level | None
    """None where no run of the whole configuration came to its end; nothing can be compared then."""
    worths: Sequence[Worth]
    shares: Mapping[str, Effect]
    """Each modality's; empty where a subset has no run on the seeds of the others."""
    subsets: Mapping[str, float]
    """Mean of the metric by subset, such as `item+txt`; `none` is Popularity."""


def find(records: Records, ablation: Ablation, metric: str) -> Found:
    """Compare what there is."""
    full = _level(records, FULL, metric) if FULL in records.ranks else None
    parts = {part: each.name for part, each in ablation.without.items() if records.shared_seeds(each.name)}
    differences = {part: _difference(records, name, metric) for part, name in parts.items()}
    overall = {part: effect(each) for part, each in differences.items()}
    known = [part for part, one in overall.items() if one.p == one.p]  # not NaN
    corrected = dict(zip(known, holm(np.array([overall[part].p for part in known])).tolist(), strict=True))
    slices = slices_of(records.facts, records.categories)
    worths = [
        Worth(
            part,
            _level(records, name, metric),
            overall[part],
            corrected.get(part, float("nan")),
            _by_slice(differences[part], slices),
            records.ranks[FULL].parameters - records.ranks[name].parameters,
        )
        for part, name in parts.items()
    ]
    return Found(metric, full, worths, *_shares(records, ablation, metric))


def _by_slice(difference: np.ndarray, slices: Sequence[Slice]) -> dict[str, Effect]:
    enough = enough_users(FEWEST_USERS, len(difference))
    return {
        f"{TITLES[one.family]}: {one.label}": effect(difference[one.users])
        for one in slices
        if len(one.users) >= enough
    }


def _shares(records: Records, ablation: Ablation, metric: str) -> tuple[dict[str, Effect], dict[str, float]]:
    """Shapley's shares on the seeds that every subset was trained on; they sum to the whole less Popularity."""
    names = {subset: variant.name for subset, variant in ablation.subsets.items()}
    seeds = set.intersection(*(set(records.shared_seeds(name)) for name in names.values())) if names else set()
    if not seeds:
        return {}, {}
    worth = {subset: _values(records, name, metric, sorted(seeds)) for subset, name in names.items()}
    means = {_joined(subset, ablation): float(values.mean()) for subset, values in worth.items()}
    shares = shapley(worth)
    order = [part for part in ("item", "txt", "img") if part in shares]
    return {part: effect(shares[part]) for part in order}, means


def _joined(subset: frozenset[str], ablation: Ablation) -> str:
    return "+".join(part for part in ("item", "txt", "img") if part in subset) or "none"


def _level(records: Records, name: str, metric: str) -> Level:
    ranks = records.ranks[name]
    means = _values(records, name, metric, ranks.seeds).mean(axis=0)
    sd = float(means.std(ddof=1)) if len(means) > 1 else float("nan")
    return Level(float(means.mean()), sd, ranks.seeds, ranks.parameters)


def _difference(records: Records, name: str, metric: str) -> np.ndarray:
    """(users, seeds): a variant less the whole configuration, on the seeds of both."""
    seeds = records.shared_seeds(name)
    return _values(records, name, metric, seeds) - _values(records, FULL, metric, seeds)


def _values(records: Records, name: str, metric: str, seeds: Sequence[int]) -> np.ndarray:
    return values_of(metric, records.ranks[name].of(seeds))


def to_store(found: Found, trial_number: int) -> dict[str, list[Finding]]:
    """Rows of the store's table of findings, by topic."""
    rows, shares = [Finding(FULL, "", "trial", trial_number)], list[Finding]()
    if found.full:
        rows += _level_rows(FULL, found.full)
    for worth in found.worths:
        rows += _level_rows(worth.part, worth.level)
        rows += _effect_rows(worth.part, "", worth.difference)
        rows.append(Finding(worth.part, "", "p_holm", worth.p_holm))
        for label, one in worth.slices.items():
            rows += _effect_rows(worth.part, label, one)
    for part, one in found.shares.items():
        shares += _effect_rows(part, "", one, "share")
    shares += [Finding("subset", name, "mean", value) for name, value in found.subsets.items()]
    return {ABLATION_TOPIC: rows, SHAPLEY_TOPIC: shares}


def _level_rows(subject: str, level: Level) -> list[Finding]:
    facts = {"mean": level.mean, "sd": level.sd, "seeds": len(level.seeds), "parameters": level.parameters}
    return [Finding(subject, "", name, float(value)) for name, value in facts.items()]


def _effect_rows(subject: str, part: str, one: Effect, mean_name: str = "difference") -> list[Finding]:
    names = {"mean": mean_name, "seeds": "paired_seeds"}
    return [Finding(subject, part, names.get(name, name), float(value)) for name, value in asdict(one).items()]
