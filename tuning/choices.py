"""What a flag or a settings file can name; apart from `planning/spec.py`, since reading flags must not take seconds."""

from typing import Literal

SamplerName = Literal["tpe", "nsga2", "random"]
PrunerName = Literal["asha", "racing", "none"]
Cost = Literal["train_seconds", "parameters"]
"""What a trial costs: seconds of training, or how many numbers its model learns."""
Gain = Literal["worst_slice"]
"""What may be maximised beside the metric: the same metric over the slice of users that is served worst."""
AUTO = "auto"
"""Cores or GPUs a trial are chosen from what a dry batch takes."""
LogTarget = Literal["tensorboard", "mlflow", "wandb"]
ABLATION_PARTS = (
    *("item", "txt", "img", "wavelet", "time", "routed_experts", "shared_experts"),
    *("item_contrast", "temporal_contrast", "attribute", "cluster", "expert_diversity", "shares"),
)
"""What `tuning/ablate.py` can take out of a model; `shares` is no part, but every subset of the modalities."""
