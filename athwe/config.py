"""Every setting of one training run, as frozen pydantic classes with the published flat keys.

Defaults are the published values (`PUBLISHED_CONFIG.md`). Files and flags are laid over them in `config_files.py`; what
is measured is in `evaluation_config.py`, the split in `split_config.py`.
"""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from athwe.config_section import Positive, Section
from athwe.evaluation_config import EvaluationConfig
from athwe.model_keys import ModelName
from athwe.split_config import SplitConfig

Modality = Literal["item", "txt", "img"]
MODALITIES: tuple[Modality, ...] = ("item", "txt", "img")
Count = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Temperature = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, lt=1)]


class DataConfig(Section, SplitConfig):
    """What is read and how it is cut into sequences."""

    USER_ID_FIELD: str = "user_id"
    """Column of the user token in the `.inter` file."""
    ITEM_ID_FIELD: str = "item_id"
    """Column of the item token in the `.inter` and `.item` files."""
    TIME_FIELD: str = "timestamp"
    """Column of the time, in unix seconds."""
    MAX_ITEM_LIST_LENGTH: Positive = 50
    """L, the longest history the model sees, in items."""
    user_inter_num_interval: str = "[5,inf)"
    """How many interactions a user must have to stay."""
    item_inter_num_interval: str = "[5,inf)"
    """How many interactions an item must have to stay."""
    modalities: tuple[Modality, ...] | None = None
    """Streams to use. None: the item ids and every feature file that is there."""
    n_clusters: Annotated[int, Field(ge=2)] = 100
    """Clusters per feature modality, whose labels the cluster loss predicts."""
    cluster_components: Positive | None = 16
    """Principal components kept before whitening. None keeps all, as published."""
    cluster_method: Literal["auto", "kmedoids", "clara", "fasterpam"] = "auto"
    """K-medoids algorithm. `auto` is `kmedoids`, the published one; the others sample large catalogues."""
    data_path: str = "dataset/"
    """Last of the data roots, after `--dataset-root` and `ATHWE_DATASET_ROOT`."""

    @field_validator("modalities")
    @classmethod
    def _in_published_order(cls, value: tuple[Modality, ...] | None) -> tuple[Modality, ...] | None:
        if value is None:
            return None
        if not value or len(set(value)) != len(value):
            raise ValueError("expected one to three different names of item, txt, img")
        return tuple(modality for modality in MODALITIES if modality in value)

    @field_validator("user_inter_num_interval", "item_inter_num_interval")
    @classmethod
    def _is_interval(cls, value: str) -> str:
        parse_interval(value)
        return value


