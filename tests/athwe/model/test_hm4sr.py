"""HM4SR against its equations in loops (`BASELINES.md`), and its corrections."""

import dataclasses
import math

import pytest
import torch
from plain_reference import (
    FIRST_TIMESTAMP,
    LONGEST_GAP_SECONDS,
    attribute,
    contrast,
    encode,
    histories,
    next_item,
    placeholders_of,
    step_of,
)

from athwe.data import Batch
from athwe.model.hm4sr import DAY_SECONDS
from athwe.model.packed import Packed

STREAMS = ("item", "txt", "img")


def tables_of(model, catalogue) -> list[torch.Tensor]:
    """E of each modality."""
    tables = [model.item_tables.item.weight]
    for name in model.features:
        projection = model.item_tables.get_submodule(name)
        tables.append(catalogue.features[name] @ projection.weight.T + projection.bias)
    return tables


def time_of(model, times: list[int], place: int) -> torch.Tensor:
    """[interval; absolute] of one position."""
    time, hidden = model.time, model.config.hidden_size
    gap = max(0, times[place] - times[place - 1]) if place else 0
    row = min(math.floor(model.config.interval_scale * math.log2(gap + 1)), len(time.rows.weight) - 1)
    days = (times[place] - FIRST_TIMESTAMP) / 86_400
    waves = [
        math.cos((time.wave.weight[d, 0].item() * days + time.wave.bias[d].item()) * 10_000 ** (-d / hidden))
        for d in range(hidden)
    ]
    return torch.cat([time.rows.weight[row], torch.tensor(waves)])


def mixed(model, x: list[torch.Tensor]) -> list[torch.Tensor]:
    """The interactive mixture: every stream with what its gate takes of the experts."""
    experts, hidden = model.interactive.experts, model.config.hidden_size
    width, z = len(x) * hidden, torch.cat(x)
    out = []
    for stream, own in enumerate(x):
        gate = model.interactive.gates[stream]
        chance = (gate.weight @ own + gate.bias).softmax(0)
        added = torch.zeros(hidden)
        for expert in range(model.config.start_expert_num):
            rows = slice(expert * width, (expert + 1) * width)
            whole = experts.weight[rows] @ z + experts.bias[rows]
            added = added + chance[expert] * whole[stream * hidden : (stream + 1) * hidden]
        out.append(own + model.interactive.weight[stream] * added)
    return out


def experts_output(model, tables, items: list[int], times: list[int]) -> list[list[torch.Tensor]]:
    """Of each stream, what enters its encoder at each position."""
    streams = []
    for place, item in enumerate(items):
        x = mixed(model, [table[item] + model.streams.position.weight[place] for table in tables])
        router = model.temporal.router
        chance = (router.weight @ time_of(model, times, place) + router.bias).softmax(0)
        scale = sum(chance[expert] * model.temporal.experts[expert] for expert in range(len(chance)))
        streams.append((torch.cat(x) * scale).chunk(len(tables)))
    return [[row[stream] for row in streams] for stream in range(len(tables))]


def placed(model, name: str, rows: list[torch.Tensor], times: list[int], mask: list[bool]) -> list[torch.Tensor]:
    head = model.placeholder[name]
    return [
        head.weight @ time_of(model, times, place) + head.bias if mask[place] else row for place, row in enumerate(rows)
    ]


@pytest.fixture
def model(build_random):
    return build_random("HM4SR", layer_norm_eps=1e-5, start_expert_num=3, temporal_expert_num=5, interval_scale=7.0)


def test_scores_and_every_loss_are_those_of_the_equations(model, catalogue, batch):
    tables, heads = tables_of(model, catalogue), model.config.n_heads
    users, augmented = [], []
    for (items, times), mask in zip(histories(batch), placeholders_of(batch).tolist(), strict=True):
        rows = experts_output(model, tables, items, times)
        users.append([encode(model.encoders, stream, rows[stream], heads) for stream in range(3)])
        again = [placed(model, name, rows[stream], times, mask) for stream, name in ((1, "txt"), (2, "img"))]
        augmented.append([encode(model.encoders, stream, again[stream - 1], heads) for stream in (1, 2)])
    scores = [sum(table @ h for table, h in zip(tables, user, strict=True)) for user in users]
    torch.testing.assert_close(model(batch, model.item_tables(catalogue)), torch.stack(scores), atol=1e-5, rtol=1e-5)

    target, config = batch.target.tolist(), model.config
    each = [
        contrast([user[stream] for user in users], [h[stream - 1] for h in augmented], target, config.phcl_temperature)
        for stream in (1, 2)
    ]
    expected = {
        "next_item": next_item(scores, target),
        "item_contrast": contrast(
            [user[0] for user in users], [tables[0][goal] for goal in target], target, config.temperature
        ),
        "temporal_contrast": sum(each) / 2,
        "attribute": attribute(model.attribute_head, tables, batch, catalogue.attributes),
    }
    losses = model.losses(step_of(batch), catalogue)
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, atol=1e-5, rtol=1e-5, msg=lambda text, name=name: name + text)
    assert model.loss_weights == dict.fromkeys(expected, 1.0)


def test_padding_is_zero_before_the_encoders(model, catalogue, batch):
    packed = Packed.of(batch)
    tokens = model.tokens(packed, model.item_tables(catalogue))
    assert not tokens.z[~packed.valid].any() and not tokens.experts_output[~packed.valid].any()
    assert tokens.experts_output[packed.valid].any(dim=-1).all()


