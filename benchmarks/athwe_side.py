"""Our side of `versus_recbole.py`: a process of its own that trains SASRec, the id stream alone."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from athwe.config_files import build_config
from athwe.data import load_dataset
from athwe.training.trainer import Trainer
from benchmarks.turns import Channel, Turns


def main() -> None:
    """Answer with what is trained on, then train in turns or, for `quality`, to the end."""
    channel = Channel()
    job = channel.receive()
    torch.set_num_threads(job["threads"])
    config = build_config(job["config"])
    dataset = load_dataset(job["dataset"], job["root"], config)
    trainer = Trainer(config, dataset)
    positions = dataset.positions("train")
    facts = {
        "training samples": len(positions),
        "history items": int(dataset.lengths(positions).sum()),
        "users": dataset.n_users - 1,
        "items": dataset.n_items - 1,
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
    }
    channel.send(facts)
    if job["quality"]:
        channel.receive()  # the word to go
    else:
        Turns(channel, trainer.optimizer, len(positions), config.train_batch_size)
    curve = [result.metrics[config.valid_key] for result in trainer.epochs()]
    channel.send({"valid": curve, "test": trainer.evaluate("test")["test/ndcg@10"]})


if __name__ == "__main__":
    main()
