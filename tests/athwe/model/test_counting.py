"""Popularity and co-occurrence on counts made by hand, and on data with and without its test split."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import athwe
from athwe.config import Config
from athwe.config_files import override_config
from athwe.data import Batch, Catalogue, Dataset, load_dataset
from athwe.model.counting import CoOccurrence, Popularity
from athwe.model.sequential import SequentialModel
from athwe.training.trainer import Trainer

HISTORIES = ("abcb", "abd", "ac", "eac", "dededa")
"""Training interactions; x and y are held out of each, so nothing of them is counted."""

NOTHING = Catalogue(n_items=0, features={}, attributes=None, clusters={})
"""What counting knows of the items beside their numbers."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    folder = tmp_path_factory.mktemp("data") / "hand"
    folder.mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user, history in enumerate(HISTORIES):
        held_out = "xy" if user % 2 else "yx"
        lines += [f"u{user}\t{item}\t{1000 + place}" for place, item in enumerate(history + held_out)]
    (folder / "hand.inter").write_text("\n".join(lines) + "\n")
    config = Config(user_inter_num_interval="[1,inf)", item_inter_num_interval="[1,inf)", modalities=("item",))
    return load_dataset("hand", folder.parent, config)


def trained(model: str, dataset: Dataset) -> SequentialModel:
    trainer = Trainer(Config(model=model, device="cpu"), dataset)
    list(trainer.epochs())
    return trainer.model


def scores(model: SequentialModel, dataset: Dataset, history: str) -> dict[str, float]:
    tokens = np.asarray(dataset.item_tokens).tolist()
    items = torch.tensor([[tokens.index(item) for item in history] + [0, 0]])
    batch = Batch(items, torch.zeros_like(items), torch.tensor([len(history)]), torch.tensor([1]))
    return dict(zip(tokens, model(batch, model.item_tables(NOTHING))[0].tolist(), strict=True))


def test_popularity_counts_training_interactions(dataset):
    assert scores(trained("Popularity", dataset), dataset, "b") == {
        "[PAD]": 0, "a": 5, "b": 3, "c": 3, "d": 4, "e": 3, "x": 0, "y": 0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("history", "order"),
    [
        ("b", ["d", "c", "a", "be", "xy"]),  # c and d followed once each, d is the more popular
        ("xa", ["bc", "a", "d", "e", "xy"]),  # b and c followed twice each and are equally popular
        ("ad", ["e", "a", "d", "bc", "xy"]),  # e followed twice, a, the most popular of all, once
        ("e", ["d", "a", "bce", "xy"]),
        ("ax", ["a", "d", "bce", "xy"]),  # x was never seen in training
    ],
)
def test_followers_of_the_last_item_come_first_then_the_popular(dataset, history, order):
    found = scores(trained("CoOccurrence", dataset), dataset, history)
    levels = sorted({value for name, value in found.items() if name != "[PAD]"}, reverse=True)
    assert [
        "".join(sorted(name for name in found.keys() - {"[PAD]"} if found[name] == level)) for level in levels
    ] == order


@pytest.mark.parametrize("model", ["Popularity", "CoOccurrence"])
def test_every_row_has_its_own_history(tiny_dataset, tiny_config, model):
    made = Trainer(override_config(tiny_config, {"model": model}), tiny_dataset).model
    batch = tiny_dataset.batch(tiny_dataset.positions("valid"))
    together = made(batch, made.item_tables(NOTHING))
    for row, position in enumerate(tiny_dataset.positions("valid")[:8]):
        alone = tiny_dataset.batch(np.array([position]))
        assert torch.equal(made(alone, made.item_tables(NOTHING))[0], together[row])
    together[:] = -1  # a ranking writes into its scores
    assert (made(batch, made.item_tables(NOTHING)) >= 0).all()


