"""The losses of ATHWE as pure functions (`MODEL.md`, Losses). Weights are applied by the model."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F


def next_item(scores: Float[Tensor, "batch items"], target: Int[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Cross-entropy over all N items."""
    return F.cross_entropy(scores.float(), target)


def contrast(
    anchor: Float[Tensor, "batch hidden"],
    key: Float[Tensor, "batch hidden"],
    target: Int[Tensor, " batch"],
    temperature: float,
) -> Float[Tensor, ""]:
    """In-batch InfoNCE by cosine: row i's key against all keys, rows with the same target left out.

    They are left out before the log-sum-exp (−inf), not as `exp(0) = 1` in the denominator as published.
    """
    logits = F.normalize(anchor.float(), dim=-1) @ F.normalize(key.float(), dim=-1).T / temperature
    own = torch.arange(len(target), device=target.device)
    same_target = (target[:, None] == target) & (own[:, None] != own)
    return F.cross_entropy(logits.masked_fill(same_target, -torch.inf), own)


def attribute(
    logits: Float[Tensor, "unique categories"],
    attributes: Float[Tensor, "unique categories"],
    counts: Float[Tensor, " unique"],
) -> Float[Tensor, ""]:
    """BCE against multi-hot categories, the mean over valid positions: unique items weighted by their counts."""
    each = F.binary_cross_entropy_with_logits(logits.float(), attributes, reduction="none").mean(dim=-1)
    return (each * counts).sum() / counts.sum()


def cluster(
    logits: Float[Tensor, "unique clusters"], label: Int[Tensor, " unique"], counts: Float[Tensor, " unique"]
) -> Float[Tensor, ""]:
    """CE against cluster labels, the mean over valid positions whose item has one (label −1: none, no loss)."""
    weight = counts * (label >= 0)
    each = F.cross_entropy(logits.float(), label, ignore_index=-1, reduction="none")
    return (each * weight).sum() / weight.sum().clamp_min(1)


def expert_diversity(squared: Float[Tensor, " width"], experts: Float[Tensor, "experts width"]) -> Float[Tensor, ""]:
    """Mean over i ≠ j of cos(vec(Z θ_i), vec(Z θ_j)), in closed form.

    Args:
        squared: `S_d = Σ_tokens z_d²` over valid tokens, so that `(Θ ⊙ S) Θᵀ` holds all the inner products.
    """
    gram = (experts.float() * squared.float()) @ experts.float().T
    norm = gram.diagonal().clamp_min(1e-24).sqrt()
    cosine = gram / (norm[:, None] * norm)
    count = len(experts)
    return (cosine.sum() - cosine.diagonal().sum()) / (count * (count - 1))
