"""Validation ranks of the same users after every epoch, as they go from a worker to the store: four bytes a user."""

import numpy as np

USER_RANKS = "user_ranks"
"""Key of an epoch's report. No metric: it has no split."""
_SEED = 20
_BYTES = np.dtype("<u4")


def sampled_users(users: int, most: int) -> np.ndarray:
    """Which of a data set's users are kept, in their order: the same ones in every trial of every study.

    >>> sampled_users(3, 5)
    array([0, 1, 2])
    >>> len(sampled_users(1000, 5)), (sampled_users(1000, 5) == sampled_users(1000, 5)).all()
    (5, True)
    """
    if users <= most:
        return np.arange(users)
    return np.sort(np.random.default_rng(_SEED).choice(users, most, replace=False))


def ranks_to_bytes(target_rank: np.ndarray, most: int) -> bytes:
    """The ranks of at most so many users, little-endian."""
    return target_rank[sampled_users(len(target_rank), most)].astype(_BYTES).tobytes()


def ranks_from_bytes(ranks: bytes) -> np.ndarray:
    """The ranks as int64.

    >>> ranks_from_bytes(ranks_to_bytes(np.array([1, 70_000]), most=5))
    array([    1, 70000])
    """
    return np.frombuffer(ranks, _BYTES).astype(np.int64)
