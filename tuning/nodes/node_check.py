"""What the pre-flight looks at on a node. Sent there by value, so it runs where nothing of ours is installed: standard
library only, and nothing imported from our packages."""

import hashlib
import importlib.util
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    *("torch", "ray", "numpy", "pandas", "pyarrow", "scikit-learn", "scikit-learn-extra", "kmedoids"),
    *("pytorch-wavelets", "safetensors"),
)
"""What trials compute with. Not Optuna and SQLAlchemy: the driver alone proposes trials and writes the store."""
_SOURCES = ("athwe", "tuning")


def look(storage: str | None = None, exchange: str = "", token: str = "", name: str = "") -> dict[str, Any]:
    """What is found here: `source`, `versions` by package, and of the storage path `sees` and `write_error`.

    Args:
        storage: absolute path or URL of the storage; None: it is not looked at.
        exchange: folder in it where the driver has left `token` in the file `driver`; the token goes back in `name`.
    """
    found: dict[str, Any] = {"source": source_digest(), "versions": versions(), "sees": None, "write_error": None}
    if storage is not None:
        found["sees"] = read_token(storage, f"{exchange}/driver") == token
        if found["sees"]:
            found["write_error"] = write_token(storage, f"{exchange}/{name}", token)
    return found


def versions() -> dict[str, str | None]:
    """Python's version and the packages'; None for one that is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            # `+cpu` or `+cu130` is how it was built: a head without a GPU may well drive nodes that have one.
            found[package] = metadata.version(package).partition("+")[0]
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def source_digest() -> str | None:
    """Hash of the source of our packages as Python would import them; None where it finds one of them not.

    Ray leaves `.git` out of a working directory that it ships, so a commit cannot be asked for on a node.
    """
    digest = hashlib.sha256()
    for package in _SOURCES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            return None
        folder = Path(spec.origin).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(folder).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def read_token(storage: str, name: str) -> str | None:
    """The content of a small file of the storage, None where there is none to read."""
    try:
        if "://" in storage:
            filesystem, root = _remote(storage)
            with filesystem.open_input_stream(f"{root}/{name}") as file:
                return file.read().decode()
        return Path(storage, name).read_text(encoding="utf-8")
    except (OSError, ImportError):
        return None


def write_token(storage: str, name: str, token: str) -> str | None:
    """Write a small file, into a folder that is there already; gives what went wrong."""
    try:
        if "://" in storage:
            filesystem, root = _remote(storage)
            with filesystem.open_output_stream(f"{root}/{name}") as file:
                file.write(token.encode())
        else:
            Path(storage, name).write_text(token, encoding="utf-8")
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    return None


def _remote(url: str) -> tuple[Any, str]:
    from pyarrow.fs import FileSystem

    return FileSystem.from_uri(url)
