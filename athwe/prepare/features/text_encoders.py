"""Texts to rows: a transformers model pooled here ([CLS] as published), or a sentence-transformers model as it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from athwe.errors import EncoderError
from athwe.prepare.features.encoder import Choice, known_by, run_batch
from athwe.prepare.features.loading import library_versions, loading, refuse_missing, require, require_installed
from athwe.prepare.features.weights import find_weights

TextPooling = Literal["auto", "own", "cls", "mean"]
VERSION = 1
"""Raise it when texts are encoded in another way, so that rows encoded before are not taken any more."""
TOKENS_MOST = 512
"""BERT's positions. The published code does not truncate, and fails on longer texts."""
SENTENCE_MODEL = "modules.json"
"""The file that makes a folder a sentence-transformers model."""


def choose_text_encoder(name: str, pooling: TextPooling, device: torch.device) -> Choice:
    """Find a text encoder without loading it.

    Args:
        pooling: `cls` takes the first token's last hidden state, `mean` the mean over tokens, `own` what a
            sentence-transformers model does; `auto` is `own` for such a model, else `cls`.

    Raises:
        EncoderError: no such encoder, or none with a pooling of its own where that was asked for.
    """
    weights = find_weights(name)
    is_sentence_model = (weights.folder / SENTENCE_MODEL).is_file()
    used = ("own" if is_sentence_model else "cls") if pooling == "auto" else pooling
    if used == "own" and not is_sentence_model:
        raise EncoderError(
            f"encoder {name} has no pooling of its own (no {SENTENCE_MODEL}): use --pooling cls, as published, or mean"
        )
    require_installed("sentence_transformers" if used == "own" else "transformers")
    about = known_by(weights, device) | {"pooling": used}
    identity = {
        "of": "text",
        "version": VERSION,
        **{key: about[key] for key in ("weights_sha256", "precision", "pooling")},
    }

    def load() -> SentenceEncoder | PooledEncoder:
        with loading(name):
            if used == "own":
                return SentenceEncoder(weights.folder, device)
            return PooledEncoder(name, weights.folder, used, device)

    return Choice(about, identity, load)


class SentenceEncoder:
    """A sentence-transformers model with its own pooling, normalisation and longest text."""

    def __init__(self, folder: Path, device: torch.device):
        library = require("sentence_transformers")
        require("transformers")  # quiets it
        self.model = library.SentenceTransformer(
            str(folder), device=str(device), trust_remote_code=False, local_files_only=True
        )
        self.device = device
        self.about = {
            "max_tokens": self.model.max_seq_length,
            "libraries": library_versions("torch", "transformers", "sentence-transformers"),
        }

    def prepare(self, source: str) -> str:
        """A text needs no preparation of its own."""
        return source

    def encode(self, prepared: Sequence[str]) -> Float32[np.ndarray, "n D"]:
        """Encode a batch of texts."""
        return run_batch(self._forward(list(prepared)), self.device)

    def _forward(self, texts: list[str]):
        return lambda: self.model.encode(texts, batch_size=len(texts), convert_to_tensor=True, show_progress_bar=False)


class PooledEncoder:
    """A transformers model whose last hidden states are pooled here."""

    def __init__(self, name: str, folder: Path, pooling: str, device: torch.device):
        library = require("transformers")
        safe = {"trust_remote_code": False, "local_files_only": True}
        self.tokenizer = library.AutoTokenizer.from_pretrained(folder, **safe)
        model, info = library.AutoModel.from_pretrained(
            folder, dtype=torch.float32, weights_only=True, output_loading_info=True, **safe
        )
        refuse_missing(name, info["missing_keys"])
        self.model = model.eval().to(device)
        self.pooling = pooling
        self.device = device
        positions = getattr(model.config, "max_position_embeddings", None) or TOKENS_MOST
        self.max_tokens = min(TOKENS_MOST, self.tokenizer.model_max_length, positions)
        self.about = {"max_tokens": self.max_tokens, "libraries": library_versions("torch", "transformers")}

    def prepare(self, source: str) -> str:
        """Texts are tokenized as a batch."""
        return source

    def encode(self, prepared: Sequence[str]) -> Float32[np.ndarray, "n D"]:
        """Encode a batch of texts, each cut to the model's longest."""
        tokens = self.tokenizer(
            list(prepared), padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        ).to(self.device)
        return run_batch(
            lambda: self._pool(self.model(**tokens).last_hidden_state, tokens["attention_mask"]), self.device
        )

    def _pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        if self.pooling == "cls":
            return hidden[:, 0]
        weight = mask.unsqueeze(-1).to(hidden.dtype)  # (n, tokens, 1): padding counts nothing
        return (hidden * weight).sum(1) / weight.sum(1)
