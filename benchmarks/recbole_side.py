"""RecBole's side of `versus_recbole.py`: runs in RecBole's own environment and trains its SASRec."""

import sys
from pathlib import Path

import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.sequential_recommender import SASRec
from recbole.trainer import Trainer
from recbole.utils import init_seed

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.turns import Channel, Turns

PROTOCOL = {
    "train_neg_sample_args": None,
    "eval_args": {"split": {"LS": "valid_and_test"}, "group_by": "user", "order": "TO", "mode": "full"},
    "metrics": ["NDCG"],
    "metric_decimal_place": 10,
    "use_gpu": False,
    "show_progress": False,
}
"""Cross-entropy over all items, leave-one-out, full ranking; otherwise RecBole's defaults and the sizes of the job."""


def main() -> None:
    """Answer with what is trained on, then train in turns or, for `quality`, to the end."""
    channel = Channel()
    job = channel.receive()
    torch.set_num_threads(job["threads"])
    fields = [job["settings"][name] for name in ("USER_ID_FIELD", "ITEM_ID_FIELD", "TIME_FIELD")]
    settings = job["settings"] | PROTOCOL | {"data_path": job["root"], "load_col": {"inter": fields}}
    config = Config(model="SASRec", dataset=job["dataset"], config_dict=settings)
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    train, valid, test = data_preparation(config, dataset)
    init_seed(config["seed"], config["reproducibility"])
    model = SASRec(config, train.dataset)
    trainer = Trainer(config, model)
    facts = {
        "training samples": len(train.dataset),
        "history items": int(train.dataset[config["ITEM_LIST_LENGTH_FIELD"]].sum()),
        "users": dataset.user_num - 1,
        "items": dataset.item_num - 1,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    channel.send(facts)
    _detect_anomaly({"as_shipped": False})
    if job["quality"]:
        channel.receive()  # the word to go
    else:
        Turns(channel, trainer.optimizer, len(train.dataset), config["train_batch_size"], _detect_anomaly)
        trainer.fit(train, saved=False, verbose=False)
    curve: list[float] = []
    trainer.fit(train, valid, verbose=False, callback_fn=lambda epoch, value: curve.append(value))
    channel.send({"valid": curve, "test": trainer.evaluate(test)["ndcg@10"]})


def _detect_anomaly(message: dict) -> None:
    """RecBole's `sine.py` turns torch's anomaly detection on for every model, since all are imported together."""
    torch.autograd.set_detect_anomaly(message["as_shipped"])


if __name__ == "__main__":
    main()
