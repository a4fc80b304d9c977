"""Causal transformers, one a stream, of which only the last valid position leaves (`MODEL.md`, forward step 6)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from athwe.config import ModelConfig
from athwe.model.dropout import Dropout
from athwe.model.packed import Packed, cut
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
        self, x: Float[Tensor, "streams tokens hidden"], packed: Packed, last_only: bool = False
    ) -> Float[Tensor, "streams queries hidden"]:
        """The output at every token, or with `last_only` at the last valid one of each history."""
        queries = x.index_select(1, packed.last) if last_only else x
        attended = self.output(self._attend(queries, x, packed, last_only))
        residual = self.attention_norm(queries + self.dropout(attended))
        fed = self.narrow(self.activation(self.widen(residual)))
        return self.feed_forward_norm(residual + self.dropout(fed))

    def _attend(self, queries: Tensor, x: Tensor, packed: Packed, last_only: bool) -> Tensor:
        """Every query looks at its own history, block by block."""
        blocks = zip(
            cut(self.query(queries), [(1, count) for _, count in packed.shapes] if last_only else packed.shapes, dim=1),
            cut(self.key_value(x), packed.shapes, dim=1),
            packed.blocks(packed.valid.log()),
            strict=True,
        )
        return torch.cat([self._attend_block(*block, last_only) for block in blocks], dim=1)

    def _attend_block(
        self,
        query: Float[Tensor, "streams queries batch hidden"],
        key_value: Float[Tensor, "streams length batch two_hidden"],
        log_valid: Float[Tensor, "length batch"],
        last_only: bool,
    ) -> Float[Tensor, "streams queries_batch hidden"]:
        # Spelled out, since histories are short and the library's fused form draws its dropout serially on a CPU.
        length, count = log_valid.shape
        by_history = (len(query), count, self.heads)
        if last_only:  # sees what is valid, the others what is before them: padding, on the right, never is
            visible = log_valid.T[:, None, None].expand(*by_history, 1, length).flatten(0, 2)
        else:
            visible = torch.ones(length, length, device=query.device).tril().log()
        query, key, value = (self._split_heads(part) for part in (query, *key_value.chunk(2, dim=-1)))
        weights = torch.baddbmm(visible, query, key.transpose(1, 2), alpha=query.shape[-1] ** -0.5).softmax(dim=-1)
        attended = torch.bmm(self.attention_dropout(weights), value)
        return attended.unflatten(0, by_history).permute(0, 3, 1, 2, 4).flatten(3).flatten(1, 2)

    def _split_heads(self, x: Tensor) -> Tensor:
        """(S, L, B, H) → (S · B · heads, L, H / heads)."""
        return x.unflatten(-1, (self.heads, -1)).permute(0, 2, 3, 1, 4).flatten(0, 2)


class SequenceEncoders(nn.Module):
    """LayerNorm, dropout, then `n_layers` causal layers; the last layer computes one query per history."""

    def __init__(self, config: ModelConfig, count: int):
        super().__init__()
        self.norm = StackedLayerNorm(count, config.hidden_size, config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.layers = nn.ModuleList(EncoderLayer(config, count) for _ in range(config.n_layers))

    def forward(
        self, x: Float[Tensor, "streams tokens hidden"], packed: Packed
    ) -> Float[Tensor, "streams histories hidden"]:
        """h: the output at the last valid position of each history."""
        x = self.dropout(self.norm(x))
        for layer in self.layers[:-1]:
            x = layer(x, packed)
        return self.layers[-1](x, packed, last_only=True)
