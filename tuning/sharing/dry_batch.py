"""A dry batch: some steps of one configuration on a worker, to see how long a step takes and what memory it needs."""

import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import numpy as np
import ray
import torch
from ray.exceptions import GetTimeoutError, RayError

from athwe.allocator import keep_freed_memory
from athwe.config import Config
from athwe.data import Dataset
from athwe.evaluation.ranking import rank_targets
from athwe.training.trainer import Trainer
from tuning.errors import SearchError
from tuning.schema import OUT_OF_MEMORY
from tuning.sharing.share import Measured
from tuning.training.endings import failure_of
from tuning.training.worker import import_ahead, limit_threads

FEWEST_STEPS, LONGEST_SECONDS = 3, 2.0
"""Steps are timed, after one that is not, until there are so many and so much time has gone by."""
ANSWER_SECONDS = 900.0
"""How long a dry batch may take: it may have to wait for a cluster that is at work, and divides the items first."""


class OutOfMemory(SearchError):
    """The configuration does not fit into the memory that there is."""


def run_dry_batch(config: Config, dataset: Any, cores: Sequence[int], gpus: float) -> Measured:
    """Measure on a node that has what is asked for, in a process that ends with it.

    Args:
        config: what is trained.
        dataset: in Ray's object store.
        cores: how many to train with, one number after the other; the task holds as many as the largest.
        gpus: that it holds as well.

    Raises:
        OutOfMemory: the configuration needs more memory than there is.
        SearchError: it cannot be trained, or there was no answer in time.
    """
    task: Any = ray.remote(num_cpus=max(cores), num_gpus=gpus, max_retries=0, max_calls=1)(measure)
    asked = task.remote(config, dataset, list(cores))
    try:
        return ray.get(asked, timeout=ANSWER_SECONDS)
    except GetTimeoutError:
        ray.cancel(asked, force=True)
        reason, why = None, f"it had not ended after {ANSWER_SECONDS:g} s"
    except RayError as error:
        ending = failure_of(error)
        reason, why = ending.reason, (ending.error or "no reason is known").splitlines()[-1]
    kind = OutOfMemory if reason == OUT_OF_MEMORY else SearchError
    raise kind(
        f"the dry batch that `auto` needs failed: {why}; give --cpus-per-trial and --gpus-per-trial as numbers, "
        "or a smaller --set train_batch_size"
    )


def measure(config: Config, dataset: Dataset, cores: Sequence[int]) -> Measured:
    """Train some steps with each number of cores and rank a batch of users, in this process."""
    limit_threads(max(cores))
    keep_freed_memory()
    import_ahead()
    trainer = Trainer(config, dataset)
    trainer.model.train()
    batches = _endless(trainer)
    seconds = {}
    for count in cores:
        limit_threads(count)
        seconds[count] = _step_seconds(trainer, batches)
    if trainer.device.type != "cuda":
        return Measured(seconds)
    _rank_a_batch(trainer)
    free, total = torch.cuda.mem_get_info(trainer.device)
    beside = total - free - torch.cuda.memory_reserved(trainer.device)  # the CUDA context, and whoever else is there
    return Measured(seconds, torch.cuda.max_memory_reserved(trainer.device) + beside, total)


def _endless(trainer: Trainer) -> Iterator[np.ndarray]:
    while True:
        yield from trainer.shuffled_batches()


def _step_seconds(trainer: Trainer, batches: Iterator[np.ndarray]) -> float:
    trainer.step(next(batches)).cpu()  # the first one makes what the others reuse
    began, seconds = time.perf_counter(), []
    while len(seconds) < FEWEST_STEPS or time.perf_counter() - began < LONGEST_SECONDS:
        before = time.perf_counter()
        trainer.step(next(batches)).cpu()  # waits for the GPU
        seconds.append(time.perf_counter() - before)
    return median(seconds)


def _rank_a_batch(trainer: Trainer) -> None:
    """Scores of all items may need more memory than a step."""
    config, dataset = trainer.config, trainer.dataset
    rank_targets(
        trainer.scorer(),
        dataset,
        dataset.positions("valid")[: config.eval_batch_size],
        batch_size=config.eval_batch_size,
        mask_seen=config.mask_seen,
        device_type=trainer.device.type,
    )
