"""What recommendation lists are like, right or wrong: `docs/evaluation.md` has each definition with its source.

Lists are (n, K) int64, best first, 0 where a list has no item. Tables by item have a row for each of the N items, the
padding item 0 included, which never counts. A user's value is NaN where it has none: an empty list, an empty history,
fewer than two items that can be compared.
"""

import numpy as np

CHUNK_BYTES = 1 << 21
"""Features gathered at once: what a processor's cache holds."""


def catalogue_coverage(lists: np.ndarray, n_items: int) -> float:
    """Share of the catalogue that is in anybody's list.

    >>> catalogue_coverage(np.array([[1, 2], [2, 0]]), n_items=5)
    0.5
    """
    return float((_recommended(lists, n_items) > 0).mean())


def gini(lists: np.ndarray, n_items: int) -> float:
    """How unevenly the catalogue is recommended: 0 all items equally often, (n − 1) / n only one of n; NaN: nothing is.

    >>> gini(np.array([[1, 2], [3, 4]]), n_items=5), gini(np.array([[1], [1]]), n_items=5)
    (0.0, 0.75)
    """
    count = np.sort(_recommended(lists, n_items))
    n, total = len(count), count.sum()
    place = np.arange(1, n + 1)
    return float(((2 * place - n - 1) * count).sum() / (n * total)) if total else float("nan")


def novelty(lists: np.ndarray, item_users: np.ndarray, n_users: int) -> np.ndarray:
    """(n,) mean self-information of a list's items, in bits: log2 of how many users there are to one who has the item.

    Args:
        lists: of the users.
        item_users: (N,) how many users have each item in training; an item that nobody has counts as one user's.
        n_users: users there are in training.

    >>> novelty(np.array([[1, 2], [2, 0]]), np.array([0, 4, 1]), n_users=4)
    array([1., 2.])
    """
    return _means(np.log2(n_users / np.maximum(item_users, 1)), lists)


def popularity_lift(lists: np.ndarray, item_users: np.ndarray, history_popularity: np.ndarray) -> np.ndarray:
    """(n,) how much more popular a list is than its user's own history: 0 alike, 1 twice, −0.5 half as popular.

    Args:
        lists: of the users.
        item_users: (N,) how many users have each item in training.
        history_popularity: (n,) mean of the same over each user's history.

    >>> popularity_lift(np.array([[1, 2], [2, 0]]), np.array([0, 6, 2]), np.array([2.0, 4.0]))
    array([ 1. , -0.5])
    """
    return _ratio(_means(item_users, lists), history_popularity) - 1


def diversity(lists: np.ndarray, features: np.ndarray) -> np.ndarray:
    """(n,) one less the mean cosine of all pairs of a list's items: 0 all alike, 1 nothing in common.

    The cosines of all pairs of m unit vectors sum to (|Σx|² − m) / 2, so no pair is looked at. An item whose row is
    zero has nothing to compare and is left out.

    Args:
        lists: of the users.
        features: (N, D) float32, or multi-hot categories.

    >>> diversity(np.array([[1, 2], [1, 3]]), np.array([[0, 0], [2, 0], [0, 1], [5, 0]], np.float32)).tolist()
    [1.0, 0.0]
    """
    length = np.sqrt(np.einsum("nd,nd->n", features, features))
    weight = np.divide(1, length, out=np.zeros_like(length), where=length > 0)
    weight[0] = 0
    squared = np.empty(len(lists))
    rows = max(1, CHUNK_BYTES // (features.itemsize * max(1, lists.shape[1] * features.shape[1])))
    for start in range(0, len(lists), rows):
        chunk = lists[start : start + rows]
        total = np.matmul(weight[chunk][:, None, :], features[chunk])[:, 0]
        squared[start : start + rows] = np.einsum("nd,nd->n", total, total)
    count = (weight[lists] > 0).sum(axis=1)
    similarity = _ratio(squared - count, count * (count - 1))
    return np.maximum(1 - similarity, 0)  # rounding may put equal items a little above a cosine of 1


def _recommended(lists: np.ndarray, n_items: int) -> np.ndarray:
    """How often each item of the catalogue is recommended, without the padding item."""
    return np.bincount(lists.ravel(), minlength=n_items)[1:]


def _means(values: np.ndarray, lists: np.ndarray) -> np.ndarray:
    """Means of a value over the items of each list."""
    offered = lists > 0
    return _ratio((values[lists] * offered).sum(axis=1), offered.sum(axis=1))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
