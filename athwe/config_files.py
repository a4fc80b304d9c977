"""Lay YAML files and `key=value` flags over the defaults, and say in one line what does not fit."""

import difflib
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from athwe.config import Config, TrainingConfig
from athwe.errors import ConfigError, quoted, shown
from athwe.model_keys import COUNTED, MODEL_KEYS, MODEL_NAMES, ModelName
from athwe.plain_yaml import MOST_BYTES, PlainYamlError, parse_yaml

logger = logging.getLogger(__name__)

IGNORED_KEYS = frozenset(
    """expert_num gate_selection start_gate_selection temporal_gate_selection expert_type share_moe
    pretrained_embedding gpu_id show_progress seq_separator ITEM_LIST_LENGTH_FIELD LIST_SUFFIX NEG_PREFIX POSITION_FIELD
    load_col loss_decimal_place metric_decimal_place use_gpu worker state reproducibility checkpoint_dir save_dataset
    save_dataloaders log_wandb dataset benchmark_filename""".split()
)
"""Keys of RecBole and of the published files that mean nothing here."""

_FULL_RANKING = ("full", {"valid": "full", "test": "full"})
FIXED_KEYS: Mapping[str, tuple[Any, ...]] = {
    "field_separator": ("\t",),
    "shuffle": (True,),
    "neg_sampling": (None,),
    "train_neg_sample_args": (None, {"distribution": "none"}),
    "training_neg_sample_num": (0,),
}
"""Keys that ask for a protocol: one of these values, or a refusal."""
_EVAL_ARGS: Mapping[str, tuple[Any, ...]] = {
    "split": ({"LS": "valid_and_test"},),
    "group_by": ("user",),
    "order": ("TO",),
    "mode": _FULL_RANKING,
}


def load_config(
    dataset: str, *, files: Iterable[str | Path] = (), overrides: Iterable[str] = (), config_root: Path | None = None
) -> Config:
    """Read `data.yaml`, `<dataset>.yaml`, `model/<model>.yaml`, further files and `key=value` overrides.

    Later ones win.

    Args:
        dataset: name of the data set; its own file need not exist.
        files: YAML files laid over those of data set and model.
        overrides: `key=value` texts, the value in YAML.
        config_root: folder of the first three; by default `config/` here or beside the package.

    Raises:
        ConfigError: a file that cannot be read, an unknown key, or a value that does not fit.
    """
    root = config_root or default_config_root()
    of_data, given = _layers(root, dataset, files, overrides)
    model = _model_of([*of_data, *given])
    unread = _unread(model, [*of_data, *given] if model == MODEL_NAMES[0] else given)
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for where, layer in [*of_data, *_model_layer(root, model), *given]:
        values |= layer
        origin |= dict.fromkeys(layer, where)
    return build_config(values, origin, unread)


def model_asked_for(dataset: str, *, files: Iterable[str | Path] = (), overrides: Iterable[str] = ()) -> ModelName:
    """The model that `load_config` would be asked for.

    Raises:
        ConfigError: a file that cannot be read, or no such model.
    """
    of_data, given = _layers(default_config_root(), dataset, files, overrides)
    return _model_of([*of_data, *given])


def published_config(model: ModelName, config_root: Path | None = None) -> Config:
    """What its authors set a model's keys to: the defaults, and its `model/<model>.yaml`.

    Raises:
        ConfigError: a file that cannot be used.
    """
    layers = _model_layer(config_root or default_config_root(), model)
    return build_config({"model": model} | (layers[0][1] if layers else {}))


Layer = tuple[str, dict[str, Any]]
"""Where values come from, and the values."""


def _layers(
    root: Path, dataset: str, files: Iterable[str | Path], overrides: Iterable[str]
) -> tuple[list[Layer], list[Layer]]:
    """What comes with the data set, and what the user gave."""
    of_data = _read_layers(path for path in (root / "data.yaml", root / f"{dataset}.yaml") if path.exists())
    return of_data, [
        *_read_layers(map(Path, files)),
        *((f"--set {text}", parse_override(text)) for text in overrides),
    ]


def _model_of(layers: Sequence[Layer]) -> ModelName:
    where, name = next(((where, layer["model"]) for where, layer in reversed(layers) if "model" in layer), ("", None))
    if name is None and not where:
        return MODEL_NAMES[0]
    for known in MODEL_NAMES:
        if name == known:
            return known
    nearest = suggestion(str(name), MODEL_NAMES) or f": expected {', '.join(MODEL_NAMES)}"
    raise ConfigError(f"unknown model {quoted(name)} (in {where}){nearest}")


def _unread(model: ModelName, layers: Iterable[Layer]) -> set[str]:
    """Keys of other models than the one asked for; and of training, where nothing is trained."""
    known = {key for name in MODEL_NAMES for key in MODEL_KEYS[name]}
    if model in COUNTED:
        known |= TrainingConfig.model_fields.keys() - {"seed", "device"}
    return {key for _, layer in layers for key in layer} & known - MODEL_KEYS[model]


