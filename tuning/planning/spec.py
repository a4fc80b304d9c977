"""What a search is: its settings file, and the resolved spec that is stored before the first trial."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator

from athwe.config import Config
from athwe.config_files import default_config_root, read_yaml, suggestion
from athwe.errors import ConfigError
from athwe.evaluation.metrics import METRICS
from athwe.model_keys import MODEL_NAMES
from tuning.choices import Cost, Gain, PrunerName, SamplerName
from tuning.planning.space import SearchSpace, Section
from tuning.store import now

Positive = Annotated[int, Field(ge=1)]
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class SamplerSettings(Section):
    """How trials are proposed."""

    name: SamplerName = "tpe"
    startup_trials: Positive = 10
    """Trials drawn at random before TPE begins to model."""
    population: Annotated[int, Field(ge=2)] = 16
    """Complete trials of one generation of nsga2; the first generation is drawn at random."""


class PrunerSettings(Section):
    """How trials are stopped early."""

    name: PrunerName = "asha"
    reduction_factor: Annotated[float, Field(gt=1)] = 3
    """Of asha: one in this many trials goes on past each rung."""
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Of racing: how probable it may be, over all its epochs, that a trial is stopped though none is better."""
    race_users: Annotated[int, Field(ge=0)] = 2000
    """Most users whose validation ranks are kept of every epoch, whatever the pruner, so that racing can be asked for
    or replayed. 0 keeps none."""
    grace_epochs: Positive | None = None
    """First rung, in epochs. None: a fifth of the epochs, at least one."""
    audit_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of the trials to be pruned that train to their end all the same, so that the pruner can be judged. The
    first of a study is always among them, unless the share is 0."""

    def require_users(self, objective: str) -> None:
        """See that racing can be done.

        Raises:
            ConfigError: no user's ranks are kept, or the objective is no mean over users of what their ranks give.
        """
        if self.name != "racing":
            return
        if not self.race_users:
            raise ConfigError("pruner.race_users is 0, and racing compares users: give such as 2000, or --pruner asha")
        if objective.removeprefix("valid/").partition("@")[0] not in METRICS:
            names = ", ".join(METRICS)
            raise ConfigError(f"racing compares users by {names}, the objective is {objective}: give --pruner asha")

    def first_rung(self, epochs: int) -> int:
        """The epoch before which no trial is pruned, 1-based."""
        return min(self.grace_epochs or max(1, epochs // 5), epochs)


class Limits(Section):
    """What a trial may need, and what it has to bring. One that breaks a limit is infeasible, which the sampler learns.

    A trial that needs too much is stopped; what it brings is judged at its end, by its best epoch.
    """

    memory_gigabytes: Annotated[float, Field(gt=0)] | None = None
    """Most memory of its worker, GPU memory where it trains on one, 10⁹ bytes."""
    train_seconds: Annotated[float, Field(gt=0)] | None = None
    """Longest training, in seconds."""
    worst_slice: Annotated[float, Field(ge=0, le=1)] | None = None
    """Least value of the objective over the slice of users that is served worst."""


class SearchSettings(Section):
    """The settings file of a search, `config/search/athwe.yaml`."""

    objective: str | None = None
    """Metric to optimise, such as valid/ndcg@10. None: the config's valid_metric."""
    direction: Literal["maximize", "minimize"] | None = None
    """None: as the config's valid_metric_bigger says."""
    also_maximize: tuple[Gain, ...] = ()
    """Further objectives. The pruner goes by the first objective."""
    also_minimize: tuple[Cost, ...] = ()
    """Further objectives, after those."""
    trials: Positive = 32
    """Finished trials asked for."""
    limits: Limits = Limits()
    keep_models: Positive = 10
    """Trials whose best model is kept, the best ones of the study; per-user results of all are."""
    sampler: SamplerSettings = SamplerSettings()
    pruner: PrunerSettings = PrunerSettings()
    space: SearchSpace
    """Parameters by config key."""

    @field_validator("objective")
    @classmethod
    def _is_validation_metric(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"valid/[a-z]+@\d+", value):
            raise ValueError("expected a validation metric such as valid/ndcg@10")
        return value

    def config_overrides(self) -> list[str]:
        """`key=value` texts that make the configuration select by this file's objective, so that both are one."""
        overrides = [f"valid_metric={self.objective.removeprefix('valid/')}"] if self.objective else []
        if self.direction:
            overrides.append(f"valid_metric_bigger={'true' if self.direction == 'maximize' else 'false'}")
        return overrides

    def with_flags(self, flags: Mapping[str, Any]) -> Self:
        """The settings with command line flags laid over them where given."""
        changes: dict[str, Any] = {}
        for flag, (section, field) in _FLAGS.items():
            value = flags.get(flag)
            if value is None:
                continue
            if section is None:
                changes[field] = value
            else:
                laid_over = changes.get(section, getattr(self, section))
                changes[section] = laid_over.model_copy(update={field: value})
        return self.model_copy(update=changes)


