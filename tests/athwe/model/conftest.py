import pytest
import torch
from plain_reference import FIRST_TIMESTAMP, LONGEST_GAP_SECONDS, MODALITIES_OF

from athwe.config import ModelConfig
from athwe.data import Batch, Catalogue
from athwe.model.registry import build_model
from athwe.model.sequential import SequentialModel
from athwe.model.shape import ModelShape

N_ITEMS = 25
LENGTH = 11  # odd on purpose


@pytest.fixture
def config() -> ModelConfig:
    return ModelConfig(
        hidden_size=8,
        inner_size=16,
        wavelet_J=2,
        moe_topk=2,
        routed_expert_nums=4,
        shared_expert_nums=1,
        time_span=30,
        time_scale=50_000,
        initializer_range=0.2,  # large enough for every part to matter
    )


@pytest.fixture
def catalogue() -> Catalogue:
    generator = torch.Generator().manual_seed(5)
    features = {
        "txt": torch.randn(N_ITEMS, 6, generator=generator),
        "img": torch.randn(N_ITEMS, 5, generator=generator),
    }
    attributes = (torch.rand(N_ITEMS, 3, generator=generator) > 0.5).float()
    clusters = {name: torch.randint(0, 4, (N_ITEMS,), generator=generator) for name in features}
    for name in features:
        features[name][0] = 0
        clusters[name][0] = -1
        clusters[name][7] = -1
    attributes[0] = 0
    return Catalogue(n_items=N_ITEMS, features=features, attributes=attributes, clusters=clusters)


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(6)
    length = torch.tensor([1, 2, 5, 11, 7, 3])
    valid = torch.arange(LENGTH) < length[:, None]
    item_sequence = torch.randint(1, N_ITEMS, (6, LENGTH), generator=generator) * valid
    gaps = torch.randint(1, 200_000, (6, LENGTH), generator=generator)
    timestamp = (1_400_000_000 + gaps.cumsum(1)) * valid
    return Batch(item_sequence, timestamp, length, torch.tensor([3, 9, 3, 4, 1, 24]))


@pytest.fixture
def build(config, catalogue):
    """Make a model in evaluation mode; keyword arguments change the configuration."""

    def build_one(modalities=("item", "txt", "img"), catalogue=catalogue, **changes) -> SequentialModel:
        torch.manual_seed(11)
        shape = ModelShape(
            modalities=tuple(modalities),
            n_items=N_ITEMS,
            max_length=LENGTH + 6,
            feature_widths={name: catalogue.features[name].shape[1] for name in modalities if name != "item"},
            n_attributes=0 if catalogue.attributes is None else catalogue.attributes.shape[1],
            n_clusters={name: 4 for name in modalities if name != "item"},
            first_timestamp=FIRST_TIMESTAMP,
            longest_gap_seconds=LONGEST_GAP_SECONDS,
        )
        return build_model(config.model_copy(update=changes), shape).eval()

    return build_one


@pytest.fixture
def build_random(build):
    """Make a trained model by name in evaluation mode, every parameter drawn at random so that each matters."""

    def build_one(model: str, **changes) -> SequentialModel:
        made = build(changes.pop("modalities", MODALITIES_OF[model]), model=model, **changes)
        generator = torch.Generator().manual_seed(12)
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
        return made

    return build_one
