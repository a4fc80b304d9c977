import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import athwe
from athwe.config_files import override_config
from athwe.data import load_dataset
from athwe.errors import CheckpointError, ConfigError, DataError, DivergedError, SealedError
from athwe.training.trainer import Trainer


def train(config, dataset, **changes):
    trainer = Trainer(override_config(config, changes), dataset)
    return trainer, list(trainer.epochs())


def without_seconds(results):
    return [{key: value for key, value in r.metrics.items() if not key.endswith("seconds")} for r in results]


@pytest.fixture(scope="module")
def trained(tiny_config, tiny_dataset):
    return train(tiny_config, tiny_dataset)


def test_one_result_an_epoch_with_every_loss_part_and_metric(trained, tiny_config):
    trainer, results = trained
    assert [result.epoch for result in results] == [1, 2]
    keys = results[0].metrics.keys()
    assert {f"train/loss_{name}" for name in (*trainer.model.loss_weights, "total")} <= keys
    assert {f"valid/{name}@{k}" for name in ("ndcg", "mrr") for k in tiny_config.topk} <= keys
    assert all("/" in key and np.isfinite(value) for result in results for key, value in result.metrics.items())


def test_the_total_is_the_weighted_sum_of_the_parts(trained):
    trainer, results = trained
    metrics = results[-1].metrics
    total = sum(weight * metrics[f"train/loss_{name}"] for name, weight in trainer.model.loss_weights.items())
    assert metrics["train/loss_total"] == pytest.approx(total, rel=1e-4)


def test_same_seed_same_result_to_the_bit(trained, tiny_config, tiny_dataset):
    trainer, results = train(tiny_config, tiny_dataset)
    assert without_seconds(results) == without_seconds(trained[1])
    for name, value in trained[0].model.state_dict().items():
        assert torch.equal(value, trainer.model.state_dict()[name]), name


@pytest.mark.parametrize("changes", [{}, {"loss": "sampled", "sampled_items": 20}])
def test_a_sealed_data_set_trains_and_validates_the_same_to_the_bit(tiny_config, tiny_dataset, tmp_path, changes):
    whole, expected = train(tiny_config, tiny_dataset, **changes)
    trainer, results = train(tiny_config, tiny_dataset.sealed(), **changes)
    assert without_seconds(results) == without_seconds(expected)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, trainer.model.state_dict()[name]), name
    last, whole_last = results[-1].ranking, expected[-1].ranking
    assert (last.target_rank == whole_last.target_rank).all() and (last.top_items == whole_last.top_items).all()
    learned, whole_learned = trainer.diagnostics(), whole.diagnostics()
    assert learned.pop("peak_memory_bytes") and whole_learned.pop("peak_memory_bytes")
    assert learned == whole_learned

    for look in (trainer.rank, trainer.evaluate):
        with pytest.raises(SealedError):
            look("test")
    trainer.save(tmp_path / "state")  # a checkpoint of the search, taken up where test may be looked at
    restored = Trainer(trainer.config, tiny_dataset)
    restored.restore(tmp_path / "state")
    assert restored.evaluate("test") == whole.evaluate("test")


def test_another_seed_another_result(trained, tiny_config, tiny_dataset):
    _, results = train(tiny_config, tiny_dataset, seed=8)
    assert without_seconds(results) != without_seconds(trained[1])


def test_training_learns(tiny_config, tiny_dataset):
    _, results = train(tiny_config, tiny_dataset, epochs=12, learning_rate=0.02, hidden_dropout_prob=0.0)
    losses = [result.metrics["train/loss_next_item"] for result in results]
    assert losses[-1] < 0.7 * losses[0]
    assert results[-1].metrics["valid/ndcg@10"] > 2 * results[0].metrics["valid/ndcg@10"]


