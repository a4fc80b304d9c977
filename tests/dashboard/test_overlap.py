"""Overlap of lists and of categories, on cases with known answers."""

import math

import pytest

from dashboard.overlap import divergence, rank_biased_overlap, shares


@pytest.mark.parametrize("length", [1, 2, 10, 50])
def test_the_same_list_overlaps_wholly_and_a_disjoint_one_not_at_all(length):
    one, other = list(range(length)), list(range(length, 2 * length))
    assert rank_biased_overlap(one, one) == pytest.approx(1.0)
    assert rank_biased_overlap(one, other) == 0.0


def test_a_list_that_the_other_goes_on_from_is_taken_to_go_on_so():
    assert rank_biased_overlap("a", "ab") == pytest.approx(1.0)
    assert rank_biased_overlap("abc", "abcdef") == rank_biased_overlap("abcdef", "abc") == pytest.approx(1.0)


def test_worked_examples():
    p = 0.9
    # Overlap 0 at depth 1, whole at depth 2 and from there on: p² + (1 - p) / p · p²
    assert rank_biased_overlap("ab", "ba", p) == pytest.approx(p**2 + (1 - p) / p * p**2)
    # X = 1, 1, 2 of depths 1, 2, 3, extrapolated at 2/3
    weighted = p + p**2 / 2 + 2 / 3 * p**3
    assert rank_biased_overlap("abc", "axb", p) == pytest.approx((1 - p) / p * weighted + 2 / 3 * p**3)
    # Unequal lengths, s = 2, l = 3, X_s = 1, X_l = 1: equation 32 of the paper, term by term
    agreed = p + p**2 / 2 + p**3 / 3
    short = 1 * (3 - 2) / (2 * 3) * p**3
    rest = ((1 - 1) / 3 + 1 / 2) * p**3
    assert rank_biased_overlap("ab", "acd", p) == pytest.approx((1 - p) / p * (agreed + short) + rest)


def test_the_first_ranks_count_most_and_the_order_of_the_two_does_not_matter():
    first, last = rank_biased_overlap("abcd", "axyz"), rank_biased_overlap("abcd", "xyzd")
    assert first > last > 0
    assert rank_biased_overlap("abcd", "dxab") == rank_biased_overlap("dxab", "abcd")


def test_an_empty_list_has_nothing_in_common():
    assert rank_biased_overlap([], []) == rank_biased_overlap("a", []) == 0.0


def test_shares_sum_to_one_and_an_item_of_two_categories_is_half_of_each():
    found = shares([["a", "b"], ["a"], ["c"], []])
    assert found == pytest.approx({"a": 1.5 / 3, "b": 0.5 / 3, "c": 1 / 3})
    assert shares([[], []]) == {}


def test_divergence_of_mixtures():
    assert divergence({"a": 0.5, "b": 0.5}, {"a": 0.5, "b": 0.5}) == 0.0
    assert divergence({"a": 0.5, "b": 0.5}, {"c": 1.0}) == pytest.approx(1.0)
    # Against the mean (3/4, 1/4): half of log2(4/3), and half of 1/2 log2(2/3) + 1/2 log2(2)
    expected = 0.5 * math.log2(4 / 3) + 0.5 * (0.5 * math.log2(2 / 3) + 0.5 * 1)
    assert divergence({"a": 1.0}, {"a": 0.5, "b": 0.5}) == pytest.approx(expected)
