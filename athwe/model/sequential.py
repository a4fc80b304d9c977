"""What trainer, recommender and dashboard ask of a model, whichever it is."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from athwe.config import ModelConfig
from athwe.data import Batch, Catalogue, Dataset
from athwe.model.shape import ModelShape
from athwe.model.step import Step


class SequentialModel(nn.Module, ABC):
    """Scores all items for a history. As it is here, nothing of it is trained.

    Items enter as a `Catalogue`, or as `tables` that were made from it once (`item_tables`), so a checkpoint holds what
    was learned and nothing else.
    """

    item_tables: Callable[..., Float[Tensor, "items ..."]]
    """From a `Catalogue` what scoring needs to know of every item, by the weights of now."""

    def __init__(self, config: ModelConfig, shape: ModelShape):
        super().__init__()
        self.config = config
        self.shape = shape

    @property
    def loss_weights(self) -> dict[str, float]:
        """Weight of every loss part that acts, above 0; none where nothing is trained."""
        return {}

    @property
    def parameter_count(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)

    def losses(self, step: Step, catalogue: Catalogue) -> dict[str, Float[Tensor, ""]]:
        """Every loss part, unweighted; their sum with `loss_weights` is what is minimised."""
        return {}

    @abstractmethod
    def forward(self, batch: Batch, tables: Float[Tensor, "items ..."]) -> Float[Tensor, "batch items"]:
        """Scores of all N items for every row."""

    def predict(self, batch: Batch, tables: Float[Tensor, "items ..."]) -> Float[Tensor, " batch"]:
        """Score of each row's own target."""
        return self(batch, tables).gather(1, batch.target[:, None])[:, 0]

    def count(self, dataset: Dataset) -> None:
        """Learn what is counted from the training interactions; nothing in a model that is trained."""

    def modality_weights(self) -> dict[str, float]:
        """Share of each modality in the score; empty where the model does not tell modalities apart."""
        return {}

    def initialise(self, module: nn.Module) -> None:
        """Linear and Embedding weights N(0, `initializer_range`), biases 0 (`MODEL.md`, initial values)."""
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
