"""The losses of ATHWE as pure functions (`MODEL.md`, Losses). Weights are applied by the model.

The cross-entropy over all items has a file of its own, `cross_entropy.py`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from athwe.model.step import Negatives


def sampled_next_item(
    user: Float[Tensor, "batch width"],
    table: Float[Tensor, "items width"],
    target: Int[Tensor, " batch"],
    negatives: Negatives,
) -> Float[Tensor, ""]:
    """Cross-entropy whose sum over all items is estimated from S items drawn from q, the same for every row.

    A drawn item stands for `1 / (S · q)` items (the logQ correction), the target for itself: the denominator
    `exp(s_t) + Σ_{j ≠ t} exp(s_j) / (S · q_j)` is then the full one on average. Correcting the target too, as is usual,
    would be wrong: it is there by choice, not by chance.
    """
    own = (user * F.embedding(target, table)).float().sum(dim=-1, keepdim=True)
    scores = (user @ F.embedding(negatives.item, table).T).float() - negatives.log_expected
    others = scores.masked_fill(target[:, None] == negatives.item, -torch.inf)
    return (torch.cat([own, others], dim=1).logsumexp(dim=1) - own[:, 0]).mean()


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
