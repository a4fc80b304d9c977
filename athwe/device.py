"""Where and in which precision a model runs."""

from contextlib import AbstractContextManager, nullcontext

import torch

from athwe.errors import ConfigError

AUTOCAST_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_device(name: str) -> torch.device:
    """The device a configuration asks for; `auto` takes a GPU where there is one.

    Raises:
        ConfigError: the device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {name!r} was asked for, but this machine shows {torch.cuda.device_count()} GPUs to PyTorch; "
            "use device=auto or device=cpu"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device 'mps' was asked for, but this machine has none; use device=auto or device=cpu")
    return device


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """The autocast context of a precision; fp32 runs without."""
    dtype = AUTOCAST_TYPES.get(precision)
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype=dtype)
