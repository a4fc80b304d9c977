"""The equations in plain loops, one history at a time and nothing packed: what the models are compared with."""

import dataclasses
import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from athwe.data import Batch
from athwe.model.step import Step, placeholder_mask

FIRST_TIMESTAMP = 1_399_900_000
LONGEST_GAP_SECONDS = 150_000
"""Some of the batch's gaps are longer."""
MODALITIES_OF = {
    "ATHWE": ("item", "txt", "img"),
    "HM4SR": ("item", "txt", "img"),
    "UniSRec": ("txt",),
    "SASRec": ("item",),
}
"""The models that are trained, with what they use of the fixtures."""


def histories(batch: Batch) -> list[tuple[list[int], list[int]]]:
    """Items and times of every row without its padding."""
    rows = zip(batch.item_sequence.tolist(), batch.timestamp.tolist(), batch.length.tolist(), strict=True)
    return [(items[:length], times[:length]) for items, times, length in rows]


def encode(encoders, stream: int, x: list[Tensor], heads: int) -> Tensor:
    """LayerNorm, then the post-norm causal layers of one stream; the last position."""
    rows = [normalised(encoders.norm, stream, row) for row in x]
    for layer in encoders.layers:
        query = [dense(layer.query, stream, row) for row in rows]
        key_value = [dense(layer.key_value, stream, row).chunk(2) for row in rows]
        width = len(query[0]) // heads
        after = []
        for now in range(len(rows)):
            parts = []
            for head in range(heads):
                mine = slice(head * width, (head + 1) * width)
                logits = [query[now][mine] @ key[mine] / math.sqrt(width) for key, _ in key_value[: now + 1]]
                weights = torch.stack(logits).softmax(0)
                parts.append(sum(weights[then] * key_value[then][1][mine] for then in range(now + 1)))
            residual = normalised(
                layer.attention_norm, stream, rows[now] + dense(layer.output, stream, torch.cat(parts))
            )
            widened = dense(layer.widen, stream, residual)
            active = widened * 0.5 * (1 + torch.erf(widened / math.sqrt(2)))
            after.append(normalised(layer.feed_forward_norm, stream, residual + dense(layer.narrow, stream, active)))
        rows = after
    return rows[-1]


def dense(layer, stream: int, x: Tensor) -> Tensor:
    return x @ layer.weight[stream] + layer.bias[stream, 0]


def normalised(layer, stream: int, x: Tensor) -> Tensor:
    centred = x - x.mean()
    scaled = centred / torch.sqrt(centred.square().mean() + layer.epsilon)
    return scaled * layer.weight[stream, 0, 0] + layer.bias[stream, 0, 0]


def next_item(scores: list[Tensor], target: list[int]) -> Tensor:
    """Mean cross-entropy over all items."""
    each = [row.exp().sum().log() - row[goal] for row, goal in zip(scores, target, strict=True)]
    return sum(each) / len(each)


def contrast(anchors: list[Tensor], keys: list[Tensor], target: list[int], temperature: float) -> Tensor:
    """InfoNCE by cosine; rows with the same target are no negatives."""
    each = []
    for own, anchor in enumerate(anchors):
        close = [math.e ** (torch.cosine_similarity(anchor, key, dim=0) / temperature) for key in keys]
        others = [close[row] for row in range(len(keys)) if row != own and target[row] != target[own]]
        each.append(-torch.log(close[own] / (close[own] + sum(others))))
    return sum(each) / len(each)


def attribute(head, rows: list[Tensor], batch: Batch, attributes: Tensor) -> Tensor:
    """Mean binary cross-entropy over valid positions and categories."""
    each = []
    for items, _ in histories(batch):
        for item in items:
            chance = torch.sigmoid(head.weight @ torch.cat([row[item] for row in rows]) + head.bias)
            wanted = attributes[item]
            each.append(-(wanted * chance.log() + (1 - wanted) * (1 - chance).log()).mean())
    return sum(each) / len(each)


def wider(batch: Batch, extra: int, filler: int = 0) -> Batch:
    """The same histories in a longer array, with `filler` as the time of padded positions."""
    timestamp = pad(batch.timestamp, (0, extra))
    item_sequence = pad(batch.item_sequence, (0, extra))
    return dataclasses.replace(
        batch, item_sequence=item_sequence, timestamp=torch.where(item_sequence > 0, timestamp, filler)
    )


def placeholders_of(batch: Batch) -> Tensor:
    mask = placeholder_mask(batch.length, 0.3, torch.Generator().manual_seed(1))
    return pad(mask, (0, batch.item_sequence.shape[1] - mask.shape[1]))


def step_of(batch: Batch, negatives=None) -> Step:
    return Step.of_batches([batch], [placeholders_of(batch)], negatives)
