"""What train_step.py --plain measures against computes the same losses."""

from athwe.config_files import override_config
from athwe.training.trainer import Trainer
from benchmarks.train_step import TOLERANCE, largest_difference


def test_the_plain_equations_have_the_losses_of_the_model(tiny_dataset, tiny_config):
    trainer = Trainer(override_config(tiny_config, {"moe_topk": 3}), tiny_dataset)
    assert trainer.model.loss_weights.keys() >= {"temporal_contrast", "attribute", "cluster", "expert_diversity"}
    assert largest_difference(trainer) < TOLERANCE
