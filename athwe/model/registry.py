"""From a configuration to its model."""

from athwe.config import Config, ModelConfig
from athwe.data import Catalogue, Dataset
from athwe.errors import ConfigError
from athwe.model.athwe import ATHWE
from athwe.model.counting import CoOccurrence, Popularity
from athwe.model.hm4sr import HM4SR
from athwe.model.sequential import SequentialModel
from athwe.model.shape import ModelShape
from athwe.model.streams import SASRec
from athwe.model.unisrec import UniSRec
from athwe.model_keys import COUNTED, MODEL_STREAMS, ModelName

MODELS: dict[ModelName, type[SequentialModel]] = {
    "ATHWE": ATHWE,
    "HM4SR": HM4SR,
    "UniSRec": UniSRec,
    "SASRec": SASRec,
    "CoOccurrence": CoOccurrence,
    "Popularity": Popularity,
}


def build_model(config: ModelConfig, shape: ModelShape) -> SequentialModel:
    """The model that a configuration names, with new weights."""
    return MODELS[config.model](config, shape)


def shape_for(config: Config, dataset: Dataset, catalogue: Catalogue) -> ModelShape:
    """The sizes of a configuration's model on a data set.

    Raises:
        ConfigError: a modality that the data set was not loaded with, or as `modalities_for`.
    """
    return ModelShape.of(dataset, catalogue, modalities_for(config, dataset))


def modalities_for(config: Config, dataset: Dataset) -> tuple[str, ...]:
    """The modalities that are there and that a configuration's model uses.

    Raises:
        ConfigError: one is missing that the model cannot do without.
    """
    uses = MODEL_STREAMS[config.model]
    modalities = tuple(name for name in config.modalities or dataset.modalities if name in uses)
    if config.model == "UniSRec" and "txt" not in modalities:
        raise ConfigError(f"UniSRec needs text features: there is no txt_emb.pt in use in {dataset.name}")
    if config.model == "UniSRec":  # its one stream
        return ("txt",)
    if not modalities and config.model not in COUNTED:
        raise ConfigError(f"{config.model} needs one of the modalities {list(uses)}, got {list(dataset.modalities)}")
    return modalities
