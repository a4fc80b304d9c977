"""Cross-entropy over all items without ever holding a score for every pair of a row and an item.

Rows are taken a few at a time, and their gradients are computed right behind their scores, while those are in the
cache: exact, one pass, and the largest temporary is (rows, N) for a few rows.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from athwe.chunks import rows_per_chunk

FEWEST_ROWS = 64
"""Rows of a chunk at least: every chunk adds to the gradient of all items."""


def linear_cross_entropy(
    user: Float[Tensor, "batch width"], table: Float[Tensor, "items width"], target: Int[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy of the scores `user @ table.T` against `target`, in fp32; products in autocast's type.

    Equals `torch.nn.functional.cross_entropy(user @ table.T, target)`. It can be differentiated once.
    """
    device = user.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        user, table = (tensor.to(torch.get_autocast_dtype(device)) for tensor in (user, table))
    rows = rows_per_chunk(device, len(table), at_least=FEWEST_ROWS)
    return _LinearCrossEntropy.apply(user, table, target, rows)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, user: Tensor, table: Tensor, target: Tensor, rows: int) -> Tensor:
        loss, *gradients = _loss_and_gradients(user, table, target, rows)
        ctx.save_for_backward(*gradients)
        ctx.dtype = user.dtype
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, ...]:
        user, table = ((above[0] * part).to(ctx.dtype) for part in ctx.saved_tensors)
        return user, table, None, None


def _loss_and_gradients(user: Tensor, table: Tensor, target: Tensor, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """The mean loss, and its gradients in fp32."""
    count = len(user)
    losses = torch.empty(count, device=user.device)
    user_gradient = torch.empty(user.shape, device=user.device)
    table_gradient = torch.zeros(table.shape, device=user.device)
    scores = torch.empty(min(rows, count), len(table), dtype=user.dtype, device=user.device)
    for start in range(0, count, rows):
        chunk = slice(start, min(start + rows, count))
        part, own = user[chunk], target[chunk, None]
        score = torch.mm(part, table.T, out=scores[: len(part)]).float()  # the buffer itself in fp32
        score -= score.amax(dim=1, keepdim=True)
        own_score = score.gather(1, own)
        total = score.exp_().sum(dim=1, keepdim=True)
        losses[chunk] = (total.log() - own_score)[:, 0]
        score *= 1 / (count * total)  # softmax, divided by the number of rows
        score.scatter_add_(1, own, torch.full_like(own_score, -1 / count))
        slope = score.to(user.dtype)
        user_gradient[chunk] = slope @ table
        _add_product(table_gradient, slope.T, part)
    return losses.mean(), user_gradient, table_gradient


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right