def times_of(model, *times: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Interval and absolute embedding of a history of these times."""
    count = len(times)
    batch = Batch(torch.ones(1, count, dtype=torch.int64), torch.tensor([times]), *torch.tensor([[count], [1]]))
    return model.time(Packed.of(batch)).chunk(2, dim=-1)


def test_gaps_have_their_rows(build):
    model = build(model="HM4SR", interval_scale=100.0)
    start = FIRST_TIMESTAMP
    gaps = (0, 1, 2, 3, 1023, LONGEST_GAP_SECONDS)
    times = [start + sum(gaps[: index + 1]) for index in range(len(gaps))]
    rows = [0, 0, 100, 158, 200, 1000, math.floor(100 * math.log2(LONGEST_GAP_SECONDS + 1))]
    interval, _ = times_of(model, start, *times)
    assert torch.equal(interval, model.time.rows.weight[rows])
    assert len(model.time.rows.weight) == rows[-1] + 1, "the table is as large as training's longest gap needs"


def test_the_first_position_and_a_step_back_in_time_have_the_first_row(build):
    interval, _ = times_of(build(model="HM4SR"), FIRST_TIMESTAMP + 9_999_999, FIRST_TIMESTAMP)
    assert torch.equal(interval, interval[:1].expand(2, -1))


def test_a_gap_longer_than_any_of_training_has_the_last_row(build):
    model = build(model="HM4SR")
    interval, _ = times_of(model, 0, 2_000_000_000, 2_000_000_000 + LONGEST_GAP_SECONDS)
    assert torch.equal(interval[1], model.time.rows.weight[-1]) and torch.equal(interval[1], interval[2])


def test_gaps_are_exact_at_today_s_times(build):
    """At 1.4e9 seconds float32 has a spacing of 128."""
    model = build(model="HM4SR")
    interval, _ = times_of(model, 1_400_000_001, 1_400_000_004)
    assert torch.equal(interval[1], model.time.rows.weight[200])


def test_absolute_time_is_in_days_since_training_began(build):
    model = build(model="HM4SR", hidden_size=4)
    with torch.no_grad():
        model.time.wave.weight.fill_(2.0)
        model.time.wave.bias.fill_(0.5)
    seconds = 3000 * DAY_SECONDS + 21_601
    _, absolute = times_of(model, FIRST_TIMESTAMP, FIRST_TIMESTAMP + seconds)
    for place, days in enumerate((0.0, seconds / DAY_SECONDS)):
        expected = [math.cos((2 * days + 0.5) * 10_000 ** (-d / 4)) for d in range(4)]
        torch.testing.assert_close(absolute[place], torch.tensor(expected), atol=1e-3, rtol=0)
    _, later = times_of(model, FIRST_TIMESTAMP, FIRST_TIMESTAMP + seconds + 3600)
    assert (later[1] - absolute[1]).abs().max() > 0.01, "an hour is nothing in seconds as float32, it is something here"


def test_both_kinds_of_time_act(model, catalogue, batch):
    tables = model.item_tables(catalogue)
    valid = batch.item_sequence > 0
    moved = dataclasses.replace(batch, timestamp=torch.where(valid, batch.timestamp + DAY_SECONDS, 0))
    stretched = dataclasses.replace(
        batch, timestamp=torch.where(valid, FIRST_TIMESTAMP + (batch.timestamp - FIRST_TIMESTAMP) // 100, 0)
    )
    for other in (moved, stretched):
        assert (model(other, tables) - model(batch, tables)).abs().max() > 1e-3


def test_experts_are_parameters_and_change_in_a_step(model, catalogue, batch):
    model.train()
    names = ("interactive.experts.weight", "temporal.experts")
    before = {name: model.state_dict()[name].clone() for name in names}
    optimizer = torch.optim.Adam(model.parameters())
    sum(model.losses(step_of(batch), catalogue).values()).backward()
    optimizer.step()
    for name in names:
        assert (model.state_dict()[name] != before[name]).any(dim=1).all(), name


def test_initial_weights_are_those_stated(build):
    model = build(model="HM4SR", initializer_weight=(0.0, 1.0, 1.0), hidden_size=64, temporal_expert_num=8)
    assert model.interactive.weight.tolist() == [0.0, 1.0, 1.0]
    assert model.temporal.experts.std().item() == pytest.approx(0.1, rel=0.05)
    assert model.interactive.experts.weight.std().item() == pytest.approx(model.config.initializer_range, rel=0.02)
    only = build(("item", "img"), model="HM4SR", initializer_weight=(0.25, 0.5, 0.75))
    assert only.interactive.weight.tolist() == [0.25, 0.75]


@pytest.mark.parametrize("modalities", [("item",), ("txt",), ("item", "img"), STREAMS], ids="-".join)
def test_any_modalities_train_and_score(build_random, catalogue, batch, modalities):
    model = build_random("HM4SR", modalities=modalities)
    losses = model.losses(step_of(batch), catalogue)
    assert losses.keys() == model.loss_weights.keys()
    assert ("item_contrast" in losses) == ("item" in modalities)
    assert ("temporal_contrast" in losses) == (modalities != ("item",))
    assert model(batch, model.item_tables(catalogue)).isfinite().all()
