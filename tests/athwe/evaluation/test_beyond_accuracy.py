"""Known answers by hand, and what other libraries gave for the same lists (`docs/evaluation.md`)."""

import numpy as np
import pytest

from athwe.evaluation.beyond_accuracy import catalogue_coverage, diversity, gini, novelty, popularity_lift

N_ITEMS, N_USERS = 8, 5
ITEM_USERS = np.array([0, 4, 3, 1, 0, 2, 5, 1])
LISTS = np.array([[1, 6, 2, 3], [6, 1, 7, 4], [5, 6, 1, 2], [2, 6, 5, 7], [6, 2, 1, 5]])
FEATURES = np.array(
    [[0, 0, 0], [1, 2, 0], [0, 1, 3], [2, -1, 1], [1, 0, 1], [-1, 1, 2], [3, 1, 0], [1, 1, 1]], np.float32
)
CATEGORIES = np.array(
    [[0, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 0], [0, 0, 0, 1], [0, 1, 1, 0]],
    np.float32,
)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize(
    ("k", "coverage", "unevenness"), [(3, 0.7142857142857143, 0.4761904761904762), (4, 1.0, 0.2857142857142857)]
)
def test_coverage_and_gini_are_those_of_recbole(k, coverage, unevenness):
    """RecBole 1.2.1, get_coverage and get_gini over the seven items; its own runs count padding as one more."""
    assert catalogue_coverage(LISTS[:, :k], N_ITEMS) == pytest.approx(coverage, abs=1e-12)
    assert gini(LISTS[:, :k], N_ITEMS) == pytest.approx(unevenness, abs=1e-12)


def test_novelty_is_mean_inverse_user_frequency_of_rectools():
    """RecTools 0.19.0, MeanInvUserFreq(k=4) per user. Item 4, which nobody has, counts as one user's there, too."""
    expected = [0.8452054459852327, 1.2414460711655217, 0.5952054459852327, 1.0952054459852327, 0.5952054459852327]
    assert novelty(LISTS, ITEM_USERS, N_USERS) == pytest.approx(expected, abs=1e-12)


def test_popularity_in_the_lift_is_that_of_rectools_and_recbole():
    """AvgRecPopularity(k=3) per user, and RecBole's AveragePopularity, give a list's mean popularity."""
    popularity = np.array([4.0, 10 / 3, 11 / 3, 10 / 3, 4.0])
    assert popularity_lift(LISTS[:, :3], ITEM_USERS, np.full(5, 2.0)) == pytest.approx(popularity / 2 - 1)


@pytest.mark.parametrize(
    ("features", "similarity"),
    [
        (FEATURES, [0.3322742879, 0.6692574620, 0.3196701705, 0.4462491572, 0.3196701407]),
        (CATEGORIES, [0.3190355599, 0.2845177948, 0.4053086042, 0.4053086042, 0.4053086042]),
    ],
    ids=["features", "categories"],
)  # fmt: skip
def test_diversity_is_one_less_the_intra_list_similarity_of_recmetrics(features, similarity):
    """recmetrics 0.1.5, mean of scikit-learn's cosines over all pairs of a list, in float32."""
    assert diversity(LISTS, features) == pytest.approx(1 - np.array(similarity), abs=1e-6)


def test_gini_has_its_two_ends():
    assert gini(np.array([[1, 2], [3, 4], [5, 6], [7, 1], [2, 3], [4, 5], [6, 7]]), N_ITEMS) == 0
    assert gini(np.full((4, 1), 3), N_ITEMS) == pytest.approx(6 / 7)


@pytest.mark.parametrize("seed", range(5))
def test_gini_is_the_mean_difference_of_all_pairs_of_items(seed):
    """Its definition: half the mean absolute difference, relative to the mean."""
    lists = np.random.default_rng(seed).integers(0, 20, (30, 6))
    count = np.bincount(lists.ravel(), minlength=20)[1:]
    pairs = np.abs(count[:, None] - count[None, :]).mean()
    assert gini(lists, 20) == pytest.approx(pairs / (2 * count.mean()))
    assert 0 <= gini(lists, 20) <= 18 / 19
    assert 0 < catalogue_coverage(lists, 20) <= 1


