"""What the process of a trial worker may use, and what it holds: cores, memory."""

import gc
import importlib
import os
import resource
from contextlib import suppress
from pathlib import Path

import pyarrow
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from athwe.allocator import release_memory

_LIMITED_BY = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS"),
)


def thread_limits(cores: int) -> dict[str, str]:
    """Environment variables that keep each library that computes to `cores` threads.

    >>> thread_limits(2)["OMP_NUM_THREADS"]
    '2'
    """
    return dict.fromkeys(_LIMITED_BY, str(cores))


def limit_threads(cores: int) -> None:
    """Keep this process to `cores` threads at work, whatever its environment said: other trials have the other cores.

    Libraries not loaded yet read the environment, those that are loaded are told.
    """
    os.environ.update(thread_limits(cores))
    threadpool_limits(cores)
    torch.set_num_threads(cores)
    if torch.get_num_interop_threads() != 1:  # settable once a process
        torch.set_num_interop_threads(1)
    pyarrow.set_cpu_count(cores)
    pyarrow.set_io_thread_count(1)


def thread_counts() -> dict[str, int]:
    """How many threads each library would compute with now."""
    pools = threadpool_info()
    return {
        "torch": torch.get_num_threads(),
        "torch between operations": torch.get_num_interop_threads(),
        "arrow": pyarrow.cpu_count(),
        **{
            pool["internal_api"]: max(p["num_threads"] for p in pools if p["user_api"] == pool["user_api"])
            for pool in pools
        },
    }


def import_ahead() -> None:
    """Load what every trial needs and Python would load in the first one only, and exempt it from garbage collection.

    A collection would otherwise go through a million objects of libraries that nobody lets go of.
    """
    importlib.import_module("torch._dynamo")  # the first optimizer of a process would, and it takes seconds
    gc.collect()
    gc.freeze()


def forget_trial() -> None:
    """Give the memory of a trial that is over back to the system.

    What was kept of it seldom fits what another trial asks for: a worker's memory would grow.
    """
    gc.collect()
    release_memory()


def resident_bytes() -> int | None:
    """Memory of this process that lies in RAM, pages shared with others included; None where Linux does not say."""
    path = Path("/proc/self/statm")
    return int(path.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if path.exists() else None


def reset_peak_memory() -> None:
    """Begin anew to look for the most memory that this process holds."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):  # not Linux, or not allowed: the peak is then that of the whole process
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory since `reset_peak_memory`: on a GPU what its tensors took, else what lay in RAM, shared too."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024
