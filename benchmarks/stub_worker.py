"""Trials that train nothing and speak as real ones do: what is left of a search with them is its machinery."""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.result import DONE, SHOULD_CHECKPOINT

from tuning.files.results import diagnostics_name, model_name
from tuning.schema import DIVERGED, MEMORY_BYTES, PARAMETERS
from tuning.training.trial import START_SECONDS, TrialSetting

_BEST = {"learning_rate": 0.002, "temperature": 0.2, "hidden_dropout_prob": 0.3, "phcl_weight": 0.5}
DIVERGES_ABOVE = 8e-3
"""Learning rate; about one trial in twenty of the default space."""
_EMBEDDINGS, _EXPERT = 1_000_000, 40_000
_CUTOFFS = (5, 10, 20)


def quality(params: Mapping[str, Any]) -> float:
    """What a trial comes to if it never stops: 1 at the best parameters, towards 0 far from them."""
    logarithms = sum(abs(math.log(params[name] / _BEST[name])) for name in ("learning_rate", "temperature"))
    differences = sum(abs(params[name] - _BEST[name]) for name in ("hidden_dropout_prob", "phcl_weight"))
    return math.exp(-(logarithms + differences) / 2)


def value(params: Mapping[str, Any], epoch: int) -> float:
    """The objective after an epoch: it rises, and trials keep their order, so a pruner never loses the best."""
    return quality(params) * (1 - math.exp(-epoch / 2))


def parameter_count(params: Mapping[str, Any]) -> int:
    """A second objective."""
    return _EMBEDDINGS + _EXPERT * (params["routed_expert_nums"] + params["shared_expert_nums"])


def diverges(params: Mapping[str, Any]) -> bool:
    """Whether the trial fails in its first epoch."""
    return params["learning_rate"] > DIVERGES_ABOVE


class StubWorker(tune.Trainable):
    """`tuning.training.trial.TrialWorker` without a model: the same messages and files, as many metrics, no time."""

    def setup(self, config: dict[str, Any], *, setting: TrialSetting, cores: int) -> None:
        """A new process."""
        self._setting = setting
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next proposal."""
        self._number, self._params, self._epoch = new_config["number"], new_config["params"], 0
        return True

    def load_checkpoint(self, checkpoint: str) -> None:
        """Go on where the trial was."""
        self._epoch = json.loads((Path(checkpoint) / "epoch.json").read_text(encoding="utf-8"))

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """A training state, one number large."""
        (Path(checkpoint_dir) / "epoch.json").write_text(json.dumps(self._epoch), encoding="utf-8")

    def step(self) -> dict[str, Any]:
        """An epoch."""
        if diverges(self._params):
            return {"failure": {"reason": DIVERGED, "error": "the loss is nan"}, DONE: True}
        began = time.perf_counter()
        self._epoch += 1
        self._publish()
        reached = value(self._params, self._epoch)
        finished = self._epoch >= self._setting.config.epochs
        return {
            **{f"valid/{name}@{at}": reached for name in ("ndcg", "recall", "mrr") for at in _CUTOFFS},
            **{f"train/loss_{name}": 1 - reached for name in ("total", "main", "contrastive", "phcl", "cluster")},
            **({START_SECONDS: 0.0} if self._epoch == 1 else {}),
            "valid/seconds": 0.0,
            "train/seconds": time.perf_counter() - began,
            MEMORY_BYTES: 1e9,
            "epoch": self._epoch,
            "best_epoch": self._epoch,
            "best_value": reached,
            "finished": finished,
            PARAMETERS: parameter_count(self._params),
            DONE: finished,
            SHOULD_CHECKPOINT: not finished,
        }

    def _publish(self) -> None:
        """The best epoch's files; every epoch is the best so far."""
        trial_id = f"{self._setting.study_name}.{self._number}"
        self._setting.storage.write_text(f"{model_name(trial_id)}/model.json", json.dumps(self._params))
        self._setting.storage.write_text(diagnostics_name(trial_id), "{}")
