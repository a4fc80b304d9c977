"""The search space: parameters named like their config keys, checked against the config and the data set at hand."""

import logging
import random
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from pydantic import BaseModel, ConfigDict, Field, RootModel, StrictInt, TypeAdapter, ValidationError, model_validator

from athwe.config import Config, DataConfig
from athwe.config_files import override_config, suggestion
from athwe.errors import ConfigError
from athwe.evaluation_config import EvaluationConfig

logger = logging.getLogger(__name__)

Choice = bool | int | float | str | None
_FIXED_FOR_A_STUDY = (
    DataConfig.model_fields.keys() | EvaluationConfig.model_fields.keys() | {"epochs", "device", "model"}
) - {
    "n_clusters",
    "cluster_components",
    "cluster_method",
}
"""Keys that shape the data, which are read once a study, or what is measured, which must be the same in every trial."""


class Section(BaseModel):
    """A frozen part of the search settings that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class _Range(Section):
    """What whole and real numbers have in common: two bounds in the right order."""

    log: bool = False
    """Draw evenly over the logarithm."""

    @model_validator(mode="after")
    def _bounds_fit(self) -> Self:
        low, high, step = self.low, self.high, self.step  # type: ignore[attr-defined]
        if low > high:
            raise ValueError(f"low {low} is above high {high}")
        if self.log and low <= 0:
            raise ValueError(f"a log scale needs low above 0, got {low}")
        if self.log and step is not None:
            raise ValueError("log and step exclude each other")
        return self


class IntParameter(_Range):
    """A whole number in low..high, both included."""

    type: Literal["int"]
    low: StrictInt
    high: StrictInt
    step: Annotated[int, Field(ge=1)] | None = None

    def distribution(self) -> IntDistribution:
        """The same in Optuna's words."""
        return IntDistribution(self.low, self.high, log=self.log, step=self.step or 1)

    def examples(self) -> tuple[int, ...]:
        """Values that must fit the config key: the bounds."""
        return self.low, self.high

    def draw(self, source: random.Random) -> int:
        """An even draw, for checks of the whole space."""
        return source.randrange(self.low, self.high + 1, self.step or 1)


class FloatParameter(_Range):
    """A real number in low..high."""

    type: Literal["float"]
    low: Annotated[float, Field(allow_inf_nan=False)]
    high: Annotated[float, Field(allow_inf_nan=False)]
    step: Annotated[float, Field(gt=0)] | None = None

    def distribution(self) -> FloatDistribution:
        """The same in Optuna's words."""
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def examples(self) -> tuple[float, ...]:
        """Values that must fit the config key: the bounds."""
        return self.low, self.high

    def draw(self, source: random.Random) -> float:
        """An even draw, for checks of the whole space."""
        return source.uniform(self.low, self.high)


class CategoricalParameter(Section):
    """One of some values without an order."""

    type: Literal["categorical"]
    choices: Annotated[tuple[Choice, ...], Field(min_length=1)]

    def distribution(self) -> CategoricalDistribution:
        """The same in Optuna's words."""
        return CategoricalDistribution(self.choices)

    def examples(self) -> tuple[Choice, ...]:
        """Values that must fit the config key: all of them."""
        return self.choices

    def draw(self, source: random.Random) -> Choice:
        """An even draw, for checks of the whole space."""
        return source.choice(self.choices)


Parameter = Annotated[IntParameter | FloatParameter | CategoricalParameter, Field(discriminator="type")]


class SearchSpace(RootModel[dict[str, Parameter]]):
    """Parameters by config key."""

    model_config = ConfigDict(frozen=True)

    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna proposes from."""
        return {name: parameter.distribution() for name, parameter in self.root.items()}

    def of(self, config: Config) -> dict[str, Any]:
        """The values that a configuration has in this space, in range or not."""
        return {
            name: float(getattr(config, name)) if isinstance(parameter, FloatParameter) else getattr(config, name)
            for name, parameter in self.root.items()
        }

    def check(self, config: Config) -> None:
        """Refuse a space from which no trial could run; an empty one has the configuration itself.

        Raises:
            ConfigError: no such config key, one that is fixed for a study, a value that does not fit its key, or
                no combination that is a valid configuration.
        """
        for name, parameter in self.root.items():
            if name not in Config.model_fields:
                known = Config.model_fields.keys() - _FIXED_FOR_A_STUDY
                raise ConfigError(f"search space: {name!r} is not a config key{suggestion(name, known)}")
            if name in _FIXED_FOR_A_STUDY:
                raise ConfigError(f"search space: {name} is the same for every trial of a study; set it with --set")
            for value in parameter.examples():
                _check_value(name, value)
            if getattr(config, name) is None and not isinstance(parameter, CategoricalParameter):
                raise ConfigError(f"search space: {name} is null in the configuration; search it as categorical")
        self._check_combinations(config)

    def _check_combinations(self, config: Config) -> None:
        """Bounds that depend on each other, such as moe_topk and routed_expert_nums, must leave something to run."""
        source, refusal = random.Random(0), ""
        for _ in range(200):
            try:
                override_config(config, {name: parameter.draw(source) for name, parameter in self.root.items()})
                return
            except ConfigError as error:
                refusal = str(error)
        raise ConfigError(f"search space: none of 200 combinations drawn from it can run, the last because {refusal}")

    def including(self, config: Config) -> Self:
        """The space with a configuration's values among the choices of its categorical parameters."""
        widened = {
            name: parameter.model_copy(update={"choices": (*parameter.choices, getattr(config, name))})
            if isinstance(parameter, CategoricalParameter) and getattr(config, name) not in parameter.choices
            else parameter
            for name, parameter in self.root.items()
        }
        return type(self)(widened)

    def without(self, inert: Mapping[str, str]) -> Self:
        """The space without some parameters, each named in the log with why it cannot act."""
        dropped = {name: reason for name, reason in inert.items() if name in self.root}
        for reason in sorted(set(dropped.values())):
            names = ", ".join(name for name in self.root if dropped.get(name) == reason)
            logger.info("not searched, since %s: %s", reason, names)
        return type(self)({name: parameter for name, parameter in self.root.items() if name not in dropped})

    def with_n_clusters_at_most(self, labelled_items: int) -> Self:
        """The space with n_clusters kept to what the items can be divided into.

        Raises:
            ConfigError: even the lowest n_clusters is above it.
        """
        parameter = self.root.get("n_clusters")
        if not isinstance(parameter, IntParameter) or parameter.high <= labelled_items:
            return self
        if parameter.low > labelled_items:
            raise ConfigError(
                f"search space: n_clusters starts at {parameter.low}, but only {labelled_items} items have features"
            )
        logger.info("n_clusters is searched up to %d, the items that have features", labelled_items)
        return type(self)(self.root | {"n_clusters": parameter.model_copy(update={"high": labelled_items})})


def _check_value(name: str, value: Any) -> None:
    field = Config.model_fields[name]
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"search space: {name} cannot be {value!r}: {message}") from None
