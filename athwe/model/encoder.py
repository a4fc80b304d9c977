"""Causal transformer over one stream, of which only the last valid position leaves (`MODEL.md`, forward step 6)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from athwe.config import ModelConfig
from athwe.model.dropout import Dropout


class EncoderLayer(nn.Module):
    """Post-norm: attention → dropout → add → LayerNorm; Linear–activation–Linear → dropout → add → LayerNorm."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        hidden = config.hidden_size
        self.heads = config.n_heads
        self.attention_dropout = Dropout(config.attn_dropout_prob)
        self.query = nn.Linear(hidden, hidden)
        self.key_value = nn.Linear(hidden, 2 * hidden)
        self.output = nn.Linear(hidden, hidden)
        self.attention_norm = nn.LayerNorm(hidden, eps=config.layer_norm_eps)
        self.feed_forward = nn.Sequential(
            nn.Linear(hidden, config.inner_size),
            nn.GELU() if config.hidden_act == "gelu" else nn.ReLU(),
            nn.Linear(config.inner_size, hidden),
        )
        self.feed_forward_norm = nn.LayerNorm(hidden, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self, x: Float[Tensor, "batch length hidden"], last: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch queries hidden"]:
        """All positions, or with `last` (the index of the last valid one) that one query alone.

        Padding is on the right, so the causal mask hides it from every valid position.
        """
        if last is None:
            queries = x
            visible = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
        else:
            queries = x[torch.arange(len(x), device=x.device), last][:, None]
            visible = (torch.arange(x.shape[1], device=x.device) <= last[:, None])[:, None, None]
        attended = self._attend(queries, x, visible)
        residual = self.attention_norm(queries + self.dropout(self.output(attended)))
        return self.feed_forward_norm(residual + self.dropout(self.feed_forward(residual)))

    def _attend(self, queries: Tensor, x: Tensor, visible: Tensor) -> Tensor:
        # Spelled out, since histories are short and the library's fused form draws its dropout serially on a CPU.
        key, value = (self._split_heads(part) for part in self.key_value(x).chunk(2, dim=-1))
        query = self._split_heads(self.query(queries)) / key.shape[-1] ** 0.5
        weights = (query @ key.transpose(-2, -1)).masked_fill(~visible, -torch.inf).softmax(dim=-1)
        attended = self.attention_dropout(weights) @ value
        return attended.transpose(1, 2).flatten(2)  # (B, heads, Q, H/heads) → (B, Q, H)

    def _split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, L, H) → (B, heads, L, H/heads)


class SequenceEncoder(nn.Module):
    """LayerNorm, dropout, then `n_layers` causal layers; the last layer computes one query per user."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.n_layers))

    def forward(
        self, x: Float[Tensor, "batch length hidden"], length: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch hidden"]:
        """h: the output at the last valid position of each row."""
        x = self.dropout(self.norm(x))
        for layer in self.layers[:-1]:
            x = layer(x)
        return self.layers[-1](x, last=length - 1)[:, 0]
