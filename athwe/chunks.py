"""How many rows of scores to hold at once."""

CHUNK_BYTES = {"cpu": 1 << 24, "cuda": 1 << 28}
"""Size of one chunk of float32 scores: what a processor's cache holds, or what keeps a GPU busy."""


def rows_per_chunk(device_type: str, columns: int, at_least: int = 1) -> int:
    """Rows of `columns` float32 scores that make one chunk on a device.

    >>> rows_per_chunk("cpu", 28_238), rows_per_chunk("cpu", 1_000_000, at_least=64)
    (148, 64)
    """
    chunk_bytes = CHUNK_BYTES.get(device_type, CHUNK_BYTES["cpu"])
    return max(at_least, chunk_bytes // (4 * columns))
