"""Weights, optimizer and generators as tensors by name, for a checkpoint, and back from there."""

import torch
from torch import Tensor

ORDER, CPU, DEVICE = "order", "cpu", "device"
"""Generators: of samples, and torch's own on the host and on a GPU."""


def copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict on the CPU that training on does not change."""
    return {name: value.detach().cpu().clone() for name, value in state.items()}


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with `prefix` before their names.

    >>> [*below("a.", under("a.", {"x": torch.ones(1)}) | {"b.y": torch.ones(1)})]
    ['x']
    """
    return {prefix + name: value for name, value in tensors.items()}


def below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], list[dict]]:
    """Its tensors by `<parameter>.<name>`, on the CPU, and its parameter groups."""
    state = optimizer.state_dict()
    tensors = {f"{index}.{name}": value.cpu() for index, own in state["state"].items() for name, value in own.items()}
    return tensors, state["param_groups"]


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], groups: list[dict]) -> None:
    """Take over what `optimizer_state` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def generator_states(order: torch.Generator, device: torch.device) -> dict[str, Tensor]:
    """Where everything random in training is."""
    states = {ORDER: order.get_state(), CPU: torch.get_rng_state()}
    return states | ({DEVICE: torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def restore_generators(states: dict[str, Tensor], order: torch.Generator, device: torch.device) -> None:
    """Take over what `generator_states` gave; on a GPU also what it gave on the CPU."""
    order.set_state(states[ORDER])
    torch.set_rng_state(states[CPU])
    if DEVICE in states:
        torch.cuda.set_rng_state(states[DEVICE], device)