def test_a_run_that_stopped_and_went_on_equals_one_that_did_not(tiny_config, tiny_dataset, tmp_path):
    whole, expected = train(tiny_config, tiny_dataset, epochs=4)
    first = Trainer(override_config(tiny_config, {"epochs": 4}), tiny_dataset)
    for result in first.epochs():
        if result.epoch == 2:
            break
    first.save(tmp_path / "state")
    second = Trainer(override_config(tiny_config, {"epochs": 4}), tiny_dataset)
    second.restore(tmp_path / "state")
    rest = list(second.epochs())
    assert [result.epoch for result in rest] == [3, 4]
    assert without_seconds(rest) == without_seconds(expected[2:])
    assert (second.best_epoch, second.best_value) == (whole.best_epoch, whole.best_value)
    assert second.evaluate("test") == whole.evaluate("test")


def test_a_training_state_from_before_models_knew_training_s_times_goes_on(trained, tiny_dataset, tmp_path):
    trained[0].save(tmp_path / "state")
    facts = json.loads((tmp_path / "state" / "model.json").read_text())
    assert facts["shape"].pop("first_timestamp") and facts["shape"].pop("longest_gap_seconds")
    (tmp_path / "state" / "model.json").write_text(json.dumps(facts))
    again = Trainer(trained[0].config, tiny_dataset)
    again.restore(tmp_path / "state")
    assert again.evaluate("test") == trained[0].evaluate("test")


def test_early_stopping_goes_by_patience(tiny_config, tiny_dataset):
    trainer, results = train(tiny_config, tiny_dataset, epochs=30, stopping_step=1, learning_rate=0.05)
    assert len(results) < 30
    assert not results[-1].improved
    assert trainer.best_epoch == len(results) - 1


def test_test_is_measured_with_the_best_epoch(tiny_config, tiny_dataset):
    trainer = Trainer(
        override_config(tiny_config, {"epochs": 30, "stopping_step": 1, "learning_rate": 0.05}), tiny_dataset
    )
    at_each_epoch = []
    for _ in trainer.epochs():
        at_each_epoch.append(trainer.metrics_of(trainer.rank("test"), "test"))
    assert trainer.evaluate("test") == at_each_epoch[trainer.best_epoch - 1]


def test_eval_step_skips_validation_but_not_at_the_end(tiny_config, tiny_dataset):
    _, results = train(tiny_config, tiny_dataset, epochs=5, eval_step=3)
    assert [result.ranking is not None for result in results] == [False, False, True, False, True]


def test_a_diverging_loss_is_raised_with_its_epoch_and_part(tiny_config, tiny_dataset):
    trainer = Trainer(tiny_config, tiny_dataset)
    with torch.no_grad():
        trainer.model.cluster_head["txt"].weight.fill_(torch.inf)
    with pytest.raises(DivergedError, match=r"'cluster' is (nan|inf) in epoch 1") as raised:
        next(trainer.epochs())
    assert (raised.value.epoch, raised.value.loss_part) == (1, "cluster")


def test_gradients_are_clipped(tiny_config, tiny_dataset):
    trainer = Trainer(override_config(tiny_config, {"clip_grad_norm": 1e-3, "epochs": 1}), tiny_dataset)
    list(trainer.epochs())
    norms = [parameter.grad.norm() for parameter in trainer.model.parameters()]
    assert float(torch.stack(norms).norm()) <= 1e-3 * 1.001


def test_bf16_trains_on_features_cast_once_and_saves_fp32(tiny_config, tiny_dataset, tmp_path):
    trainer, results = train(tiny_config, tiny_dataset, precision="bf16")
    assert all(np.isfinite(value) for result in results for value in result.metrics.values())
    assert {features.dtype for features in trainer.catalogue.features.values()} == {torch.bfloat16}
    trainer.save_model(tmp_path / "model")
    recommender = athwe.load(tmp_path / "model", device="cpu")
    assert recommender.tables.dtype == torch.float32
    assert recommender.recommend(["i1", "i4"], [1_400_000_000, 1_400_050_000], k=5)


def test_a_gpu_that_is_not_there_is_refused(tiny_config, tiny_dataset):
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ConfigError, match=f"device '{missing}' was asked for, but this machine shows"):
        Trainer(override_config(tiny_config, {"device": missing}), tiny_dataset)


