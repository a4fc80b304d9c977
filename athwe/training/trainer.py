"""Train one configuration on one data set: one result an epoch, everything needed to go on in a checkpoint."""

import dataclasses
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from athwe.config import Config
from athwe.data import Batch, Catalogue, Dataset, build_catalogue
from athwe.data.split import Split
from athwe.device import AUTOCAST_TYPES, autocast, resolve_device
from athwe.errors import CheckpointError, DivergedError
from athwe.evaluation.metrics import mean_metrics
from athwe.evaluation.ranking import NonFiniteScoreError, Ranking, Scorer, rank_targets
from athwe.model.registry import build_model, shape_for
from athwe.model.sequential import SequentialModel
from athwe.model.shape import ModelShape
from athwe.model.step import PART_OVERHEAD_TOKENS, Step
from athwe.seeding import seed_everything
from athwe.training import state
from athwe.training.checkpoint import MODEL, TRAINING, read_checkpoint, write_checkpoint
from athwe.training.diagnostics import diagnose
from athwe.training.early_stopping import EarlyStopping
from athwe.training.negatives import NegativeSampler
from athwe.training.worst_slice import WorstSlice

CHECK_STEPS = 32
"""Steps between two looks at the losses: looking makes a GPU wait."""


@dataclass(frozen=True)
class EpochResult:
    """What one epoch brought."""

    epoch: int
    """1-based."""
    metrics: dict[str, float]
    """Keyed `<split>/<name>`: loss parts, seconds, and on validated epochs `valid/ndcg@10` and the like."""
    improved: bool
    """Whether this is the best epoch so far."""
    ranking: Ranking | None
    """The validation ranking, or None on an epoch that eval_step skips."""


