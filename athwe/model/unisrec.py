"""UniSRec (KDD 2022), trained on the data set at hand, without its multi-domain pre-training (`BASELINES.md`)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from athwe.config import ModelConfig
from athwe.data import Batch, Catalogue
from athwe.model import losses
from athwe.model.cross_entropy import linear_cross_entropy
from athwe.model.dropout import Dropout
from athwe.model.embeddings import InputStreams
from athwe.model.encoder import SequenceEncoders
from athwe.model.packed import Packed
from athwe.model.sequential import SequentialModel
from athwe.model.shape import ModelShape
from athwe.model.step import Step

NOISE_FLOOR = 0.01
"""Least deviation of the noise on the gates in training."""


class TextAdaptor(nn.Module):
    """Mixture of parametric whitenings: `Σ_g softmax(x W_gate + noise)_g W_g (dropout(x) − b_g)`."""

    def __init__(self, config: ModelConfig, features: int):
        super().__init__()
        experts, hidden = config.n_exps, config.hidden_size
        self.dropout = Dropout(config.adaptor_dropout_prob)
        self.weight = nn.Parameter(torch.randn(experts, features, hidden) * config.initializer_range)
        self.shift = nn.Parameter(torch.zeros(experts, features))
        self.gate = nn.Parameter(torch.zeros(features, experts))
        self.noise = nn.Parameter(torch.zeros(features, experts))

    def forward(self, x: Float[Tensor, "items features"]) -> Float[Tensor, "items hidden"]:
        """Text features in the model's width."""
        experts, _, hidden = self.weight.shape
        # W (x − b) = W x − W b: one product for all experts.
        projected = (self.dropout(x) @ self.weight.transpose(0, 1).flatten(1)).unflatten(1, (experts, hidden))
        whitened = projected - torch.bmm(self.shift[:, None], self.weight)[:, 0].to(projected.dtype)
        return (self.gates(x).to(whitened.dtype)[..., None] * whitened).sum(dim=1)

    def gates(self, x: Float[Tensor, "items features"]) -> Float[Tensor, "items experts"]:
        """How much an item takes of each expert; noisy in training, so that none is passed over for good."""
        logits = (x @ self.gate).float()
        if self.training:
            logits = logits + torch.randn_like(logits) * (F.softplus((x @ self.noise).float()) + NOISE_FLOOR)
        return logits.softmax(dim=-1)


class UniSRecTables(nn.Module):
    """T: adapted text, and with `transductive` an embedding of the item's own."""

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__()
        self.adaptor = TextAdaptor(config, shape.feature_widths["txt"])
        self.item = nn.Embedding(shape.n_items, config.hidden_size) if config.train_type == "transductive" else None

    def forward(
        self, catalogue: Catalogue, items: Int[Tensor, " items"] | None = None
    ) -> Float[Tensor, "items 1 hidden"]:
        """Rows of all items, or of some."""
        features = catalogue.features["txt"]
        table = self.adaptor(features if items is None else F.embedding(items, features))
        if self.item is not None:
            own = self.item.weight if items is None else self.item(items)
            table = table + own.to(table.dtype)
        return table[:, None]


class UniSRec(SequentialModel):
    """One causal encoder over T; the score is the cosine of its output and T over `temperature`."""

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__(config, shape)
        self.streams = InputStreams(config, shape)
        self.encoders = SequenceEncoders(config, 1)
        self.item_tables = UniSRecTables(config, shape)
        self.apply(self.initialise)

    @property
    def loss_weights(self) -> dict[str, float]:
        """The next item alone."""
        return {"next_item": 1.0}

    def losses(self, step: Step, catalogue: Catalogue) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy over all items, or its estimate from sampled ones."""
        tables = self.item_tables(catalogue, None if step.negatives is None else step.items)
        rows = tables if step.negatives is not None else F.embedding(step.items, tables[:, 0])[:, None]
        user, table = self.scaled(self.encode(step.histories, rows)), F.normalize(tables[:, 0], dim=-1)
        if step.negatives is not None:
            return {"next_item": losses.sampled_next_item(user, table, step.target, step.negatives)}
        return {"next_item": linear_cross_entropy(user, table, step.items[step.target])}

    def encode(self, packed: Packed, tables: Float[Tensor, "items 1 hidden"]) -> Float[Tensor, "histories hidden"]:
        """The state at the last valid position."""
        return self.encoders(self.streams(packed, tables).transpose(0, 1), packed)[0]

    def scaled(self, user: Float[Tensor, "batch hidden"]) -> Float[Tensor, "batch hidden"]:
        """Of unit length, over the temperature: its product with unit vectors is the score."""
        return F.normalize(user, dim=-1) / self.config.temperature

    def forward(self, batch: Batch, tables: Float[Tensor, "items 1 hidden"]) -> Float[Tensor, "batch items"]:
        """Scores of all N items for every row."""
        return self.scaled(self.encode(Packed.of(batch), tables)) @ F.normalize(tables[:, 0], dim=-1).T