def test_scores_are_the_same_in_a_fresh_process(trained, tiny_dataset, tmp_path):
    trainer, _ = trained
    trainer.save_model(tmp_path / "model")
    history, timestamps = ["i1", "i4", "i9"], [1_400_000_000, 1_400_050_000, 1_400_900_000]
    script = (
        "import sys, numpy as np, athwe; recommender = athwe.load(sys.argv[1], device='cpu'); "
        f"np.save(sys.argv[2], recommender.score({history!r}, {timestamps!r})); "
        f"print(' '.join(recommender.recommend({history!r}, {timestamps!r}, 5)))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "model"), str(tmp_path / "scores.npy")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    here = athwe.load(tmp_path / "model", device="cpu")
    assert np.array_equal(np.load(tmp_path / "scores.npy"), here.score(history, timestamps))
    assert done.stdout.split() == here.recommend(history, timestamps, 5)
    with trainer.best_model() as model:
        weights = here.model.state_dict()
        assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_recommend_gives_known_items_best_first(trained, tiny_dataset, tmp_path):
    trained[0].save_model(tmp_path / "model")
    recommender = athwe.load(tmp_path / "model")
    history, timestamps = ["i1", "i4"], [1_400_000_000, 1_400_050_000]
    scores = recommender.score(history, timestamps)
    tokens = recommender.recommend(history, timestamps, 30)
    assert sorted(tokens) == sorted(tiny_dataset.item_tokens[1:])
    assert tokens[0] == tiny_dataset.item_tokens[int(scores.argmax())]
    assert not {"i1", "i4"} & set(recommender.recommend(history, timestamps, 28, mask_seen=True))
    assert recommender.recommend(history[::-1], timestamps[::-1], 30) == tokens


@pytest.mark.parametrize(
    ("history", "timestamps", "k", "message"),
    [
        ([], [], 5, "at least one item"),
        (["i1"], [1, 2], 5, "got 1 items and 2 timestamps"),
        (["nobody"], [1], 5, "'nobody'"),
        (["i1"], [1], 0, "expected k from 1 to 30"),
        (["i1"], [1], 31, "expected k from 1 to 30"),
    ],
)
def test_recommend_refuses_what_it_cannot_use(trained, tmp_path, history, timestamps, k, message):
    trained[0].save_model(tmp_path / "model")
    with pytest.raises(DataError, match=message):
        athwe.load(tmp_path / "model").recommend(history, timestamps, k)


def test_a_missing_or_damaged_checkpoint_is_one_clear_line(trained, tmp_path):
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        athwe.load(tmp_path / "nothing")
    trained[0].save(tmp_path / "state")
    weights = tmp_path / "state" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="cannot read"):
        athwe.load(tmp_path / "state")
    (tmp_path / "state" / "model.json").write_text(json.dumps({"format_version": 99}))
    with pytest.raises(CheckpointError):
        athwe.load(tmp_path / "state")


def test_a_state_of_another_model_is_refused(trained, tiny_config, tiny_dataset, tmp_path):
    trained[0].save(tmp_path / "state")
    other = Trainer(override_config(tiny_config, {"hidden_size": 16}), tiny_dataset)
    with pytest.raises(CheckpointError, match="another model"):
        other.restore(tmp_path / "state")


def test_saving_again_replaces_the_checkpoint_and_leaves_nothing_else(trained, tmp_path):
    for _ in range(2):
        trained[0].save(tmp_path / "state")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_modalities_can_be_left_out_without_loading_the_data_again(tiny_config, tiny_dataset):
    trainer, results = train(tiny_config, tiny_dataset, modalities=["item", "img"], epochs=1)
    assert trainer.model.shape.modalities == ("item", "img")
    assert np.isfinite(results[0].metrics["train/loss_total"])


def test_a_modality_that_was_not_loaded_is_refused(tiny_config, tiny_root):
    config = override_config(tiny_config, {"modalities": ["item"]})
    dataset = load_dataset("tiny", tiny_root, config)
    with pytest.raises(ConfigError, match=r"\['txt'\] were asked for, but tiny has \['item'\]"):
        Trainer(override_config(config, {"modalities": ["item", "txt"]}), dataset)
