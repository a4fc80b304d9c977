"""ATHWE's losses written as the equations stand, with a model's own weights: what the fast forms are measured against.

Everything is padded to the longest history, features are projected for every position and once more for all items,
the library transforms each stream, each gate, expert and score is a product of its own, losses are means of positions.
"""

from dataclasses import dataclass

import torch
from pytorch_wavelets import DWT1D, DWT1DInverse
from torch import Tensor
from torch.nn import functional as F

from athwe.data import Batch, Catalogue
from athwe.model.athwe import ATHWE
from athwe.model.encoder import EncoderLayer
from athwe.model.losses import contrast
from athwe.model.time_gaps import time_gaps
from athwe.model.wavelet import EXTENSION, WAVELET


@dataclass(frozen=True)
class PlainATHWE:
    """The same equations over the weights of `model`. Transforms are made once, as a constructor would."""

    model: ATHWE
    catalogue: Catalogue

    def losses(self, batch: Batch, placeholders: Tensor) -> dict[str, Tensor]:
        """Every loss part, as `ATHWE.losses`; the temporal contrast replaces the positions `placeholders` (B, L)."""
        model, names = self.model, self.model.shape.modalities
        mask = batch.item_sequence != 0
        embedded = {name: self._project(name, batch.item_sequence) for name in names}
        position = model.streams.position.weight[: mask.shape[1]]
        streams = {name: (embedded[name] + position) * mask[:, :, None] for name in names}
        aligned = self._align(streams, mask)
        z = torch.cat([aligned[name] for name in names], dim=-1)
        time_embedding = model.time_gap(time_gaps(batch.timestamp, mask))
        mixed = dict(zip(names, self._mix(z, time_embedding).chunk(len(names), dim=-1), strict=True))
        user = {name: self._encode(index, mixed[name], batch.length) for index, name in enumerate(names)}
        augmented = {
            name: self._encode(
                names.index(name), self._replaced(name, mixed, time_embedding, placeholders), batch.length
            )
            for name in model.features
        }
        target, config = batch.target, model.config
        item_key = model.item_tables.item(target)
        temporal = [contrast(user[name], augmented[name], target, config.phcl_temperature) for name in model.features]
        return {
            "next_item": F.cross_entropy(self._score(user), target),
            "item_contrast": contrast(user["item"], item_key, target, config.temperature),
            "temporal_contrast": torch.stack(temporal).mean(),
            "attribute": self._attribute(embedded, batch.item_sequence, mask),
            "cluster": self._cluster(embedded, batch.item_sequence, mask),
            "expert_diversity": self._diversity(z),
        }

    def _project(self, name: str, items: Tensor) -> Tensor:
        tables = self.model.item_tables
        if name == "item":
            return tables.item(items)
        return tables.get_submodule(name)(F.embedding(items, self.catalogue.features[name]))

    def _align(self, streams: dict[str, Tensor], mask: Tensor) -> dict[str, Tensor]:
        alignment = self.model.alignment
        assert alignment is not None
        analyse = DWT1D(wave=WAVELET, J=alignment.levels, mode=EXTENSION)
        synthesise = DWT1DInverse(wave=WAVELET, mode=EXTENSION)
        bands = []
        for stream in streams.values():
            low, high = analyse(stream.transpose(1, 2))
            bands.append([low, *high])
        aligned = {}
        for target, (name, stream) in enumerate(streams.items()):
            fused = []
            for level, gates in enumerate(alignment.gate):
                gated = []
                for source, coefficients in enumerate(band[level] for band in bands):
                    opened = torch.sigmoid(F.linear(coefficients.transpose(1, 2), gates[target, source]))
                    gated.append(opened.transpose(1, 2) * coefficients)
                fused.append(torch.stack(gated).sum(dim=0))
            y = synthesise((fused[0], fused[1:]))[:, :, : stream.shape[1]].transpose(1, 2)
            aligned[name] = (stream + alignment.weight[target] * (y - stream)) * mask[:, :, None]
        return aligned

    def _mix(self, z: Tensor, time_embedding: Tensor) -> Tensor:
        experts, config = self.model.experts, self.model.config
        assert experts is not None and experts.router is not None
        router = experts.router
        hidden = self._dropout(torch.relu(router.hidden(time_embedding)), config.hidden_dropout_prob)
        kept, index = router.gate(hidden).softmax(dim=-1).topk(config.moe_topk, dim=-1)
        kept = kept / kept.sum(dim=-1, keepdim=True)
        output = torch.stack([z * expert for expert in experts.shared]).sum(dim=0)
        for number, expert in enumerate(experts.routed):
            weight = (kept * (index == number)).sum(dim=-1, keepdim=True)
            output = output + weight * (z * expert)
        return output

    def _replaced(self, name: str, mixed: dict[str, Tensor], time_embedding: Tensor, placeholders: Tensor) -> Tensor:
        projected = self.model.placeholder[name](time_embedding)
        return torch.where(placeholders[:, :, None], projected, mixed[name])

    def _encode(self, stream: int, x: Tensor, length: Tensor) -> Tensor:
        encoders, config = self.model.encoders, self.model.config
        x = self._dropout(_norm(encoders.norm, stream, x), config.hidden_dropout_prob)
        for layer in encoders.layers:
            assert isinstance(layer, EncoderLayer)
            attended = self._dropout(self._attend(layer, stream, x), config.hidden_dropout_prob)
            x = _norm(layer.attention_norm, stream, x + attended)
            fed = _linear(layer.narrow, stream, layer.activation(_linear(layer.widen, stream, x)))
            x = _norm(layer.feed_forward_norm, stream, x + self._dropout(fed, config.hidden_dropout_prob))
        return x[torch.arange(len(x)), length - 1]

    def _attend(self, layer: EncoderLayer, stream: int, x: Tensor) -> Tensor:
        key, value = _linear(layer.key_value, stream, x).chunk(2, dim=-1)
        query, key, value = (
            part.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
            for part in (_linear(layer.query, stream, x), key, value)
        )
        causal = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        scores = (query @ key.transpose(-2, -1) / key.shape[-1] ** 0.5).masked_fill(~causal, -torch.inf)
        weights = self._dropout(scores.softmax(dim=-1), self.model.config.attn_dropout_prob)
        return _linear(layer.output, stream, (weights @ value).transpose(1, 2).flatten(2))

    def _score(self, user: dict[str, Tensor]) -> Tensor:
        share = self.model.fusion.softmax(dim=0)
        everything = torch.arange(self.catalogue.n_items)
        scores = [
            weight * (user[name] @ self._project(name, everything).T) for name, weight in zip(user, share, strict=True)
        ]
        return torch.stack(scores).sum(dim=0)

    def _attribute(self, embedded: dict[str, Tensor], items: Tensor, mask: Tensor) -> Tensor:
        head, attributes = self.model.attribute_head, self.catalogue.attributes
        assert head is not None and attributes is not None
        logits = head(torch.cat(list(embedded.values()), dim=-1))
        return F.binary_cross_entropy_with_logits(logits[mask], attributes[items][mask])

    def _cluster(self, embedded: dict[str, Tensor], items: Tensor, mask: Tensor) -> Tensor:
        each = [
            F.cross_entropy(head(embedded[name])[mask], self.catalogue.clusters[name][items][mask], ignore_index=-1)
            for name, head in self.model.cluster_head.items()
        ]
        return torch.stack(each).mean()

    def _diversity(self, z: Tensor) -> Tensor:
        assert self.model.experts is not None
        outputs = torch.stack([(z * expert).flatten() for expert in self.model.experts.routed])
        cosine = F.normalize(outputs, dim=-1) @ F.normalize(outputs, dim=-1).T
        return cosine[~torch.eye(len(cosine), dtype=torch.bool)].mean()

    def _dropout(self, x: Tensor, probability: float) -> Tensor:
        return F.dropout(x, probability, self.model.training)


def _linear(layer, stream: int, x: Tensor) -> Tensor:
    return F.linear(x, layer.weight[stream].T, layer.bias[stream, 0])


def _norm(layer, stream: int, x: Tensor) -> Tensor:
    weight, bias = (values[stream, 0, 0] for values in (layer.weight, layer.bias))
    return F.layer_norm(x, weight.shape, weight, bias, layer.epsilon)
