"""Cut sorted histories into groups of similar length, so that little is computed on padding."""

import numpy as np
from jaxtyping import Int64


def cut_by_length(length: Int64[np.ndarray, " n"], overhead_tokens: int) -> list[slice]:
    """The cut with the least work, where a group costs its rows times its longest length, and an overhead of its own.

    Args:
        length: (n,) ascending.
        overhead_tokens: what one more group costs, counted in tokens computed meanwhile.

    >>> cut_by_length(np.array([1, 1, 2, 9]), overhead_tokens=2)
    [slice(0, 3, None), slice(3, 4, None)]
    >>> cut_by_length(np.array([1, 1, 2, 9]), overhead_tokens=100)
    [slice(0, 4, None)]
    """
    distinct, first = np.unique(length, return_index=True)
    bound = [*first.tolist(), len(length)]
    best, begin = [0.0], [0]  # least work for the rows below each bound, and where its last group begins
    for end in range(1, len(bound)):
        work = [best[start] + (bound[end] - bound[start]) * int(distinct[end - 1]) for start in range(end)]
        start = int(np.argmin(work))
        best.append(work[start] + overhead_tokens)
        begin.append(start)
    groups, end = [], len(bound) - 1
    while end:
        groups.append(slice(bound[begin[end]], bound[end]))
        end = begin[end]
    return groups[::-1]