_FLAGS: dict[str, tuple[str | None, str]] = {
    "trials": (None, "trials"),
    "also_maximize": (None, "also_maximize"),
    "also_minimize": (None, "also_minimize"),
    "keep_models": (None, "keep_models"),
    "sampler": ("sampler", "name"),
    "pruner": ("pruner", "name"),
    "audit_share": ("pruner", "audit_share"),
    "alpha": ("pruner", "alpha"),
    "most_memory_gigabytes": ("limits", "memory_gigabytes"),
    "most_train_seconds": ("limits", "train_seconds"),
    "least_worst_slice": ("limits", "worst_slice"),
}
"""Where the value of a flag goes: section and field of the settings."""


class Spec(Section):
    """Everything that decides what a search does, and where it ran; stored as JSON in the study row."""

    study: str
    dataset: str
    data_fingerprint: str
    config: Config
    """Trial 0, and the values of whatever is not searched."""
    settings: SearchSettings
    """With flags laid over the file, and without parameters that cannot act."""
    published: dict[str, Any] = Field(default_factory=dict)
    """What the authors set the searched parameters to, for comparison; the defaults of `Config` are these values."""
    concurrency: Positive
    cpus_per_trial: Positive
    gpus_per_trial: Annotated[float, Field(ge=0)]
    time_budget_seconds: Annotated[float, Field(gt=0)] | None = None
    trial_timeout_seconds: Annotated[float, Field(gt=0)] | None = None
    """An epoch that takes longer than this hangs."""
    disk_budget_bytes: Positive | None = None
    """Most that models, per-user results and training states may take together."""
    first_params: list[dict[str, Any]] = Field(default_factory=list)
    """What a new study tries first, beside the configuration at hand."""
    flags: dict[str, Any] = Field(default_factory=dict)
    """Command line flags as given, so that the study can be resumed by its name alone."""
    git_sha: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    hardware: dict[str, Any] = Field(default_factory=dict)

    @property
    def objective(self) -> str:
        """The reported key that the search goes by."""
        return self.config.valid_key

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """`maximize` or `minimize`, as Optuna writes it."""
        return "maximize" if self.config.valid_metric_bigger else "minimize"

    @property
    def objectives(self) -> dict[str, str]:
        """Every objective with its direction, the one that prunes first."""
        costs = dict.fromkeys(self.settings.also_minimize, "minimize")
        return {self.objective: self.direction} | dict.fromkeys(self.gains, "maximize") | costs

    @property
    def gains(self) -> tuple[str, ...]:
        """The reported keys that are maximised beside the first objective."""
        keys: dict[Gain, str] = {"worst_slice": self.config.worst_slice_key}
        return tuple(keys[name] for name in self.settings.also_maximize)

    def difference(self, other: "Spec") -> str | None:
        """The first thing in which the two would not be the same study, or None.

        Concurrency, budget, hardware and the number of trials may change when a study is resumed; what is searched may
        not.
        """
        for name in ("dataset", "data_fingerprint", "config", "settings"):
            one, two = _plain(getattr(self, name)), _plain(getattr(other, name))
            if name == "settings":
                one, two = ({key: value for key, value in each.items() if key != "trials"} for each in (one, two))
            found = _first_difference(name, one, two)
            if found:
                return found
        return None


def read_settings(path: str | Path | None = None, model: str = MODEL_NAMES[0]) -> SearchSettings:
    """Read a search settings file, by default that of the model, such as `config/search/athwe.yaml`.

    Raises:
        ConfigError: not readable, an unknown key, or a value that does not fit.
    """
    path = Path(path) if path else default_config_root() / "search" / f"{model.lower()}.yaml"
    try:
        return SearchSettings.model_validate(read_yaml(path))
    except ValidationError as error:
        raise ConfigError(_one_line(error, path)) from None


def study_name(given: str | None, dataset: str, at: datetime | None = None) -> str:
    """The study's name: as given, or made of data set and UTC time.

    >>> study_name(None, "demo", datetime(2026, 1, 2, 3, 4, 5))
    'demo-20260102T030405Z'
    """
    name = given or f"{dataset}-{(at or now()):%Y%m%dT%H%M%SZ}"
    if not _NAME.fullmatch(name) or len(name) > 150:
        raise ConfigError(
            f"--study takes up to 150 letters, digits, '.', '_' and '-', the first a letter, digit or '_', got {name!r}"
        )
    return name


def _one_line(error: ValidationError, path: Path) -> str:
    found = error.errors(include_url=False)
    # A mistyped key is named before the one that is missing for it.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    # Pydantic adds the type of a parameter to the place, which the file does not show.
    place = [str(part) for part in first["loc"] if part not in ("int", "float", "categorical")]
    where = f"{path}: {'.'.join(place)}" if place else str(path)
    if first["type"] == "extra_forbidden":
        return f"{where}: unknown key{suggestion(place[-1], _known_keys(place[:-1]))}"
    if first["type"] == "missing":
        return f"{where}: is missing"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" + ("" if isinstance(first["input"], Mapping) else f", got {first['input']!r}")


def _known_keys(place: list[str]) -> list[str]:
    if place[:1] == ["space"]:
        return ["type", "low", "high", "step", "log", "choices"]
    sections = {"sampler": SamplerSettings, "pruner": PrunerSettings, "limits": Limits}
    return list((sections[place[0]] if place else SearchSettings).model_fields)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _first_difference(name: str, one: Any, other: Any) -> str | None:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            found = _first_difference(f"{name}.{key}", one.get(key), other.get(key))
            if found:
                return found
        return None
    return None if one == other else f"{name} is {one} there and {other} here"
