"""A step never asks its device for a value, nor mixes in a tensor of the host: a GPU would wait, or the step fail.

The meta device stands in for a GPU: it has shapes and no values, so whatever needs a value raises.
"""

import pytest
import torch

from athwe.config_files import override_config
from athwe.model import losses
from athwe.training.trainer import Trainer

META = torch.device("meta")


def step_on_meta(dataset, config, **changes):
    trainer = Trainer(override_config(config, changes), dataset)
    trainer.device = META
    trainer.model.to(META).train()
    trainer.catalogue = trainer.catalogue.to(META)
    trainer.optimizer = torch.optim.Adam(trainer.model.parameters())
    return trainer.step(dataset.positions("train")[:32])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": "sampled", "sampled_items": 9},
        {"clip_grad_norm": 1.0},
        {"model": "SASRec"},
        {"model": "HM4SR"},
        {"model": "UniSRec"},
        {"wavelet_J": 0, "moe_topk": 1},
    ],
    ids=["published", "sampled softmax", "clipped", "SASRec", "HM4SR", "UniSRec", "no wavelet, top 1"],
)
def test_a_step_needs_no_value_from_its_device(tiny_dataset, tiny_config, changes):
    assert step_on_meta(tiny_dataset, tiny_config, **changes).device == META


@pytest.mark.parametrize(
    "stray",
    [
        lambda anchor: anchor * anchor.norm().item(),
        lambda anchor: anchor * float(anchor.detach().norm()),
        lambda anchor: anchor if anchor.isfinite().all() else anchor * 0,
        lambda anchor: anchor[anchor.sum(dim=1) > 0],
        lambda anchor: anchor + torch.ones(anchor.shape),
        lambda anchor: anchor + torch.ones(anchor.shape, device="cpu"),
    ],
    ids=["item", "float", "branch", "boolean index", "host tensor", "device string"],
)
def test_a_stray_wait_or_device_is_noticed(tiny_dataset, tiny_config, monkeypatch, stray):
    contrast = losses.contrast
    monkeypatch.setattr(losses, "contrast", lambda anchor, *rest: contrast(stray(anchor), *rest))
    with pytest.raises((RuntimeError, NotImplementedError)):
        step_on_meta(tiny_dataset, tiny_config)
