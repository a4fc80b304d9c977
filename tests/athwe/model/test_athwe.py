"""Properties that the published code breaks or that make the model fast (`MODEL.md`)."""

import dataclasses
import itertools

import pytest
import torch
from plain_reference import placeholders_of, step_of, wider
from torch.nn.functional import pad

from athwe.data import Batch
from athwe.model.packed import Packed
from athwe.model.step import Step, placeholder_mask

SUBSETS = [subset for size in (1, 2, 3) for subset in itertools.combinations(("item", "txt", "img"), size)]


def test_scores_do_not_depend_on_padded_length_or_on_what_sits_in_padding(build, catalogue, batch):
    model = build()
    tables = model.item_tables(catalogue)
    expected = model(batch, tables)
    for extra, filler in ((0, 123), (1, 0), (6, 1_500_000_000)):
        torch.testing.assert_close(model(wider(batch, extra, filler), tables), expected, atol=1e-5, rtol=1e-5)


def test_each_row_scores_as_it_does_alone_at_its_own_length(build, catalogue, batch):
    model = build()
    tables = model.item_tables(catalogue)
    expected = model(batch, tables)
    for row, length in enumerate(batch.length.tolist()):
        alone = Batch(
            batch.item_sequence[row : row + 1, :length],
            batch.timestamp[row : row + 1, :length],
            batch.length[row : row + 1],
            batch.target[row : row + 1],
        )
        torch.testing.assert_close(model(alone, tables)[0], expected[row], atol=1e-5, rtol=1e-5)


def test_losses_do_not_depend_on_padding_or_on_the_order_of_the_batch(build, catalogue, batch):
    model = build()
    placeholders = placeholders_of(batch)
    expected = model.losses(Step.of_batches([batch], [placeholders]), catalogue)
    order = torch.tensor([4, 0, 5, 2, 1, 3])
    shuffled = Batch(*(field[order] for field in (batch.item_sequence, batch.timestamp, batch.length, batch.target)))
    longer = wider(batch, 4)
    for other, mask in ((shuffled, placeholders[order]), (longer, pad(placeholders, (0, 4)))):
        parts = model.losses(Step.of_batches([other], [mask]), catalogue)
        assert parts.keys() == expected.keys()
        for name in parts:
            torch.testing.assert_close(parts[name], expected[name], atol=1e-5, rtol=1e-5)


def test_a_step_in_parts_has_the_losses_of_the_whole(build, catalogue, batch):
    model = build()
    placeholders = placeholders_of(batch)
    expected = model.losses(Step.of_batches([batch], [placeholders]), catalogue)
    parts, masks = [], []
    for rows, longest in ((torch.tensor([0, 1, 5]), 3), (torch.tensor([2, 3, 4]), 11)):
        part = Batch(
            batch.item_sequence[rows, :longest],
            batch.timestamp[rows, :longest],
            batch.length[rows],
            batch.target[rows],
        )
        parts.append(part)
        masks.append(placeholders[rows, :longest])
    cut = model.losses(Step.of_batches(parts, masks), catalogue)
    for name in expected:
        torch.testing.assert_close(cut[name], expected[name], atol=1e-5, rtol=1e-5)


def test_every_expert_is_stored_and_changed_by_a_step(build, catalogue, batch):
    model = build(moe_topk=4).train()
    before = {name: value.clone() for name, value in model.state_dict().items() if "experts." in name}
    assert {"experts.shared", "experts.routed"} <= before.keys()
    optimizer = torch.optim.Adam(model.parameters())
    sum(model.losses(step_of(batch), catalogue).values()).backward()
    optimizer.step()
    after = model.state_dict()
    for name in ("experts.shared", "experts.routed"):
        assert (after[name] != before[name]).any(dim=1).all(), name


