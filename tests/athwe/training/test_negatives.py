import dataclasses

import numpy as np
import pytest
import torch

from athwe.config_files import override_config
from athwe.model import losses
from athwe.model.step import Negatives
from athwe.training.negatives import NegativeSampler
from athwe.training.trainer import Trainer


def test_items_are_drawn_in_proportion_to_their_smoothed_frequency_and_padding_never(tiny_dataset):
    drawn = NegativeSampler(tiny_dataset, 200_000, torch.Generator().manual_seed(1)).draw()
    count = np.bincount(tiny_dataset.item[tiny_dataset.positions("train")], minlength=tiny_dataset.n_items)
    weight = (count + 1.0) ** 0.75
    weight[0] = 0
    share = drawn.item.bincount(minlength=tiny_dataset.n_items) / 200_000
    np.testing.assert_allclose(share, weight / weight.sum(), atol=0.003)
    expected = np.log(200_000 * weight[drawn.item] / weight.sum())
    np.testing.assert_allclose(drawn.log_expected, expected, rtol=1e-5)


def test_the_estimated_denominator_is_the_full_one_on_average():
    generator = torch.Generator().manual_seed(3)
    user, table = torch.randn(2, 4, generator=generator), torch.randn(12, 4, generator=generator)
    target = torch.tensor([5, 1])
    q = torch.rand(12, generator=generator) + 0.1
    q /= q.sum()
    own = (user * table[target]).sum(dim=1)
    total = 0.0
    for _ in range(4000):
        item = q.multinomial(8, replacement=True, generator=generator)
        for row in range(2):  # a row at a time: the loss is −own + log(denominator)
            negatives = Negatives(item, (8 * q[item]).log())
            loss = losses.sampled_next_item(user[row : row + 1], table, target[row : row + 1], negatives)
            total += (loss + own[row]).exp() / 4000 / (user[row] @ table.T).exp().sum()
    assert float(total) / 2 == pytest.approx(1, abs=0.02)


def test_drawing_every_item_once_is_the_full_softmax():
    user, table, target = torch.randn(3, 4), torch.randn(9, 4), torch.tensor([2, 0, 8])
    every = Negatives(torch.arange(9), torch.zeros(9))  # S · q = 1
    expected = torch.nn.functional.cross_entropy(user @ table.T, target)
    torch.testing.assert_close(losses.sampled_next_item(user, table, target, every), expected)


def test_training_by_the_sampled_softmax_learns_and_repeats_bit_for_bit(tiny_dataset, tiny_config):
    config = override_config(tiny_config, {"loss": "sampled", "sampled_items": 20, "epochs": 5, "learning_rate": 0.02})
    runs = [list(Trainer(config, tiny_dataset).epochs()) for _ in range(2)]
    first, second = ([{k: v for k, v in r.metrics.items() if "seconds" not in k} for r in run] for run in runs)
    assert first == second
    assert first[-1]["train/loss_next_item"] < first[0]["train/loss_next_item"]


def test_a_sampled_step_embeds_only_the_items_it_touches(tiny_dataset, tiny_config, monkeypatch):
    config = override_config(tiny_config, {"loss": "sampled", "sampled_items": 2, "train_batch_size": 2})
    trainer = Trainer(config, tiny_dataset)
    step = trainer.make_step(trainer.dataset.positions("train")[:2])
    assert len(step.items) < tiny_dataset.n_items
    untouched = dataclasses.replace(
        trainer.catalogue, features={name: t.clone() for name, t in trainer.catalogue.features.items()}
    )
    rest = torch.ones(tiny_dataset.n_items, dtype=torch.bool).index_fill(0, step.items, False)
    for features in untouched.features.values():
        features[rest] = torch.nan
    trainer.model.eval()
    for value in trainer.model.losses(step, untouched).values():
        assert value.isfinite()
