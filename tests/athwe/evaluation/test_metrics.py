from math import log2

import numpy as np
import pytest

from athwe.evaluation.metrics import mean_metrics, mrr, ndcg, recall

RANKS = np.array([1, 2, 5, 6, 51])


def test_ndcg_of_one_target_is_the_discount_at_its_rank():
    assert ndcg(RANKS, 5).tolist() == pytest.approx([1, 1 / log2(3), 1 / log2(6), 0, 0])


def test_mrr_is_the_reciprocal_rank_within_the_cutoff():
    assert mrr(RANKS, 5).tolist() == pytest.approx([1, 1 / 2, 1 / 5, 0, 0])


def test_recall_counts_targets_within_the_cutoff():
    assert recall(RANKS, 50).tolist() == [1, 1, 1, 1, 0]


def test_means_are_taken_over_users_last():
    means = mean_metrics(RANKS, ["mrr", "recall"], [1, 10])
    assert means == pytest.approx(
        {"mrr@1": 1 / 5, "mrr@10": (1 + 1 / 2 + 1 / 5 + 1 / 6) / 5, "recall@1": 1 / 5, "recall@10": 4 / 5}
    )
