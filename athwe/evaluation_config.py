"""The settings of the evaluation (`evaluation/`, docs/evaluation.md), and the keys of its numbers."""

from typing import Literal

from pydantic import field_validator, model_validator

from athwe.config_section import Positive, Section

SliceFamily = Literal["length", "gap", "popularity", "cold", "category"]
METRIC_NAMES = {"ndcg": "ndcg", "mrr": "mrr", "recall": "recall", "hit": "recall"}
"""Accepted metric names in lower case, with our name for each. With one target, hit rate and recall are the same."""


class EvaluationConfig(Section):
    """What is measured and what chooses (`PROTOCOL.md`)."""

    topk: tuple[Positive, ...] = (5, 10, 20, 50)
    """Cutoffs k of the metrics."""
    metrics: tuple[str, ...] = ("NDCG", "MRR")
    """Metrics to report, of NDCG, MRR, Recall (or Hit, the same with one target)."""
    valid_metric: str = "NDCG@10"
    """Validation metric that early stopping and the search go by."""
    valid_metric_bigger: bool = True
    """Whether a bigger valid_metric is better."""
    eval_batch_size: Positive = 1024
    """Users ranked at once."""
    mask_seen: bool = False
    """Leave the whole history (never the target) out of the ranking."""
    worst_slice_users: Positive = 100
    """Users that a slice needs, to be called the worst; never more than a tenth of all users."""
    worst_slice_families: tuple[SliceFamily, ...] = ("length", "gap", "popularity", "cold", "category")
    """Among which slices the worst one is looked for."""

    @field_validator("metrics")
    @classmethod
    def _are_metrics(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name.lower() not in METRIC_NAMES]
        if unknown or not value:
            raise ValueError(f"expected some of NDCG, MRR, Recall, Hit, got {unknown or 'none'}")
        return value

    @field_validator("worst_slice_families")
    @classmethod
    def _some_families(cls, value: tuple[SliceFamily, ...]) -> tuple[SliceFamily, ...]:
        if not value:
            raise ValueError("expected at least one of length, gap, popularity, cold, category")
        return value

    @field_validator("topk")
    @classmethod
    def _sorted(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError("expected at least one cutoff")
        return tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _selects_by_a_reported_metric(self):
        name, _, cutoff = self.valid_metric.partition("@")
        if name.lower() not in METRIC_NAMES or not cutoff.isdigit():
            raise ValueError(f"valid_metric {self.valid_metric!r} is not of the form NDCG@10")
        if int(cutoff) not in self.topk:
            raise ValueError(f"valid_metric {self.valid_metric} needs its cutoff among topk {list(self.topk)}")
        return self

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Our names of the metrics to report; the selecting one is always among them."""
        names = [METRIC_NAMES[name.lower()] for name in (*self.metrics, self.valid_metric.partition("@")[0])]
        return tuple(dict.fromkeys(names))

    @property
    def valid_key(self) -> str:
        """The reported key of valid_metric, such as `valid/ndcg@10`."""
        name, _, cutoff = self.valid_metric.partition("@")
        return f"valid/{METRIC_NAMES[name.lower()]}@{cutoff}"

    @property
    def worst_slice_key(self) -> str:
        """The reported key of valid_metric in the worst slice of users, such as `valid/worst_ndcg@10`."""
        return worst_slice_key(self.valid_key)


def worst_slice_key(key: str) -> str:
    """The reported key of a metric in the slice of users that is served worst.

    >>> worst_slice_key("valid/ndcg@10")
    'valid/worst_ndcg@10'
    """
    return key.replace("/", "/worst_")
