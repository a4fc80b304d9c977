"""What can be taken out of a model, and by which configuration values; what is not there cannot. Nothing runs here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from athwe.config import MODALITIES, Config
from athwe.data import Dataset
from athwe.model_keys import MODEL_KEYS, MODEL_STREAMS, ModelName
from tuning.choices import ABLATION_PARTS

SHARES = "shares"
"""Not a part: every subset of the modalities, for what each of them is worth."""
STREAM_TITLES = {"item": "item ids", "txt": "text", "img": "images"}
_NO_TIME = 1e30
"""A time scale against which every gap is the same, the first bucket's."""


@dataclass(frozen=True)
class Part:
    """Something that values of the configuration take out."""

    title: str
    without: Mapping[str, Any]
    """By configuration key."""


PARTS: Mapping[str, Part] = {
    "wavelet": Part("wavelet alignment", {"wavelet_J": 0}),
    "time": Part("time gaps", {"time_scale": _NO_TIME}),
    "routed_experts": Part("routed experts", {"routed_expert_nums": 0}),
    "shared_experts": Part("shared experts", {"shared_expert_nums": 0}),
    "item_contrast": Part("item contrast (loss)", {"id_contrastive_weight": 0.0}),
    "temporal_contrast": Part("temporal contrast (loss)", {"phcl_weight": 0.0}),
    "attribute": Part("category prediction (loss)", {"attribute_weight": 0.0}),
    "cluster": Part("cluster prediction (loss)", {"cluster_weight": 0.0}),
    "expert_diversity": Part("expert diversity (loss)", {"diversity_weight": 0.0}),
}
"""Beside the modalities. Losses have the names that the model gives them."""
NAMES = ABLATION_PARTS
_SUMMED: tuple[ModelName, ...] = ("ATHWE", "HM4SR")
"""Models that can do with any of their streams."""


def title_of(part: str) -> str:
    """A part in words."""
    return STREAM_TITLES.get(part) or PARTS[part].title


def streams_of(config: Config, dataset: Dataset) -> tuple[str, ...]:
    """The modalities that a configuration's model uses of a data set."""
    used = MODEL_STREAMS[config.model]
    return tuple(name for name in config.modalities or dataset.modalities if name in used)


def without(part: str, config: Config, dataset: Dataset) -> Mapping[str, Any]:
    """The configuration values that take a part out, which is there (`why_not`)."""
    if part in PARTS:
        return PARTS[part].without
    if config.model == "UniSRec":
        return {"train_type": "inductive"}
    return {"modalities": tuple(name for name in streams_of(config, dataset) if name != part)}


def why_not(part: str, config: Config, dataset: Dataset) -> str | None:
    """Why a part cannot be taken out, None where it can: what does nothing on this data set is not trained without."""
    if part in MODALITIES:
        return _why_not_stream(part, config, dataset)
    if part == SHARES:
        summed = config.model in _SUMMED
        return None if summed else f"{config.model} is not a sum over modalities that can be left out one by one"
    streams = streams_of(config, dataset)
    for key, value in PARTS[part].without.items():
        if key not in MODEL_KEYS[config.model]:
            return f"{config.model} does not have it"
        if getattr(config, key) == value:
            return f"{key} is {value:g} already"
    has_features = bool({"txt", "img"} & {*streams})
    needs = {
        "time": (_sees_time(config, has_features), "nothing sees time"),
        "item_contrast": ("item" in streams, "the item stream is not in use"),
        "temporal_contrast": (has_features, f"no text or image features of {dataset.name} are in use"),
        "cluster": (has_features, f"no text or image features of {dataset.name} are in use"),
        "attribute": (dataset.attributes is not None, f"{dataset.name} has no categories"),
        "expert_diversity": (config.routed_expert_nums > 1, "fewer than two experts are routed"),
    }
    is_there, otherwise = needs.get(part, (True, ""))
    if part == "expert_diversity" and is_there and not config.cosine_lambda:
        return "cosine_lambda is 0 already"
    return None if is_there else otherwise


def _why_not_stream(part: str, config: Config, dataset: Dataset) -> str | None:
    if config.model == "UniSRec":  # one stream, of text; its items may have an embedding of their own beside it
        if part == "item":
            return None if config.train_type == "transductive" else "train_type is inductive already"
        return "UniSRec is made of it" if part == "txt" else "UniSRec does not use it"
    streams = streams_of(config, dataset)
    if part not in streams:
        there = part in MODEL_STREAMS[config.model]
        return f"it is not in use on {dataset.name}" if there else f"{config.model} does not use it"
    return None if len(streams) > 1 else "it is the only modality in use"


def _sees_time(config: Config, has_features: bool) -> bool:
    """Whether routing or the temporal contrast does: of a single routed expert the weight is 1 at any time."""
    return config.routed_expert_nums > 1 or (has_features and config.phcl_weight > 0)
