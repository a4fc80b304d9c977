"""Which parameters cannot act on a data set: a search does not propose them (`MODEL.md`)."""

from collections.abc import Callable, Collection, Mapping

import numpy as np

from athwe.config import Config, ModelConfig
from athwe.data import Dataset
from athwe.model_keys import COUNTED, MODEL_KEYS

_WEIGHED_BY = {
    "temperature": "id_contrastive_weight",
    "beta": "phcl_weight",
    "phcl_temperature": "phcl_weight",
    "n_clusters": "cluster_weight",
    "cluster_components": "cluster_weight",
    "cluster_method": "cluster_weight",
    "cosine_lambda": "diversity_weight",
}
"""Parameters of a loss, with the weight that silences them at 0."""
_CLUSTER_KEYS = {"n_clusters", "cluster_components", "cluster_method"}
"""Keys of the data that a model may read or not."""
_OF_FEATURES = ("phcl_weight", "cluster_weight", "feature_initializer_weight")
_OF_EXPERTS = ("diversity_weight", "cosine_lambda", "expert_residual")
_OF_TIME_GAPS = ("time_span", "time_scale")
"""Of the time gap embedding, which the experts and the temporal contrast use."""


def inert_parameters(config: Config, dataset: Dataset, searched: Collection[str]) -> dict[str, str]:
    """Names of parameters that cannot act, each with why.

    Args:
        config: the configuration at hand, whose values hold for what is not searched.
        dataset: says which modalities and whether categories are there.
        searched: names in the search space.
    """
    keys = MODEL_KEYS[config.model]
    of_models = {*searched} if config.model in COUNTED else {*searched} & {*ModelConfig.model_fields, *_CLUSTER_KEYS}
    absent = dict.fromkeys(of_models - keys, f"{config.model} does not read them") | _lacking(dataset)

    def is_off(key: str) -> bool:
        return key in keys and key not in searched and getattr(config, key) == 0

    if config.loss == "full" and "sampled_items" in searched and "loss" not in searched:
        absent["sampled_items"] = "loss is full"
    if is_off("wavelet_J"):
        absent["feature_initializer_weight"] = "wavelet_J is 0"
    if is_off("routed_expert_nums"):
        absent["moe_topk"] = "routed_expert_nums is 0"
    if is_off("routed_expert_nums") and is_off("shared_expert_nums"):
        absent |= dict.fromkeys(_OF_EXPERTS, "there are no experts")
        if "phcl_weight" in absent or is_off("phcl_weight"):
            absent |= dict.fromkeys(_OF_TIME_GAPS, "nothing is there that sees time")
    return absent | _silenced({key: why for key, why in absent.items() if key in keys}, is_off)


def _lacking(dataset: Dataset) -> dict[str, str]:
    """What cannot act for want of data."""
    absent: dict[str, str] = {}
    if not set(dataset.modalities) & {"txt", "img"}:
        absent |= dict.fromkeys(_OF_FEATURES, f"{dataset.name} has no text or image features in use")
    if "item" not in dataset.modalities:
        absent["id_contrastive_weight"] = "the item stream is not in use"
    if dataset.attributes is None:
        absent["attribute_weight"] = f"{dataset.name} has no categories"
    return absent


def _silenced(absent: Mapping[str, str], is_off: Callable[[str], bool]) -> dict[str, str]:
    """What belongs to a loss that does not act."""
    found: dict[str, str] = {}
    for name, weight in _WEIGHED_BY.items():
        if weight in absent:
            found[name] = absent[weight]
        elif is_off(weight):
            found[name] = f"{weight} is 0"
    return found


def labelled_items(dataset: Dataset) -> int:
    """How many items every feature modality describes: no more clusters than these can be made."""
    counts = [int(np.any(matrix != 0, axis=1).sum()) for matrix in dataset.features.values()]
    return min(counts, default=dataset.n_items)
