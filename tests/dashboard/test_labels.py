"""Words and colours of the dashboard."""

import pytest

from dashboard.labels import PALETTE, duration, metric_label, plain, trial_colours


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3725, "1 h 2 min"),
        (93784, "1 d 2 h"),
        (float("nan"), "–"),
        (None, "–"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds, text):
    assert duration(seconds) == text


def test_a_ranking_metric_names_its_split_and_mode_and_a_loss_its_split():
    assert metric_label("valid/ndcg@10", mask_seen=False) == "ndcg@10 · valid · seen items kept"
    assert metric_label("valid/recall@5", mask_seen=True) == "recall@5 · valid · seen items removed"
    assert metric_label("train/loss_total", mask_seen=True) == "loss_total · train"


def test_colours_are_distinct_and_do_not_depend_on_the_order_of_choice():
    colours = trial_colours([0, 8, 16, 3])
    assert len(set(colours.values())) == 4
    assert colours == trial_colours([3, 16, 8, 0])
    assert trial_colours([3])[3] == colours[3] == PALETTE[3]


def test_plain_text_is_no_markdown():
    assert plain("**a** [b](c) $x$ :red[d]\n# e") == r"\*\*a\*\* \[b\]\(c\) \$x\$ \:red\[d\] \# e"