def test_every_parameter_gets_a_gradient(build, catalogue, batch):
    model = build(moe_topk=4)
    sum(model.losses(step_of(batch), catalogue).values()).backward()
    silent = [
        name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert silent == []


def test_temporal_contrast_sees_time_through_its_placeholders(build, catalogue, batch):
    model = build(routed_expert_nums=0, shared_expert_nums=0)
    model.losses(step_of(batch), catalogue)["temporal_contrast"].backward()
    assert all(model.placeholder[name].weight.grad.abs().sum() > 0 for name in ("txt", "img"))
    assert model.time_gap.table.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("modalities", SUBSETS, ids="-".join)
def test_any_subset_of_modalities_trains_and_scores(build, catalogue, batch, modalities):
    model = build(modalities)
    losses = model.losses(step_of(batch), catalogue)
    assert model(batch, model.item_tables(catalogue)).shape == (6, 25)
    assert losses.keys() == model.loss_weights.keys()
    assert ("item_contrast" in losses) == ("item" in modalities)
    assert ("temporal_contrast" in losses) == ("cluster" in losses) == (modalities != ("item",))
    assert all(value.isfinite() for value in losses.values())


def test_without_categories_there_is_no_attribute_loss(build, catalogue, batch):
    bare = dataclasses.replace(catalogue, attributes=None)
    model = build(catalogue=bare)
    assert "attribute" not in model.losses(step_of(batch), bare)


def test_without_wavelet_and_experts_streams_reach_the_encoders_unchanged(build, catalogue, batch):
    model = build(wavelet_J=0, routed_expert_nums=0, shared_expert_nums=0, phcl_weight=0.0)
    packed, tables = Packed.of(batch), model.item_tables(catalogue)
    tokens = model.tokens(packed, tables)
    expected = model.streams(packed, tables)
    assert torch.equal(tokens.experts_output, expected)
    assert tokens.time_embedding is None


@pytest.mark.parametrize(("routed", "shared"), [(0, 2), (3, 0)])
def test_either_kind_of_expert_can_stand_alone(build, catalogue, batch, routed, shared):
    model = build(routed_expert_nums=routed, shared_expert_nums=shared)
    losses = model.losses(step_of(batch), catalogue)
    assert ("expert_diversity" in losses) == (routed > 1)
    assert model(batch, model.item_tables(catalogue)).isfinite().all()


def test_predict_gives_one_score_a_row(build, catalogue, batch):
    model = build()
    tables = model.item_tables(catalogue)
    assert torch.equal(model.predict(batch, tables), model(batch, tables)[torch.arange(6), batch.target])


def test_timestamps_matter_only_through_gaps(build, catalogue, batch):
    model = build()
    tables = model.item_tables(catalogue)
    moved = dataclasses.replace(batch, timestamp=torch.where(batch.item_sequence > 0, batch.timestamp + 86_400, 0))
    assert torch.equal(model(moved, tables), model(batch, tables))
    stretched = dataclasses.replace(batch, timestamp=batch.timestamp * 2)
    assert not torch.allclose(model(stretched, tables), model(batch, tables))


@pytest.mark.parametrize("beta", [0.0, 0.2, 0.9, 1.0])
def test_placeholders_are_the_stated_share_of_valid_positions(beta):
    length = torch.arange(1, 51).repeat(4)
    mask = placeholder_mask(length, beta, torch.Generator().manual_seed(0))
    count = [min(max(round(beta * n), 1), n) for n in length.tolist()]  # Python, too, rounds halves to even
    assert mask.sum(dim=1).tolist() == count
    assert not mask[torch.arange(50) >= length[:, None]].any()


def test_placeholders_are_drawn_uniformly():
    mask = placeholder_mask(torch.full((20_000,), 5), 0.4, torch.Generator().manual_seed(0))
    torch.testing.assert_close(mask.float().mean(dim=0), torch.full((5,), 0.4), atol=0.02, rtol=0)


def test_a_residual_adds_the_input_of_the_experts(build, batch, catalogue):
    packed, plain, residual = Packed.of(batch), build(), build(expert_residual=True)
    tables = plain.item_tables(catalogue)
    tokens = plain.tokens(packed, tables)
    found = residual.tokens(packed, tables).experts_output
    torch.testing.assert_close(found, tokens.experts_output + tokens.z)


def test_text_and_images_can_start_with_one_weight(build):
    weights = build(feature_initializer_weight=0.25).alignment.weight
    torch.testing.assert_close(weights.detach(), torch.tensor([0.1, 0.25, 0.25]))
