"""Encode what no row is kept of yet, in batches; pictures are decoded while the batch before is encoded."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from athwe.allocator import keep_freed_memory
from athwe.prepare.features.encoded_rows import EncodedRows
from athwe.prepare.features.encoder import Choice, Encoder, UnreadableInput

MOST_THREADS = 16


@dataclass(frozen=True)
class Encoded:
    """Rows by content key, and what could not be read."""

    rows: Mapping[bytes, Float32[np.ndarray, " D"]]
    unreadable: Mapping[bytes, str]
    """The reason by content key."""
    about: Mapping[str, Any]
    """What the encoder is and decided on loading."""
    new: int
    """How many were encoded now; the others were kept from before."""


def encode(choice: Choice, sources: Mapping[bytes, Any], batch_size: int, label: str) -> Encoded:
    """Rows of all sources that can be read; the encoder is only loaded if some are not kept yet.

    Args:
        sources: what to encode by content key, in the order to encode it in.
        label: of the progress display.

    Raises:
        EncoderError: the encoder cannot be loaded or gives no finite rows. Batches before stay kept.
    """
    kept = EncodedRows(choice.identity)
    rows = kept.read(sources)
    pending = {key: source for key, source in sources.items() if key not in rows}
    unreadable: dict[bytes, str] = {}
    if pending:
        keep_freed_memory()  # batches are of one size: a processor spends a third less time on them
        encoder = choice.load()
        with _progress() as progress:
            task = progress.add_task(label, total=len(sources), completed=len(rows))
            for prepared in _prepared_batches(encoder, pending, batch_size):
                unreadable |= prepared.unreadable
                if prepared.inputs:
                    rows |= _encode_batch(encoder, kept, prepared.inputs)
                progress.advance(task, len(prepared.inputs) + len(prepared.unreadable))
    about = {**choice.about, **(kept.about or {})}
    return Encoded(rows, unreadable, about, new=len(pending) - len(unreadable))


def _encode_batch(encoder: Encoder, kept: EncodedRows, inputs: Mapping[bytes, Any]) -> dict[bytes, np.ndarray]:
    encoded = encoder.encode(list(inputs.values()))
    about = {**encoder.about, "width": encoded.shape[1]}  # known now
    if kept.about != about:
        kept.start(about)
    kept.append(list(inputs), encoded)
    return dict(zip(inputs, encoded, strict=True))


@dataclass(frozen=True)
class _Prepared:
    inputs: dict[bytes, Any]
    unreadable: dict[bytes, str]


def _prepared_batches(encoder: Encoder, sources: Mapping[bytes, Any], batch_size: int) -> Iterator[_Prepared]:
    """Batches of prepared inputs, each made by several threads while the one before is used."""
    items = list(sources.items())
    pool = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1))

    def submit(start: int) -> dict[bytes, Future]:
        return {key: pool.submit(encoder.prepare, source) for key, source in items[start : start + batch_size]}

    try:
        following = submit(0)
        for start in range(batch_size, len(items) + batch_size, batch_size):
            current, following = following, submit(start)
            yield _collect(current)
    finally:
        pool.shutdown(cancel_futures=True)


def _collect(futures: Mapping[bytes, Future]) -> _Prepared:
    prepared = _Prepared({}, {})
    for key, future in futures.items():
        try:
            prepared.inputs[key] = future.result()
        except UnreadableInput as error:
            prepared.unreadable[key] = str(error)
    return prepared


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
