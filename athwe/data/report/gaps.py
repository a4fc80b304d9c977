"""Time gaps against the buckets of the time gap table (`MODEL.md`, forward step 3), and a proposal for both keys."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

MOST_DISTINCT = 5_000
"""Gaps that stand for all where there are more different ones: their quantiles."""
SPANS = (25, 50, 100, 200)
"""Values of time_span that are proposed; the last is the published one."""
GAPS_A_BUCKET = 100
"""Training gaps that each bucket in use should have to learn its row from."""
WORTH_HAVING = 0.9
"""The smallest time_span is taken that spreads gaps over this share of the most buckets to be had."""


@dataclass(frozen=True)
class BucketUse:
    """How a set of gaps falls into the buckets 0..time_span."""

    time_span: int
    time_scale: float
    used: int
    """Buckets that any gap falls into."""
    effective: float
    """exp of the entropy: as many buckets, evenly filled, would tell gaps apart as well."""
    shortest: float
    """Share of the gaps in bucket 0, which are not told from no gap at all."""
    saturated: float
    """Share in the last bucket, which are not told from each other however long they are."""
    counts: tuple[int, ...]
    """Gaps by bucket."""


def bucket_of(gap_seconds: Int64[np.ndarray, " n"], time_span: int, time_scale: float) -> Int64[np.ndarray, " n"]:
    """Row `round(a · (1 − exp(−Δ / |k|)))` of the table, as the model computes it.

    >>> bucket_of(np.array([0, 86_400, 10**9]), 200, 15e6).tolist()
    [0, 1, 200]
    """
    share = -np.expm1(-gap_seconds.astype(np.float32) / np.float32(abs(time_scale)))
    return np.round(np.float32(time_span) * share).astype(np.int64)


def bucket_use(gap_seconds: Int64[np.ndarray, " n"], time_span: int, time_scale: float) -> BucketUse:
    """How gaps fall into buckets; there is one gap at least."""
    return _use(gap_seconds, np.ones(len(gap_seconds), np.int64), time_span, time_scale)


def propose(gap_seconds: Int64[np.ndarray, " n"]) -> BucketUse | None:
    """The time_span and time_scale that tell the most gaps apart; None where no gap is longer than 0.

    For each time_span the time_scale is taken that spreads the gaps most evenly (the highest entropy). Then, of the
    spans that leave `GAPS_A_BUCKET` training gaps to each bucket in use, the smallest that comes near the best.
    """
    long = gap_seconds[gap_seconds > 0]
    if not len(long):
        return None
    distinct, count = np.unique(long, return_counts=True)
    if len(distinct) > MOST_DISTINCT:
        distinct = np.quantile(long, (np.arange(MOST_DISTINCT) + 0.5) / MOST_DISTINCT).astype(np.int64)
        count = np.ones(MOST_DISTINCT, np.int64)
    scales = _round_numbers(float(distinct[0]), 10.0 * float(distinct[-1]))
    best = [max((_use(distinct, count, span, scale) for scale in scales), key=_effective) for span in SPANS]
    affordable = [use for use in best if len(long) / use.effective >= GAPS_A_BUCKET] or best[:1]
    most = max(use.effective for use in affordable)
    chosen = next(use for use in affordable if use.effective >= WORTH_HAVING * most)
    return bucket_use(gap_seconds, chosen.time_span, chosen.time_scale)


def _effective(use: BucketUse) -> float:
    return use.effective


def _use(
    gap_seconds: Int64[np.ndarray, " n"], weight: Int64[np.ndarray, " n"], time_span: int, time_scale: float
) -> BucketUse:
    counts = np.bincount(bucket_of(gap_seconds, time_span, time_scale), weight, minlength=time_span + 1)
    share = counts / counts.sum()
    return BucketUse(
        time_span=time_span,
        time_scale=time_scale,
        used=int(np.count_nonzero(counts)),
        effective=_perplexity(share),
        shortest=float(share[0]),
        saturated=float(share[time_span]),
        counts=tuple(counts.astype(int).tolist()),
    )


def _perplexity(share: Float[np.ndarray, " n"]) -> float:
    filled = share[share > 0]
    return float(np.exp(-(filled * np.log(filled)).sum()))


def _round_numbers(low: float, high: float) -> list[float]:
    """Numbers from about `low` to about `high` that are easy to read: 1, 1.5, 2, 3, 5, 7 times a power of ten.

    >>> _round_numbers(8.0, 40.0)
    [7.0, 10.0, 15.0, 20.0, 30.0]
    """
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    numbers = [float(f"{factor}e{power}") for power in powers for factor in (1, 1.5, 2, 3, 5, 7)]
    return [number for number in numbers if low * 0.7 <= number <= high]
