"""Which models there are, and which configuration keys and modalities each of them reads; nothing is imported here."""

from collections.abc import Mapping
from typing import Literal, get_args

ModelName = Literal["ATHWE", "HM4SR", "UniSRec", "SASRec", "CoOccurrence", "Popularity"]
MODEL_NAMES: tuple[ModelName, ...] = get_args(ModelName)

_ENCODER = frozenset(
    """model loss_type hidden_size n_layers n_heads inner_size hidden_dropout_prob attn_dropout_prob hidden_act
    layer_norm_eps initializer_range""".split()
)
_CONTRASTS = frozenset("temperature id_contrastive_weight phcl_temperature phcl_weight beta attribute_weight".split())
MODEL_KEYS: Mapping[ModelName, frozenset[str]] = {
    "ATHWE": _ENCODER
    | _CONTRASTS
    | frozenset(
        """initializer_weight feature_initializer_weight wavelet_J time_span time_scale moe_topk shared_expert_nums
        routed_expert_nums expert_initial_mean expert_residual cluster_weight n_clusters cluster_components
        cluster_method diversity_weight cosine_lambda""".split()
    ),
    "HM4SR": _ENCODER
    | _CONTRASTS
    | frozenset(
        "initializer_weight feature_initializer_weight start_expert_num temporal_expert_num interval_scale".split()
    ),
    "UniSRec": _ENCODER | frozenset("temperature n_exps adaptor_dropout_prob train_type".split()),
    "SASRec": _ENCODER,
    "CoOccurrence": frozenset({"model"}),
    "Popularity": frozenset({"model"}),
}
"""Keys that decide what a model computes. How it is trained and measured is read for every model that is trained."""

COUNTED: tuple[ModelName, ...] = ("CoOccurrence", "Popularity")
"""Models that count the training interactions and are not trained: no other key acts on them."""

MODEL_STREAMS: Mapping[ModelName, tuple[str, ...]] = {
    "ATHWE": ("item", "txt", "img"),
    "HM4SR": ("item", "txt", "img"),
    "UniSRec": ("item", "txt"),
    "SASRec": ("item",),
    "CoOccurrence": ("item",),
    "Popularity": ("item",),
}
"""Modalities that a model uses as far as they are there."""
