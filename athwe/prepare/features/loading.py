"""What loading an encoder has in common: late imports, quiet libraries, one line for what goes wrong."""

import importlib
import importlib.metadata
import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from athwe.errors import AthweError, EncoderError

INSTALL_EXTRA = "pip install -c constraints.txt -e '.[prepare]'"
HARMLESS_MISSING = "pooler"
"""Weights that checkpoints of other tasks lack, and that are then not used."""


def require(module: str, install: str = INSTALL_EXTRA) -> ModuleType:
    """Import an optional library, late, since it takes seconds.

    Raises:
        EncoderError: it is not installed; the message has the command.
    """
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise EncoderError(
            f"an encoder needs {module}, which cannot be imported ({one_line(error)}); {install}"
        ) from None
    if module == "transformers":  # its progress bars and remarks would break ours
        found.utils.logging.set_verbosity_error()
        found.utils.logging.disable_progress_bar()
    return found


def require_installed(module: str, install: str = INSTALL_EXTRA) -> None:
    """Say before long work, without importing it, that a library is not there.

    Raises:
        EncoderError: it is not installed; the message has the command.
    """
    if importlib.util.find_spec(module) is None:
        raise EncoderError(f"an encoder needs {module}, which is not installed; {install}")


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Turn whatever a library makes of an encoder's files into one line.

    Raises:
        EncoderError: in place of any exception but ours.
    """
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    try:
        yield
    except AthweError:
        raise
    except Exception as error:  # files of any kind, read by libraries of many kinds
        raise EncoderError(f"encoder {name} cannot be loaded: {one_line(error)}") from error


def refuse_missing(name: str, missing: set[str]) -> bool:
    """Whether the checkpoint has a trained pooler.

    Raises:
        EncoderError: it lacks other weights, which would be random numbers.
    """
    lacking = sorted(key for key in missing if HARMLESS_MISSING not in key)
    if lacking:
        raise EncoderError(
            f"encoder {name} has no weights for {len(lacking)} of its parts, the first is {lacking[0]}: "
            "its files are incomplete or of another architecture than config.json says"
        )
    return not missing


def library_versions(*names: str) -> dict[str, str]:
    """Installed versions by distribution."""
    return {name: importlib.metadata.version(name) for name in names}


def one_line(error: Exception) -> str:
    """The first sentence or so of a library's message."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."