def test_padding_is_no_recommendation():
    short = np.array([[1, 6, 0, 0], [0, 0, 0, 0], [2, 0, 0, 0]])
    assert catalogue_coverage(short, N_ITEMS) == 3 / 7
    assert gini(short, N_ITEMS) == gini(np.array([[1], [6], [2]]), N_ITEMS)
    bits = novelty(short, ITEM_USERS, N_USERS)
    assert bits[[0, 2]] == pytest.approx([(np.log2(5 / 4) + 0) / 2, np.log2(5 / 3)]) and np.isnan(bits[1])
    lift = popularity_lift(short, ITEM_USERS, np.full(3, 3.0))
    assert lift[[0, 2]] == pytest.approx([4.5 / 3 - 1, 0]) and np.isnan(lift[1])
    varied = diversity(short, FEATURES)
    assert varied[0] == pytest.approx(1 - 5 / 50**0.5) and np.isnan(varied[1:]).all(), "one item has no pair"


def test_without_any_recommendation_nothing_is_uneven():
    assert np.isnan(gini(np.zeros((2, 3), np.int64), N_ITEMS))
    assert catalogue_coverage(np.zeros((2, 3), np.int64), N_ITEMS) == 0


def test_an_item_without_categories_is_left_out():
    categories = np.array([[0, 0], [1, 0], [0, 0], [0, 1], [1, 0]], np.float32)
    lists = np.array([[1, 2, 3], [1, 2, 4], [1, 2, 2], [2, 2, 2]])
    found = diversity(lists, categories)
    assert found[:2].tolist() == [1, 0] and np.isnan(found[2:]).all()


def test_a_history_without_popularity_has_no_lift():
    assert np.isnan(popularity_lift(LISTS[:1], ITEM_USERS, np.zeros(1)))[0]


def test_lists_that_are_the_history_have_no_lift():
    means = ITEM_USERS[LISTS].mean(axis=1)
    assert popularity_lift(LISTS, ITEM_USERS, means) == pytest.approx(0)
    assert popularity_lift(LISTS, 3 * ITEM_USERS, means) == pytest.approx(2)


def test_diversity_of_many_lists_is_that_of_every_pair(random, monkeypatch):
    monkeypatch.setattr("athwe.evaluation.beyond_accuracy.CHUNK_BYTES", 4096)  # several chunks, the last one short
    features = random.standard_normal((40, 16), dtype=np.float32)
    features[[0, 7, 9]] = 0
    lists = np.stack([random.permutation(40)[:10] for _ in range(101)])
    found = diversity(lists, features)
    for values, mine in zip(lists, found, strict=True):
        rows = features[[item for item in values if item not in (0, 7, 9)]].astype(np.float64)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        assert mine == pytest.approx(1 - (rows @ rows.T)[np.triu_indices(len(rows), 1)].mean(), abs=1e-6)


def test_diversity_stays_within_its_bounds(random):
    features = np.tile(random.standard_normal((1, 64), dtype=np.float32), (12, 1)) * random.uniform(0.1, 9, (12, 1))
    features = features.astype(np.float32)
    features[0] = 0
    alike = diversity(random.integers(1, 12, (200, 10)), features)
    assert (alike >= 0).all() and alike.max() < 1e-5
    opposite = np.array([[0.0], [1.0], [-1.0]], np.float32)
    assert diversity(np.array([[1, 2]]), opposite) == pytest.approx(2)


def test_what_nobody_has_is_most_novel_and_what_everybody_has_is_not_novel_at_all():
    lists = np.array([[6], [4], [3]])
    assert novelty(lists, ITEM_USERS, N_USERS).tolist() == [0, np.log2(5), np.log2(5)]