def test_popularity_counts_training_interactions_only(tiny_dataset, tiny_config):
    count = Trainer(override_config(tiny_config, {"model": "Popularity"}), tiny_dataset).model.interactions
    assert count.sum() == len(tiny_dataset.item) - 2 * (tiny_dataset.n_users - 1)
    held_out = np.concatenate([tiny_dataset.item[tiny_dataset.positions(split)] for split in ("valid", "test")])
    expected = np.bincount(tiny_dataset.item, minlength=tiny_dataset.n_items)
    expected -= np.bincount(held_out, minlength=tiny_dataset.n_items)
    assert count.tolist() == expected.tolist()


def test_co_occurrence_equals_counting_pair_by_pair(tiny_dataset, tiny_config):
    model = Trainer(override_config(tiny_config, {"model": "CoOccurrence"}), tiny_dataset).model
    n = tiny_dataset.n_items
    popularity, pairs = np.zeros(n), np.zeros((n, n))
    for user in range(1, tiny_dataset.n_users):
        history = tiny_dataset.item[tiny_dataset.user_offset[user] : tiny_dataset.user_offset[user + 1] - 2]
        for place, item in enumerate(history):
            popularity[item] += 1
            if place:
                pairs[history[place - 1], item] += 1
    batch = tiny_dataset.batch(tiny_dataset.positions("valid"))
    found = model(batch, model.item_tables(NOTHING)).numpy()
    last = batch.item_sequence.gather(1, batch.length[:, None] - 1)[:, 0].numpy()
    wanted = pairs[last] * 1000 + popularity  # counts first, then popularity
    for mine, theirs in zip(found, wanted, strict=True):
        assert (np.sign(mine[:, None] - mine) == np.sign(theirs[:, None] - theirs)).all()


@pytest.mark.parametrize("model", ["Popularity", "CoOccurrence"])
def test_without_its_test_split_a_data_set_gives_the_same(tiny_dataset, tiny_config, model):
    config = override_config(tiny_config, {"model": model})
    one, other = (Trainer(config, each).model.state_dict() for each in (tiny_dataset, tiny_dataset.sealed()))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("model", ["Popularity", "CoOccurrence"])
def test_nothing_is_trained_and_one_epoch_is_the_last(tiny_dataset, tiny_config, model):
    trainer = Trainer(override_config(tiny_config, {"model": model, "epochs": 9}), tiny_dataset)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    results = list(trainer.epochs())
    assert [(result.epoch, result.improved) for result in results] == [(1, True)]
    assert not [key for key in results[0].metrics if "loss" in key]
    assert all(torch.equal(value, before[name]) for name, value in trainer.model.state_dict().items())
    assert trainer.diagnostics()["parameters"] == 0
    assert trainer.evaluate("test")["test/ndcg@10"] >= 0


@pytest.mark.parametrize("kind", [Popularity, CoOccurrence])
def test_a_fresh_process_gives_the_same_scores(tiny_dataset, tiny_config, tmp_path: Path, kind):
    trainer = Trainer(override_config(tiny_config, {"model": kind.__name__}), tiny_dataset)
    list(trainer.epochs())
    trainer.save_model(tmp_path / "model")
    trainer.save(tmp_path / "state")
    script = (
        "import json, sys, athwe; model = athwe.load(sys.argv[1])\n"
        "print(json.dumps([type(model.model).__name__, model.score(['i1', 'i8'], [5, 6]).tolist()[1:]]))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "model")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(athwe.__file__).parents[1])
    name, found = json.loads(done.stdout)
    items = [tiny_dataset.item_tokens.tolist().index(token) for token in ("i1", "i8")]
    batch = Batch(torch.tensor([items]), torch.tensor([[5, 6]]), torch.tensor([2]), torch.tensor([1]))
    expected = trainer.model(batch, trainer.model.item_tables(NOTHING))[0, 1:]
    assert (name, found) == (kind.__name__, expected.tolist())
    again = Trainer(trainer.config, tiny_dataset)
    again.restore(tmp_path / "state")
    assert again.is_finished and again.best_value == trainer.best_value