class Trainer:
    """Owns model, optimizer and generators. Iterate over `epochs()`; between epochs it can be saved and asked.

    Raises:
        ConfigError: a device that is not there.
        DataError: a data set that the configuration does not fit.
    """

    def __init__(self, config: Config, dataset: Dataset, catalogue: Catalogue | None = None):
        self.config = config
        self.dataset = dataset
        self.device = resolve_device(config.device)
        seed_everything(config.seed)
        host_catalogue = catalogue or build_catalogue(dataset, config)
        self.catalogue = host_catalogue.to(self.device, AUTOCAST_TYPES.get(config.precision))
        self.model = build_model(config, shape_for(config, dataset, host_catalogue)).to(self.device)
        self.model.count(dataset)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "fp16")
        self.generator = torch.Generator().manual_seed(config.seed)
        self.stopping = EarlyStopping(config.stopping_step, config.valid_metric_bigger)
        self.epoch = 0
        self._positions = dataset.positions("train")
        is_sampled = config.loss == "sampled"
        self._sampler = NegativeSampler(dataset, config.sampled_items, self.generator) if is_sampled else None
        self._worst_slice = WorstSlice(config, dataset)
        self._best_weights: dict[str, Tensor] | None = None

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the best validation value so far, 1-based."""
        return self.stopping.best_epoch

    @property
    def best_value(self) -> float | None:
        """Its validation value."""
        return self.stopping.best_value

    @property
    def is_finished(self) -> bool:
        """Whether the last epoch is over, or training was stopped early; what is counted needs one epoch."""
        last = self.config.epochs if self.model.loss_weights else 1
        return self.epoch >= last or self.stopping.should_stop

    def epochs(self) -> Iterator[EpochResult]:
        """Train and validate until the last epoch or early stopping; after `restore`, from there on.

        Raises:
            DivergedError: a loss part or a score is not finite.
        """
        while not self.is_finished:
            self.epoch += 1
            started = time.perf_counter()
            metrics = self._train_epoch() | {"train/seconds": time.perf_counter() - started}
            if self.epoch % self.config.eval_step and not self.is_finished:
                yield EpochResult(self.epoch, metrics, improved=False, ranking=None)
            else:
                yield self._validate(metrics)

    def rank(self, split: Split, mask_seen: bool | None = None) -> Ranking:
        """Rank the targets of a split with the current weights, in the configuration's `mask_seen` mode or another."""
        return rank_targets(
            self.scorer(),
            self.dataset,
            self.dataset.positions(split),
            batch_size=self.config.eval_batch_size,
            mask_seen=self.config.mask_seen if mask_seen is None else mask_seen,
            device_type=self.device.type,
        )

    def scorer(self) -> Scorer:
        """Scores by the current weights, on the device, the item tables made once."""
        self.model.eval()
        tables = self._item_tables()

        def score(batch: Batch) -> Tensor:
            with torch.no_grad(), autocast(self.device, self.config.precision):
                return self.model(batch.to(self.device), tables).float()

        return score

    def _item_tables(self) -> Tensor:
        """E of all items by the current weights, without gradients, in autocast's type."""
        with torch.no_grad(), autocast(self.device, self.config.precision):
            return self.model.item_tables(self.catalogue)

    def evaluate(self, split: Split) -> dict[str, float]:
        """Metrics of a split with the best epoch's weights, keyed `<split>/<name>`."""
        with self.best_model():
            return self.metrics_of(self.rank(split), split)

    def metrics_of(self, ranking: Ranking, split: str) -> dict[str, float]:
        """Means over the users of a ranking, keyed `<split>/<name>`."""
        means = mean_metrics(ranking.target_rank, self.config.metric_names, self.config.topk)
        return {f"{split}/{key}": value for key, value in means.items()}

    @contextmanager
    def best_model(self) -> Iterator[SequentialModel]:
        """The model with the weights of its best epoch, for the time of a `with` block."""
        current = state.copied(self.model.state_dict())
        self.model.load_state_dict(self._best_weights or current)
        self.model.eval()
        try:
            yield self.model
        finally:
            self.model.load_state_dict(current)

    def diagnostics(self) -> dict:
        """What the best epoch's model has learned, JSON-able (`diagnose`)."""
        with self.best_model() as model, torch.no_grad():
            return diagnose(model, self._item_tables().float(), self.dataset, self.device)

    def save_model(self, path: str | Path) -> None:
        """Write the best epoch's model: all that `athwe.load` needs."""
        write_checkpoint(Path(path), {MODEL: self._model_part()})

    def save(self, path: str | Path) -> None:
        """Write the training state: the best epoch's model, and what is needed to go on."""
        write_checkpoint(Path(path), {MODEL: self._model_part(), TRAINING: self._training_part()})

    def restore(self, path: str | Path) -> None:
        """Go on from a training state that `save` wrote.

        Raises:
            CheckpointError: not a training state, or one of another model or data set.
        """
        tensors, facts = read_checkpoint(Path(path), TRAINING)
        best, model_facts = read_checkpoint(Path(path), MODEL)
        # What a training state of an older version does not say of the shape is not compared.
        stored = self.model.shape.to_json() | model_facts["shape"]
        same_shape = ModelShape.from_json(stored) == self.model.shape
        if not same_shape or model_facts["fingerprint"] != self.dataset.fingerprint:
            raise CheckpointError(f"checkpoint {path} is of another data set or other sizes")
        try:
            self.model.load_state_dict(state.below("model.", tensors))
        except RuntimeError as error:
            raise CheckpointError(f"checkpoint {path} is of another model: {str(error).splitlines()[0]}") from None
        self._best_weights = state.below("weight.", best) if facts["stopping"]["best_epoch"] else None
        self.stopping = dataclasses.replace(self.stopping, **facts["stopping"])
        self.epoch = facts["epoch"]
        state.restore_optimizer(self.optimizer, state.below("optimizer.", tensors), facts["parameter_groups"])
        self.scaler.load_state_dict(facts["scaler"])
        state.restore_generators(state.below("generator.", tensors), self.generator, self.device)

    # One epoch.

    def _train_epoch(self) -> dict[str, float]:
        weights = self.model.loss_weights
        if not weights:
            return {}
        self.model.train()
        history: list[Tensor] = []
        for positions in self.shuffled_batches():
            history.append(self.step(positions))
            if len(history) % CHECK_STEPS == 0:
                self._require_finite(history[-CHECK_STEPS:], weights)
        self._require_finite(history[-CHECK_STEPS:], weights)
        means = torch.stack(history).mean(dim=0).tolist()
        return {f"train/loss_{name}": value for name, value in zip([*weights, "total"], means, strict=True)}

    def shuffled_batches(self) -> Iterator[np.ndarray]:
        """Positions of one epoch's training targets in random order, `train_batch_size` at a time."""
        order = torch.randperm(len(self._positions), generator=self.generator).numpy()
        for start in range(0, len(order), self.config.train_batch_size):
            yield self._positions[order[start : start + self.config.train_batch_size]]

    def make_step(self, positions: np.ndarray) -> Step:
        """The input of one update, on the host."""
        overhead = PART_OVERHEAD_TOKENS.get(self.device.type, PART_OVERHEAD_TOKENS["cuda"])
        return Step.of(
            self.dataset,
            positions,
            beta=self.config.beta,
            generator=self.generator,
            part_overhead_tokens=overhead,
            negatives=self._sampler.draw() if self._sampler else None,
        )

    def step(self, positions: np.ndarray) -> Tensor:
        """One update. Gives the loss parts in the order of `loss_weights` and their weighted sum, on the device."""
        step, weights = self.make_step(positions).to(self.device), self.model.loss_weights
        with autocast(self.device, self.config.precision):
            parts = self.model.losses(step, self.catalogue)
        total = torch.stack([weight * parts[name] for name, weight in weights.items()]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(total).backward()
        if self.config.clip_grad_norm is not None:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_grad_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return torch.stack([*(parts[name] for name in weights), total]).detach()

    def _require_finite(self, history: list[Tensor], weights: dict[str, float]) -> None:
        losses = torch.stack(history).cpu()
        bad = losses.isfinite().logical_not().nonzero()
        if len(bad):
            row, column = bad[0].tolist()
            raise DivergedError(self.epoch, [*weights, "total"][column], float(losses[row, column]))

    def _validate(self, metrics: dict[str, float]) -> EpochResult:
        started = time.perf_counter()
        try:
            ranking = self.rank("valid")
        except NonFiniteScoreError:
            raise DivergedError(self.epoch, "scores", math.nan) from None
        metrics = metrics | self.metrics_of(ranking, "valid")
        metrics |= {self.config.worst_slice_key: self._worst_slice.mean(ranking)}
        metrics |= {"valid/seconds": time.perf_counter() - started}
        self.stopping = self.stopping.after(self.epoch, metrics[self.config.valid_key])
        improved = self.stopping.best_epoch == self.epoch
        if improved:
            self._best_weights = state.copied(self.model.state_dict())
        return EpochResult(self.epoch, metrics, improved, ranking)

    # Parts of a checkpoint.

    def _facts(self) -> dict:
        return {
            "config": self.config.model_dump(mode="json"),
            "shape": self.model.shape.to_json(),
            "dataset": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "item_tokens": np.asarray(self.dataset.item_tokens).tolist(),
            "best_epoch": self.best_epoch,
            "best_value": self.best_value,
            "valid_key": self.config.valid_key,
        }

    def _model_part(self) -> tuple[dict[str, Tensor], dict]:
        with self.best_model() as model:
            tensors = state.under("weight.", state.copied(model.state_dict()))
            return tensors | {"tables": self._item_tables().float().cpu()}, self._facts()

    def _training_part(self) -> tuple[dict[str, Tensor], dict]:
        optimizer, groups = state.optimizer_state(self.optimizer)
        tensors = state.under("model.", state.copied(self.model.state_dict())) | state.under("optimizer.", optimizer)
        tensors |= state.under("generator.", state.generator_states(self.generator, self.device))
        stopping = dataclasses.asdict(self.stopping)
        return tensors, {
            "epoch": self.epoch,
            "stopping": {name: stopping[name] for name in ("best_value", "best_epoch", "waited")},
            "parameter_groups": groups,
            "scaler": self.scaler.state_dict(),
        }
