"""Item tables and the input streams gathered from them (`MODEL.md`, forward step 1)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from athwe.config import ModelConfig
from athwe.data import Catalogue
from athwe.model.packed import Packed
from athwe.model.shape import ModelShape


class ItemTables(nn.Module):
    """One embedding per item and modality: learned for item, projected from frozen features for txt and img.

    The projections start with PyTorch's own values, as published.
    """

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__()
        self.modalities = shape.modalities
        if "item" in shape.modalities:
            self.item = nn.Embedding(shape.n_items, config.hidden_size)
            nn.init.normal_(self.item.weight, std=config.initializer_range)
        for name, width in shape.feature_widths.items():
            self.add_module(name, nn.Linear(width, config.hidden_size))

    def forward(
        self, catalogue: Catalogue, items: Int[Tensor, " items"] | None = None
    ) -> Float[Tensor, "items modalities hidden"]:
        """E: every item once, so that a step projects features once and gathers afterwards.

        Args:
            items: embed these alone.
        """
        tables = [self._table(name, catalogue, items) for name in self.modalities]
        return torch.stack([table.to(tables[-1].dtype) for table in tables], dim=1)

    def _table(self, name: str, catalogue: Catalogue, items: Tensor | None) -> Tensor:
        source = self.item.weight if name == "item" else catalogue.features[name]
        rows = source if items is None else nn.functional.embedding(items, source)
        return rows if name == "item" else self.get_submodule(name)(rows)


class InputStreams(nn.Module):
    """`x_m[t] = E_m[item t] + p[t]`, zero at padding, with one position table shared by the modalities."""

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__()
        self.position = nn.Embedding(shape.max_length, config.hidden_size)

    def forward(
        self, packed: Packed, tables: Float[Tensor, "items modalities hidden"]
    ) -> Float[Tensor, "tokens modalities hidden"]:
        rows = nn.functional.embedding(packed.item, tables.flatten(1)).unflatten(-1, tables.shape[1:])
        return (rows + self.position(packed.position)[:, None]) * packed.valid[:, None, None]
