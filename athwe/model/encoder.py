"""Causal transformers, one a stream, of which only the last valid position leaves (`MODEL.md`, forward step 6)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from athwe.config import ModelConfig
from athwe.model.dropout import Dropout
from athwe.model.stacked import StackedLayerNorm, StackedLinear


class EncoderLayer(nn.Module):
    """Post-norm: attention → dropout → add → LayerNorm; Linear–activation–Linear → dropout → add → LayerNorm."""

    def __init__(self, config: ModelConfig, count: int):
        super().__init__()
        hidden, inner, deviation = config.hidden_size, config.inner_size, config.initializer_range
        self.heads = config.n_heads
        self.attention_dropout = Dropout(config.attn_dropout_prob)
        self.query = StackedLinear(count, hidden, hidden, deviation)
        self.key_value = StackedLinear(count, hidden, 2 * hidden, deviation)
        self.output = StackedLinear(count, hidden, hidden, deviation)
        self.attention_norm = StackedLayerNorm(count, hidden, config.layer_norm_eps)
        self.widen = StackedLinear(count, hidden, inner, deviation)
        self.activation = nn.GELU() if config.hidden_act == "gelu" else nn.ReLU()
        self.narrow = StackedLinear(count, inner, hidden, deviation)
        self.feed_forward_norm = StackedLayerNorm(count, hidden, config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        x: Float[Tensor, "streams batch length hidden"],
        last: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "streams batch queries hidden"]:
        """All positions, or with `last` (the index of the last valid one) that one query alone.

        Padding is on the right, so the causal mask hides it from every valid position.
        """
        position = torch.arange(x.shape[2], device=x.device)
        if last is None:
            queries, visible = x, position <= position[:, None]
        else:
            queries = x[:, torch.arange(x.shape[1], device=x.device), last][:, :, None]
            visible = (position <= last[:, None])[:, None, None]
        attended = self.output(self._attend(queries, x, visible))
        residual = self.attention_norm(queries + self.dropout(attended))
        fed = self.narrow(self.activation(self.widen(residual)))
        return self.feed_forward_norm(residual + self.dropout(fed))

    def _attend(self, queries: Tensor, x: Tensor, visible: Tensor) -> Tensor:
        # Spelled out, since histories are short and the library's fused form draws its dropout serially on a CPU.
        key, value = (self._split_heads(part) for part in self.key_value(x).chunk(2, dim=-1))
        query = self._split_heads(self.query(queries)) / key.shape[-1] ** 0.5
        weights = (query @ key.transpose(-2, -1)).masked_fill(~visible, -torch.inf).softmax(dim=-1)
        attended = self.attention_dropout(weights).to(value.dtype) @ value
        return attended.transpose(2, 3).flatten(3)  # (S, B, heads, Q, H/heads) → (S, B, Q, H)

    def _split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(2, 3)  # (S, B, L, H) → (S, B, heads, L, H/heads)


class SequenceEncoders(nn.Module):
    """LayerNorm, dropout, then `n_layers` causal layers; the last layer computes one query per user."""

    def __init__(self, config: ModelConfig, count: int):
        super().__init__()
        self.norm = StackedLayerNorm(count, config.hidden_size, config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.layers = nn.ModuleList(EncoderLayer(config, count) for _ in range(config.n_layers))

    def forward(
        self,
        x: Float[Tensor, "streams batch length hidden"],
        length: Int[Tensor, " batch"],
    ) -> Float[Tensor, "streams batch hidden"]:
        """h: the output at the last valid position of each row."""
        x = self.dropout(self.norm(x))
        for layer in self.layers[:-1]:
            x = layer(x)
        return self.layers[-1](x, last=length - 1)[:, :, 0]
