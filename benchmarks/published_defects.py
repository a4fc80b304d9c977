"""What the published code gets wrong (`MODEL.md`), put back one at a time, to measure what each correction is worth.

Each is a context for the time of a training: it changes the trainer, and leaves nothing changed behind but its weights.
Padding that goes through the wavelet is not among them: here padding is never made.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from athwe.model import losses
from athwe.model.moe import EXPERT_DEVIATION
from athwe.model.step import Step
from athwe.training.trainer import Trainer

EXPERTS = ("experts.shared", "experts.routed")
COUNTED_SHARE = 0.02
"""What the published attribute and cluster losses count of the sequences; here as much, of all positions."""


@contextmanager
def experts_not_trained(trainer: Trainer) -> Iterator[None]:
    """Experts in a plain list: no optimizer sees them."""
    for name in EXPERTS:
        trainer.model.get_parameter(name).requires_grad_(False)
    yield


@contextmanager
def experts_lost(trainer: Trainer) -> Iterator[None]:
    """Experts in a plain list: what was saved has none, and a model that is loaded draws new ones."""
    yield
    assert trainer._best_weights is not None
    generator = torch.Generator().manual_seed(trainer.config.seed)
    for name in EXPERTS:
        held = trainer._best_weights[name]
        trainer._best_weights[name] = EXPERT_DEVIATION * torch.randn(held.shape, generator=generator)


@contextmanager
def nothing_replaced(trainer: Trainer) -> Iterator[None]:
    """`floor(beta)` = 0 positions replaced: the temporal contrast is of a history with itself, under other dropout."""
    _change_steps(trainer, lambda step: replace(step, placeholders=torch.zeros_like(step.placeholders)))
    yield


@contextmanager
def few_counted(trainer: Trainer) -> Iterator[None]:
    """Attribute and cluster loss over 2 % of the positions (as published: of the sequences, all their positions)."""
    generator = torch.Generator().manual_seed(trainer.config.seed)

    def thinned(step: Step) -> Step:
        drawn = torch.rand(len(step.histories.item), generator=generator) < COUNTED_SHARE
        counts = step.histories.item[drawn].bincount(minlength=len(step.items)).float()
        counts[0] = 0
        return replace(step, counts=counts if counts.any() else step.counts)

    _change_steps(trainer, thinned)
    yield


@contextmanager
def left_out_counted(trainer: Trainer) -> Iterator[None]:
    """Rows of the same target stay in the denominator as e⁰."""
    right = losses.contrast

    def contrast(anchor: Tensor, key: Tensor, target: Tensor, temperature: float) -> Tensor:
        logits = F.normalize(anchor.float(), dim=-1) @ F.normalize(key.float(), dim=-1).T / temperature
        own = torch.arange(len(target), device=target.device)
        same_target = (target[:, None] == target) & (own[:, None] != own)
        return F.cross_entropy(logits.masked_fill(same_target, 0.0), own)

    losses.contrast = contrast
    try:
        yield
    finally:
        losses.contrast = right


def _change_steps(trainer: Trainer, change: Callable[[Step], Step]) -> None:
    make_step = trainer.make_step
    trainer.make_step = lambda positions: change(make_step(positions))


DEFECTS: dict[str, Callable[[Trainer], AbstractContextManager]] = {
    "ATHWE, experts not trained": experts_not_trained,
    "ATHWE, experts lost when saved": experts_lost,
    "ATHWE, temporal contrast replaces nothing": nothing_replaced,
    "ATHWE, attribute and cluster loss of 2 %": few_counted,
    "ATHWE, left-out negatives count": left_out_counted,
}
