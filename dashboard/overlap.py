"""How much two ranked lists have in common, and two mixtures of categories. Pure functions."""

import math
from collections.abc import Hashable, Mapping, Sequence

PERSISTENCE = 0.9
"""Of the reader of rank-biased overlap: the first ten ranks bear 86 % of the weight."""


def rank_biased_overlap(one: Sequence[Hashable], other: Sequence[Hashable], p: float = PERSISTENCE) -> float:
    """Rank-biased overlap, extrapolated from what is seen of the lists: 0 where disjoint, 1 where the same.

    Webber, Moffat, Zobel: A similarity measure for indefinite rankings, TOIS 28(4), 2010, equation 32, for lists of
    unequal length too. No item may be in a list twice. An empty list has nothing in common with any.

    >>> rank_biased_overlap("ab", "ab"), rank_biased_overlap("ab", "cd")
    (1.0, 0.0)
    >>> rank_biased_overlap("ab", "ba", p=0.5)  # nothing at depth 1, everything from depth 2 on
    0.5
    """
    short, long = sorted((one, other), key=len)
    if not short:
        return 0.0
    weighted, common = 0.0, 0
    seen: set[Hashable] = set()
    common_of_short = 0
    for depth, item in enumerate(long, start=1):
        pair = {item, short[depth - 1]} if depth <= len(short) else {item}
        common += len(pair & seen) + (depth <= len(short) and len(pair) == 1)
        seen |= pair
        if depth <= len(short):
            common_of_short = common
            weighted += common / depth * p**depth
        else:  # the short list is taken to go on as it has agreed so far
            agreed = common_of_short * (depth - len(short)) / len(short)
            weighted += (common + agreed) / depth * p**depth
    rest = (common - common_of_short) / len(long) + common_of_short / len(short)
    return min(1.0, (1 - p) / p * weighted + rest * p ** len(long))


def shares(categories: Sequence[Sequence[str]]) -> dict[str, float]:
    """Share of each category in some items, an item's own ones counting alike; items without any are left out.

    >>> shares([["Pan", "Kitchen"], ["Pan"], []])
    {'Pan': 0.75, 'Kitchen': 0.25}
    """
    known = [names for names in categories if names]
    found: dict[str, float] = {}
    for names in known:
        for name in names:
            found[name] = found.get(name, 0.0) + 1 / len(names) / len(known)
    return found


def divergence(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Jensen-Shannon divergence of two mixtures to the base 2: 0 where they are the same, 1 where disjoint.

    >>> divergence({"a": 1.0}, {"b": 1.0})
    1.0
    """
    total = 0.0
    for name in one.keys() | other.keys():
        p, q = one.get(name, 0.0), other.get(name, 0.0)
        total += sum(0.5 * part * math.log2(2 * part / (p + q)) for part in (p, q) if part)
    return min(1.0, max(0.0, total))
