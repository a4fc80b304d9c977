import pytest
import torch

from athwe.model import cross_entropy
from athwe.model.cross_entropy import linear_cross_entropy


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(2)
    user, table = (torch.randn(rows, 6, generator=generator, requires_grad=True) for rows in (13, 40))
    return user, table, torch.randint(0, 40, (13,), generator=generator)


@pytest.mark.parametrize("rows", [1, 4, 13, 64])
def test_it_is_the_cross_entropy_of_all_scores_with_its_gradients(problem, rows, monkeypatch):
    monkeypatch.setattr(cross_entropy, "rows_per_chunk", lambda *_, **__: rows)
    user, table, target = problem
    expected = torch.nn.functional.cross_entropy(user @ table.T, target)
    gradients = torch.autograd.grad(3 * expected, (user, table))
    actual = linear_cross_entropy(user, table, target)
    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(torch.autograd.grad(3 * actual, (user, table)), gradients)


def test_scores_far_apart_neither_overflow_nor_vanish(problem):
    user, table, target = problem
    loss = linear_cross_entropy(user * 1e4, table, target)
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(user * 1e4 @ table.T, target))
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, (user, table)))


def test_a_nan_score_is_a_nan_loss(problem):
    user, table, target = problem
    assert linear_cross_entropy(user, table.detach().index_fill(0, torch.tensor([3]), torch.nan), target).isnan()


def test_in_bf16_the_loss_is_summed_in_fp32_and_gradients_keep_the_type_of_their_tensors(problem):
    user, table, target = problem
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_cross_entropy(user, table, target)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(user @ table.T, target), atol=0.02, rtol=0.02)
    assert [gradient.dtype for gradient in torch.autograd.grad(loss, (user, table))] == [torch.float32] * 2


def test_no_score_is_kept_for_every_pair_of_a_row_and_an_item(monkeypatch):
    """The largest allocation is a chunk of scores, or the gradient of the table."""
    monkeypatch.setattr(cross_entropy, "rows_per_chunk", lambda *_, **__: 8)
    user, table = torch.randn(512, 4, requires_grad=True), torch.randn(1000, 4, requires_grad=True)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        linear_cross_entropy(user, table, torch.zeros(512, dtype=torch.int64)).backward()
    largest = max(event.self_cpu_memory_usage for event in profile.events())
    assert largest < 8 * 1000 * 4 * 2 < 512 * 1000 * 4
