"""What holds for every model that the registry knows."""

import re
from typing import Any

import pytest
import torch
from plain_reference import MODALITIES_OF, placeholders_of, step_of, wider
from torch.nn.functional import pad

from athwe.config import DataConfig, ModelConfig
from athwe.config_files import override_config
from athwe.data import Batch, load_dataset
from athwe.errors import ConfigError
from athwe.model.registry import MODELS, build_model, modalities_for
from athwe.model.step import Negatives, Step
from athwe.model_keys import COUNTED, MODEL_KEYS, MODEL_NAMES, MODEL_STREAMS
from athwe.training.trainer import Trainer

TRAINED = [name for name in MODEL_NAMES if name not in COUNTED]
READ_WITH_THE_DATA = {*DataConfig.model_fields}
READ_ELSEWHERE = {"loss_type", "beta"}
"""One has a single value, checked where the configuration is; the other is how many placeholders a step comes with."""


def test_every_name_has_its_model():
    assert tuple(MODELS) == MODEL_NAMES == tuple(MODEL_KEYS) == tuple(MODEL_STREAMS)
    assert [kind.__name__ for kind in MODELS.values()] == list(MODEL_NAMES)
    assert set(MODALITIES_OF) == set(TRAINED)


class Recording(ModelConfig):
    """A configuration that knows which of its keys were asked for."""

    def __getattribute__(self, name: str) -> Any:
        if name in ModelConfig.model_fields:
            asked_for.add(name)
        return super().__getattribute__(name)


asked_for: set[str] = set()


@pytest.mark.parametrize("model", MODEL_NAMES)
def test_the_keys_that_a_model_reads_are_those_listed(build, config, catalogue, batch, model):
    shape = build(MODALITIES_OF.get(model, ("item",))).shape
    recording = Recording(**config.model_dump() | {"model": model})
    asked_for.clear()
    made = build_model(recording, shape)
    for is_training in (True, False):
        made.train(is_training)
        assert made(batch, made.item_tables(catalogue)).shape == (6, 25)
        if made.loss_weights:
            made.losses(step_of(batch), catalogue)
    assert asked_for <= MODEL_KEYS[model]
    assert MODEL_KEYS[model] - asked_for <= READ_WITH_THE_DATA | READ_ELSEWHERE
    assert ("beta" in MODEL_KEYS[model]) == ("temporal_contrast" in made.loss_weights)
    assert MODEL_KEYS[model] & READ_WITH_THE_DATA <= {"n_clusters", "cluster_components", "cluster_method"}


def rows_of(batch: Batch, order: torch.Tensor) -> Batch:
    return Batch(*(field[order] for field in (batch.item_sequence, batch.timestamp, batch.length, batch.target)))


