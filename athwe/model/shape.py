"""The sizes of a model that come from its data."""

from dataclasses import asdict, dataclass
from typing import Any

from athwe.data import Catalogue, Dataset
from athwe.errors import ConfigError


@dataclass(frozen=True)
class ModelShape:
    """What must be known of a data set to build a model for it; stored in every checkpoint."""

    modalities: tuple[str, ...]
    """Streams, in the order item, txt, img."""
    n_items: int
    """N, including the padding item 0."""
    max_length: int
    """L, the longest history."""
    feature_widths: dict[str, int]
    """Width of the frozen features of txt and img, where they are used."""
    n_attributes: int
    """A, the number of categories; 0 where there are none."""
    n_clusters: dict[str, int]
    """Number of cluster labels of txt and img, where they are used."""
    first_timestamp: int = 0
    """Unix seconds of the first training interaction."""
    longest_gap_seconds: int = 0
    """The longest time between two interactions of a user that training holds."""

    @classmethod
    def of(cls, dataset: Dataset, catalogue: Catalogue, modalities: tuple[str, ...]) -> "ModelShape":
        """The shape that fits a data set, with some of its modalities.

        Raises:
            ConfigError: a modality that the data set was not loaded with.
        """
        missing = [name for name in modalities if name not in dataset.modalities]
        if missing:
            raise ConfigError(f"modalities {missing} were asked for, but {dataset.name} has {list(dataset.modalities)}")
        target = dataset.positions("train")
        return cls(
            modalities=modalities,
            n_items=catalogue.n_items,
            max_length=dataset.max_length,
            feature_widths={
                name: features.shape[1] for name, features in catalogue.features.items() if name in modalities
            },
            n_attributes=0 if catalogue.attributes is None else catalogue.attributes.shape[1],
            n_clusters={
                name: int(labels.max()) + 1 for name, labels in catalogue.clusters.items() if name in modalities
            },
            first_timestamp=int(dataset.timestamp[dataset.training_positions()].min()),
            longest_gap_seconds=int((dataset.timestamp[target] - dataset.timestamp[target - 1]).max()),
        )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ModelShape":
        """Read what `to_json` wrote."""
        return cls(**{**values, "modalities": tuple(values["modalities"])})

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)