def _read_layers(paths: Iterable[Path]) -> list[Layer]:
    return [(str(path), read_yaml(path)) for path in paths]


def _model_layer(root: Path, model: ModelName) -> list[Layer]:
    """The model's own file, where it has one."""
    return _read_layers(path for path in (root / "model" / f"{model}.yaml",) if path.exists())


def build_config(
    values: Mapping[str, Any], origin: Mapping[str, str] | None = None, unread: Collection[str] = ()
) -> Config:
    """Make a `Config` of flat keys.

    Args:
        origin: where each key came from, for the messages.
        unread: keys that the model does not read, for the one warning of what is ignored.

    Raises:
        ConfigError: an unknown key, another protocol, or a value that does not fit.
    """
    origin = origin or {}
    ignored = sorted({*(IGNORED_KEYS & values.keys()), *unread})
    if ignored:
        logger.warning("these keys mean nothing here and are ignored: %s", ", ".join(ignored))
    kept = {key: value for key, value in values.items() if key not in IGNORED_KEYS}
    _require_our_protocol(kept, origin)
    kept = {key: value for key, value in kept.items() if key not in FIXED_KEYS and key != "eval_args"}
    for key in kept:
        if key not in Config.model_fields:
            raise ConfigError(
                f"unknown config key {quoted(key)}{_place(key, origin)}{suggestion(key, Config.model_fields)}"
            )
    try:
        config = Config.model_validate(kept)
    except ValidationError as error:
        raise ConfigError(_one_line(error, origin)) from None
    for key, value in kept.items():  # true and false have passed for 1 and 0
        if _has_truth(value) and Config.model_fields[key].annotation is not bool:
            raise ConfigError(f"config key {quoted(key)}: neither true nor false fits{_place(key, origin)}")
    return config


def _has_truth(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, list | tuple) and any(map(_has_truth, value)))


def override_config(config: Config, values: Mapping[str, Any]) -> Config:
    """Lay `values` over a configuration that is already complete, with the same checks.

    Raises:
        ConfigError: as `build_config`.
    """
    return build_config(config.model_dump() | dict(values), dict.fromkeys(values, "the given values"))


def default_config_root() -> Path:
    """`config/` of the working directory where it has a `data.yaml`, else the one beside the package."""
    here = Path("config")
    return here if (here / "data.yaml").exists() else Path(__file__).resolve().parent.parent / "config"


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        ConfigError: no such file, not YAML, or not a mapping of keys to values.
    """
    try:
        with path.open(encoding="utf-8") as file:
            content = parse_yaml(file.read(MOST_BYTES + 1))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    except PlainYamlError as error:
        raise ConfigError(f"{path} is not YAML that can be used: {shown(error)}") from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigError(f"{path} must hold 'key: value' lines, found {type(content).__name__}")
    return content


def parse_override(text: str) -> dict[str, Any]:
    """Read one `key=value` with a YAML value.

    >>> parse_override("initializer_weight=[0, 1, 1]")
    {'initializer_weight': [0, 1, 1]}
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set takes key=value, got {quoted(text)}")
    try:
        return {key.strip(): parse_yaml(value)}
    except PlainYamlError:
        raise ConfigError(f"--set {shown(key)}: {quoted(value)} is not a YAML value") from None


def suggestion(key: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known name, or an empty text where none is near."""
    by_lower = {name.lower(): name for name in known}
    nearest = difflib.get_close_matches(key.lower(), list(by_lower), n=1, cutoff=0.5)
    return f"; did you mean {by_lower[nearest[0]]!r}?" if nearest else ""


def _require_our_protocol(values: Mapping[str, Any], origin: Mapping[str, str]) -> None:
    for key, allowed in FIXED_KEYS.items():
        if key in values and values[key] not in allowed:
            raise ConfigError(
                f"{key}: {quoted(values[key])}{_place(key, origin)} is not supported, only {allowed[0]!r}"
            )
    arguments = values.get("eval_args") or {}
    if not isinstance(arguments, dict):
        raise ConfigError(f"eval_args must be a mapping, got {quoted(arguments)}{_place('eval_args', origin)}")
    for key, value in arguments.items():
        if value not in _EVAL_ARGS.get(key, ()):
            supported = {name: allowed[0] for name, allowed in _EVAL_ARGS.items()}
            raise ConfigError(
                f"eval_args.{shown(key)}: {quoted(value)}{_place('eval_args', origin)} is not supported, only "
                f"{supported} (for a split by time leave it so and set split: time)"
            )


def _place(key: str, origin: Mapping[str, str]) -> str:
    return f" (in {origin[key]})" if key in origin else ""


def _one_line(error: ValidationError, origin: Mapping[str, str]) -> str:
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return f"config: {message}"
    key = str(first["loc"][0])
    return f"config key {key!r}: {message}, got {quoted(first['input'])}{_place(key, origin)}"
