"""SASRec against its equations in loops (`BASELINES.md`): the item stream alone."""

import torch
from plain_reference import encode, histories, next_item, step_of


def scores_of(model, batch) -> list[torch.Tensor]:
    """Item and position, encoder, dot product with the item table."""
    items, position = model.item_tables.item.weight, model.streams.position.weight
    found = []
    for history, _ in histories(batch):
        x = [items[item] + position[place] for place, item in enumerate(history)]
        found.append(items @ encode(model.encoders, 0, x, model.config.n_heads))
    return found


def test_scores_and_loss_are_those_of_the_equations(build_random, catalogue, batch):
    model = build_random("SASRec", layer_norm_eps=1e-5)
    expected = scores_of(model, batch)
    torch.testing.assert_close(model(batch, model.item_tables(catalogue)), torch.stack(expected), atol=1e-5, rtol=1e-5)
    losses = model.losses(step_of(batch), catalogue)
    assert losses.keys() == {"next_item"} == model.loss_weights.keys()
    torch.testing.assert_close(losses["next_item"], next_item(expected, batch.target.tolist()), atol=1e-5, rtol=1e-5)


def test_it_is_athwe_without_wavelet_experts_and_other_losses(build, build_random, catalogue, batch):
    model = build_random("SASRec")
    off = {"wavelet_J": 0, "routed_expert_nums": 0, "shared_expert_nums": 0}
    whole = build(("item",), model="ATHWE", id_contrastive_weight=0.0, attribute_weight=0.0, **off)
    missing = whole.load_state_dict(model.state_dict(), strict=False)
    assert (missing.missing_keys, missing.unexpected_keys) == (["fusion"], [])
    torch.testing.assert_close(whole(batch, whole.item_tables(catalogue)), model(batch, model.item_tables(catalogue)))


def test_time_text_and_images_do_not_act(build_random, catalogue, batch):
    model = build_random("SASRec")
    tables = model.item_tables(catalogue)
    later = type(batch)(batch.item_sequence, batch.timestamp * 3, batch.length, batch.target)
    assert torch.equal(model(later, tables), model(batch, tables))
    assert not [name for name in model.state_dict() if "txt" in name or "img" in name]