@pytest.mark.parametrize("model", TRAINED)
def test_scores_do_not_depend_on_padding_or_on_other_rows(build_random, catalogue, batch, model):
    made = build_random(model)
    tables = made.item_tables(catalogue)
    expected = made(batch, tables)
    for extra, filler in ((0, 123), (1, 0), (6, 1_500_000_000)):
        torch.testing.assert_close(made(wider(batch, extra, filler), tables), expected, atol=1e-5, rtol=1e-5)
    for row, length in enumerate(batch.length.tolist()):
        one = rows_of(batch, torch.tensor([row]))
        alone = Batch(one.item_sequence[:, :length], one.timestamp[:, :length], one.length, one.target)
        torch.testing.assert_close(made(alone, tables)[0], expected[row], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(made.predict(batch, tables), expected[torch.arange(6), batch.target])


@pytest.mark.parametrize("model", TRAINED)
def test_losses_do_not_depend_on_padding_order_or_parts(build_random, catalogue, batch, model):
    made = build_random(model)
    masks = placeholders_of(batch)
    expected = made.losses(Step.of_batches([batch], [masks]), catalogue)
    order = torch.tensor([4, 0, 5, 2, 1, 3])
    short, long = torch.tensor([0, 1, 5]), torch.tensor([2, 3, 4])
    cut = rows_of(batch, short)
    cut = Batch(cut.item_sequence[:, :3], cut.timestamp[:, :3], cut.length, cut.target)
    for batches, placeholders in (
        ([rows_of(batch, order)], [masks[order]]),
        ([wider(batch, 4, 77)], [pad(masks, (0, 4))]),
        ([cut, rows_of(batch, long)], [masks[short, :3], masks[long]]),
    ):
        parts = made.losses(Step.of_batches(batches, placeholders), catalogue)
        assert parts.keys() == expected.keys() == made.loss_weights.keys()
        for name in parts:
            torch.testing.assert_close(parts[name], expected[name], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("model", TRAINED)
def test_the_padding_item_is_zero_where_histories_are_padded(build_random, catalogue, batch, model):
    """Whatever its embedding: it is a row of the table like any other, and no position of a history."""
    made = build_random(model)
    tables = made.item_tables(catalogue)
    changed = tables.clone()
    changed[0] += 5
    torch.testing.assert_close(made(batch, changed)[:, 1:], made(batch, tables)[:, 1:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("model", TRAINED)
def test_every_parameter_gets_a_gradient_from_what_is_minimised(build_random, catalogue, batch, model):
    made = build_random(model, moe_topk=4).train()
    parts = made.losses(step_of(batch), catalogue)
    sum(weight * parts[name] for name, weight in made.loss_weights.items()).backward()
    silent = [name for name, value in made.named_parameters() if value.grad is None or not value.grad.any()]
    assert silent == []


@pytest.mark.parametrize("model", TRAINED)
def test_a_sampled_softmax_of_all_items_is_the_full_one(build_random, catalogue, batch, model):
    made = build_random(model)
    everything = Negatives(torch.arange(25), torch.zeros(25))  # as many draws as items: log(S · q) is 0
    full, sampled = (made.losses(step_of(batch, negatives), catalogue) for negatives in (None, everything))
    assert full.keys() == sampled.keys()
    for name in full:
        torch.testing.assert_close(sampled[name], full[name], atol=1e-5, rtol=1e-5)
    few = Negatives(torch.tensor([3, 8, 20]), torch.full((3,), -2.0))
    made.losses(step_of(batch, few), catalogue)["next_item"].backward()
    assert made.losses(step_of(batch, few), catalogue)["next_item"] != full["next_item"]


@pytest.mark.parametrize("model", TRAINED)
def test_bf16_is_close_to_fp32_and_trains(build, catalogue, batch, model):
    made = build(MODALITIES_OF[model], model=model)
    expected, whole = made.losses(step_of(batch), catalogue), made(batch, made.item_tables(catalogue))
    with torch.autocast("cpu", torch.bfloat16):
        parts = made.losses(step_of(batch), catalogue)
        scores = made(batch, made.item_tables(catalogue))
    sum(parts.values()).backward()
    assert all(value.grad is None or value.grad.isfinite().all() for value in made.parameters())
    for name in parts:
        torch.testing.assert_close(parts[name].float(), expected[name], atol=0.05, rtol=0.05)
    torch.testing.assert_close(scores.float(), whole, atol=0.3, rtol=0.1)


@pytest.mark.parametrize("model", TRAINED)
def test_it_learns_and_comes_back_from_its_training_state(tiny_dataset, tiny_config, tmp_path, model):
    config = override_config(
        tiny_config, {"model": model, "epochs": 6, "learning_rate": 0.02, "hidden_dropout_prob": 0.0}
    )
    trainer = Trainer(config, tiny_dataset)
    results = []
    for result in trainer.epochs():
        results.append(result.metrics)
        if result.epoch == 3:
            trainer.save(tmp_path / "state")
    assert results[-1]["train/loss_next_item"] < 0.9 * results[0]["train/loss_next_item"]
    again = Trainer(config, tiny_dataset)
    again.restore(tmp_path / "state")
    rest = [result.metrics for result in again.epochs()]
    assert [one["valid/ndcg@10"] for one in rest] == [one["valid/ndcg@10"] for one in results[3:]]
    facts = trainer.diagnostics()
    assert facts["parameters"] == sum(value.numel() for value in trainer.model.parameters())


def test_a_model_takes_the_modalities_that_it_uses(tiny_root, tiny_config):
    used = {}
    for model in MODEL_NAMES:
        dataset = load_dataset("tiny", tiny_root, tiny_config)
        used[model] = modalities_for(override_config(tiny_config, {"model": model}), dataset)
    every = ("item", "txt", "img")
    one = dict.fromkeys(("SASRec", "CoOccurrence", "Popularity"), ("item",))
    assert used == {"ATHWE": every, "HM4SR": every, "UniSRec": ("txt",)} | one


@pytest.mark.parametrize(
    ("model", "modalities", "message"),
    [
        ("UniSRec", ["item", "img"], "UniSRec needs text features: there is no txt_emb.pt in use in tiny"),
        ("SASRec", ["txt"], "SASRec needs one of the modalities ['item'], got ['txt']"),
    ],
)
def test_a_model_without_what_it_needs_is_refused(tiny_root, tiny_config, model, modalities, message):
    config = override_config(tiny_config, {"model": model, "modalities": modalities})
    with pytest.raises(ConfigError, match=re.escape(message)):
        modalities_for(config, load_dataset("tiny", tiny_root, config))
