"""Each fast form equals the plain one, written out here (`MODEL.md`, Facts that make it fast)."""

import math

import pytest
import torch
from pytorch_wavelets import DWT1D, DWT1DInverse

from athwe.model import losses
from athwe.model.dropout import Dropout
from athwe.model.time_gaps import gap_buckets, time_gaps
from athwe.model.wavelet import wavelet_matrices


@pytest.mark.parametrize("length", [1, 2, 5, 8, 20, 49, 50])
@pytest.mark.parametrize("levels", [1, 4])
def test_wavelet_matrices_are_the_library_transform(length, levels):
    x = torch.randn(3, 1, length, generator=torch.Generator().manual_seed(length))
    low, high = DWT1D(wave="db4", J=levels, mode="zero")(x)
    analysis, synthesis, sizes = wavelet_matrices(length, levels)
    coefficients = x[:, 0] @ analysis.T
    torch.testing.assert_close(coefficients, torch.cat([low, *high], dim=-1)[:, 0], atol=1e-5, rtol=1e-5)
    assert sizes == (low.shape[-1], *(band.shape[-1] for band in high))
    doubled = [band * 2 for band in (low, *high)]
    expected = DWT1DInverse(wave="db4", mode="zero")((doubled[0], doubled[1:]))[:, 0, :length]
    torch.testing.assert_close(2 * coefficients @ synthesis.T, expected, atol=1e-5, rtol=1e-5)


def test_experts_as_one_product_equal_experts_one_by_one(build):
    experts = build().experts
    z, time_embedding = torch.randn(2, 3, 24), torch.randn(2, 3, 8)
    hidden = torch.relu(experts.router.hidden(time_embedding))
    probability = experts.router.gate(hidden).softmax(dim=-1)
    expected = torch.zeros_like(z)
    for row in range(2):
        for token in range(3):
            kept = probability[row, token].topk(2)
            for weight, index in zip(kept.values / kept.values.sum(), kept.indices, strict=True):
                expected[row, token] += weight * z[row, token] * experts.routed[index]
            for shared in experts.shared:
                expected[row, token] += z[row, token] * shared
    torch.testing.assert_close(z * experts(time_embedding), expected, atol=1e-5, rtol=1e-5)


def test_top_one_expert_has_weight_one(build):
    weights = build(moe_topk=1).experts.router(torch.randn(5, 8))
    assert weights.sum(dim=-1).tolist() == pytest.approx([1.0] * 5)
    assert (weights > 0).sum(dim=-1).tolist() == [1] * 5


def test_expert_diversity_in_closed_form_is_the_mean_cosine_of_expert_outputs():
    z, experts = torch.randn(50, 6), torch.randn(3, 6)
    outputs = torch.stack([(z * expert).flatten() for expert in experts])
    pairs = [torch.cosine_similarity(outputs[i], outputs[j], dim=0) for i in range(3) for j in range(3) if i != j]
    actual = losses.expert_diversity(z.square().sum(dim=0), experts)
    torch.testing.assert_close(actual, torch.stack(pairs).mean(), atol=1e-5, rtol=1e-5)


def test_contrast_leaves_out_rows_with_the_same_target():
    anchor = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])
    target = torch.tensor([4, 9, 4])
    cosine = [[1, 0, math.sqrt(0.5)], [0, 1, math.sqrt(0.5)], [math.sqrt(0.5), math.sqrt(0.5), 1]]
    logits = [[value / 0.5 for value in row] for row in cosine]
    expected = [
        -math.log(math.exp(logits[0][0]) / (math.exp(logits[0][0]) + math.exp(logits[0][1]))),
        -math.log(math.exp(logits[1][1]) / sum(map(math.exp, logits[1]))),
        -math.log(math.exp(logits[2][2]) / (math.exp(logits[2][1]) + math.exp(logits[2][2]))),
    ]
    assert float(losses.contrast(anchor, anchor, target, 0.5)) == pytest.approx(sum(expected) / 3, abs=1e-6)


def test_losses_over_unique_items_equal_the_mean_over_positions():
    positions = torch.tensor([2, 1, 2, 0, 2, 3])
    logits, multi_hot = torch.randn(4, 5), (torch.rand(4, 5) > 0.5).float()
    label = torch.tensor([1, -1, 4, 0])
    items, counts = positions.unique(return_counts=True)
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits[positions], multi_hot[positions])
    torch.testing.assert_close(losses.attribute(logits[items], multi_hot[items], counts.float()), each)
    labelled = positions[label[positions] >= 0]
    expected = torch.nn.functional.cross_entropy(logits[labelled], label[labelled])
    torch.testing.assert_close(losses.cluster(logits[items], label[items], counts.float()), expected)


def test_items_without_any_label_give_a_cluster_loss_of_zero():
    loss = losses.cluster(torch.randn(2, 3), torch.tensor([-1, -1]), torch.tensor([1.0, 4.0]))
    assert float(loss) == 0.0


def test_time_gaps_keep_seconds_and_are_never_negative():
    timestamp = torch.tensor([[1_400_000_001, 1_400_000_002, 1_400_000_000, 0]])
    gap_seconds = time_gaps(timestamp, torch.tensor([[True, True, True, False]]))
    assert gap_seconds.tolist() == [[1, 1, 0, 0]]


def test_gap_buckets_saturate_at_the_span():
    gaps = torch.tensor([0, 1, 1000, 10**9])
    assert gap_buckets(gaps, 100, 1000.0).tolist() == [0, round(100 * (1 - math.exp(-0.001))), 63, 100]


def test_dropout_keeps_the_mean_and_the_stated_share():
    torch.manual_seed(0)
    dropped = Dropout(0.3).train()(torch.ones(1000, 333))
    assert float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.005)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.01)
    assert len(dropped.unique()) == 2


def test_dropout_is_silent_in_evaluation():
    x = torch.randn(4, 5)
    assert torch.equal(Dropout(0.5).eval()(x), x)