class ModelConfig(Section):
    """Which model, its sizes and losses (`MODEL.md`, `BASELINES.md`); `model_keys.py` says which model reads what."""

    model: ModelName = "ATHWE"
    """The model: ATHWE, or a baseline."""
    n_layers: Positive = 2
    """Transformer layers per modality."""
    n_heads: Positive = 2
    """Attention heads; must divide hidden_size."""
    hidden_size: Positive = 64
    """H, the width of one modality's stream."""
    inner_size: Positive = 256
    """Width of the feed-forward layer."""
    hidden_dropout_prob: Probability = 0.5
    """Dropout of embeddings, of each sub-layer's output and of the router."""
    attn_dropout_prob: Probability = 0.5
    """Dropout of attention weights."""
    hidden_act: Literal["gelu", "relu"] = "gelu"
    """Activation of the feed-forward layer; gelu is the exact (erf) one."""
    layer_norm_eps: Annotated[float, Field(gt=0)] = 1e-12
    """Epsilon of every LayerNorm."""
    initializer_range: Annotated[float, Field(gt=0)] = 0.02
    """Standard deviation of initial Linear and Embedding weights."""
    initializer_weight: tuple[float, float, float] = (0.1, 1.0, 1.0)
    """Initial weight of what a modality takes from all (item, txt, img): ω of ATHWE's wavelet alignment, w of HM4SR."""
    feature_initializer_weight: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Takes the place of both txt and img in initializer_weight: one number that a search can move. At 1, as published,
    ATHWE replaces text and image by one shared sum."""
    wavelet_J: Annotated[int, Field(ge=0, le=8)] = 4
    """Wavelet levels. 0 skips the wavelet alignment."""
    time_span: Positive = 200
    """a, the number of time gap buckets."""
    time_scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 15_000_000
    """k, the time gap in seconds at which 63 % of the buckets are used up."""
    moe_topk: Positive = 6
    """Routed experts a token keeps."""
    shared_expert_nums: Count = 1
    """S, experts every token passes."""
    routed_expert_nums: Count = 8
    """E, experts the router chooses from."""
    expert_initial_mean: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    """Mean of initial experts. 0, as published, starts every channel with a random sign; 1 starts near the identity."""
    expert_residual: bool = False
    """ATHWE: whether the experts' output is added to their input, z + z ⊙ (…), instead of taking its place."""
    start_expert_num: Positive = 4
    """HM4SR: dense experts of its interactive mixture."""
    temporal_expert_num: Positive = 4
    """HM4SR: experts of its temporal mixture."""
    interval_scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 100
    """HM4SR: rows of its interval table per doubling of a time gap."""
    n_exps: Positive = 8
    """UniSRec: experts of its text adaptor."""
    adaptor_dropout_prob: Probability = 0.2
    """UniSRec: dropout of text features before the adaptor."""
    train_type: Literal["transductive", "inductive"] = "transductive"
    """UniSRec: whether items also have an embedding of their own, or are known by their text alone."""
    beta: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Share of valid positions replaced for the temporal contrast; at least one position is."""
    temperature: Temperature = 0.1
    """Temperature of the item contrast."""
    phcl_temperature: Temperature = 1.0
    """Temperature of the temporal contrast."""
    id_contrastive_weight: Weight = 1.0
    """Weight of the item contrast."""
    phcl_weight: Weight = 1.0
    """Weight of the temporal contrast."""
    attribute_weight: Weight = 1.0
    """Weight of the category prediction."""
    cluster_weight: Weight = 1.0
    """Weight of the cluster prediction."""
    diversity_weight: Weight = 0.9
    """Weight of the expert diversity."""
    cosine_lambda: Weight = 1.0
    """Factor inside the expert diversity."""
    loss_type: Literal["CE"] = "CE"
    """Loss of the next item: cross-entropy over all items."""

    def initial_weight(self, modality: str) -> float:
        """What a modality takes from all of them at first."""
        if modality != "item" and self.feature_initializer_weight is not None:
            return self.feature_initializer_weight
        by_name: dict[str, float] = dict(zip(MODALITIES, self.initializer_weight, strict=True))
        return by_name[modality]

    @model_validator(mode="after")
    def _sizes_fit(self):
        if self.hidden_size % self.n_heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not divisible by n_heads {self.n_heads}")
        if 0 < self.routed_expert_nums < self.moe_topk:
            raise ValueError(
                f"moe_topk {self.moe_topk} is above routed_expert_nums {self.routed_expert_nums}: "
                "lower moe_topk or raise routed_expert_nums"
            )
        return self


class TrainingConfig(Section):
    """How the model is trained."""

    epochs: Positive = 20
    """Epochs at most."""
    train_batch_size: Positive = 1024
    """B, samples a step."""
    loss: Literal["full", "sampled"] = "full"
    """Softmax of the next item: over all items, exactly; or estimated from sampled items, where there are too many."""
    sampled_items: Positive = 8192
    """Items drawn a step for the sampled softmax."""
    learner: Literal["adam"] = "adam"
    """Optimizer."""
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.001
    """Step size of the optimizer."""
    weight_decay: Weight = 0.0
    """L2 penalty of the optimizer."""
    clip_grad_norm: Annotated[float, Field(gt=0)] | None = None
    """Largest gradient norm. None does not clip."""
    eval_step: Positive = 1
    """Epochs from one validation to the next; the last epoch is always validated."""
    stopping_step: Positive = 30
    """Validations without improvement after which training stops."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 2025
    """Seed of initial weights, order of samples, dropout and clusters."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Autocast type of the forward pass."""
    device: str = "auto"
    """auto (a GPU where there is one), cpu, cuda or cuda:N."""

    @field_validator("device")
    @classmethod
    def _is_device(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
            raise ValueError("expected auto, cpu, cuda, cuda:N or mps")
        return value


class Config(DataConfig, ModelConfig, EvaluationConfig, TrainingConfig):
    """One run's whole configuration; its keys are flat, as in the published files."""

    @property
    def protocol(self) -> str:
        """How targets are chosen and ranked, for wherever a number is shown: others do not compare with it."""
        return f"{self.split_in_words}, mask_seen {str(self.mask_seen).lower()}"

    @property
    def wants_clusters(self) -> bool:
        """Whether a loss asks for cluster labels."""
        return self.model == "ATHWE" and self.cluster_weight > 0


def parse_interval(text: str) -> tuple[float, float]:
    """Read `"[5,inf)"` as the inclusive bounds (5, inf) of an integer count.

    Raises:
        ValueError: the text is not an interval of two numbers.
    """
    match = re.fullmatch(r"\s*([\[(])\s*([\d.]+|-?inf)\s*,\s*([\d.]+|inf)\s*([\])])\s*", text)
    if not match:
        raise ValueError(f"expected an interval such as '[5,inf)', got {text!r}")
    opening, low, high, closing = match.groups()
    return float(low) + (opening == "("), float(high) - (closing == ")")
