"""Where and with what a search ran, for its spec."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from tuning.nodes.node_check import source_digest

_PACKAGES = ("athwe", "torch", "ray", "optuna", "numpy", "pandas", "pyarrow", "scikit-learn", "sqlalchemy")


def git_sha() -> str | None:
    """The commit of the source checkout, with `-dirty` where files were changed; None outside a checkout."""
    folder = Path(__file__).resolve().parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return f"{commit}-dirty" if _git(folder, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, and a hash of our own source."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # a checkout that was not installed
            continue
    versions["source"] = source_digest() or "unknown"  # in a Ray job there is no `.git` to ask
    return versions


def hardware() -> dict[str, Any]:
    """The driver's machine: cores this process may use, memory in bytes, GPUs by name."""
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": core_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    }


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
