"""UniSRec against its equations in loops (`BASELINES.md`): text through whitening experts, cosine over temperature."""

import pytest
import torch
from plain_reference import encode, histories, next_item, step_of
from torch.nn.functional import softplus

from athwe.model.unisrec import NOISE_FLOOR


def adapted(adaptor, x: torch.Tensor) -> torch.Tensor:
    """`Σ_e softmax(x W_gate)_e W_e (x − b_e)` of one item, without dropout and noise."""
    chance = (x @ adaptor.gate).softmax(0)
    return sum(chance[e] * ((x - adaptor.shift[e]) @ adaptor.weight[e]) for e in range(len(chance)))


def table_of(model, catalogue) -> torch.Tensor:
    """T: adapted text and, in the transductive form, the item's own embedding."""
    tables = model.item_tables
    text = torch.stack([adapted(tables.adaptor, row) for row in catalogue.features["txt"]])
    return text if tables.item is None else text + tables.item.weight


def scores_of(model, table, batch) -> list[torch.Tensor]:
    found = []
    for items, _ in histories(batch):
        x = [table[item] + model.streams.position.weight[place] for place, item in enumerate(items)]
        h = encode(model.encoders, 0, x, model.config.n_heads)
        cosines = [torch.cosine_similarity(h, row, dim=0) for row in table]
        found.append(torch.stack(cosines) / model.config.temperature)
    return found


@pytest.fixture
def made(build_random):
    def build_one(**changes):
        return build_random("UniSRec", **{"layer_norm_eps": 1e-5, "n_exps": 3, "temperature": 0.3} | changes)

    return build_one


@pytest.mark.parametrize("form", ["transductive", "inductive"])
def test_scores_and_loss_are_those_of_the_equations(made, catalogue, batch, form):
    model = made(train_type=form)
    table = table_of(model, catalogue)
    torch.testing.assert_close(model.item_tables(catalogue)[:, 0], table, atol=1e-5, rtol=1e-5)
    expected = scores_of(model, table, batch)
    torch.testing.assert_close(model(batch, model.item_tables(catalogue)), torch.stack(expected), atol=1e-5, rtol=1e-5)
    losses = model.losses(step_of(batch), catalogue)
    assert losses.keys() == {"next_item"} == model.loss_weights.keys()
    torch.testing.assert_close(losses["next_item"], next_item(expected, batch.target.tolist()), atol=1e-5, rtol=1e-5)


def test_scores_are_cosines_over_the_temperature(made, catalogue, batch):
    model = made(temperature=0.07)
    tables = model.item_tables(catalogue)
    scores = model(batch, tables)
    assert scores.abs().max() <= 1 / 0.07 + 1e-4
    halved = made(temperature=0.035)
    torch.testing.assert_close(halved(batch, tables), 2 * scores, atol=1e-4, rtol=1e-5)
    longer = tables.clone()
    absent = min(set(range(1, 25)) - set(batch.item_sequence.flatten().tolist()))
    longer[absent] *= 7  # the length of what is no history's does not matter
    torch.testing.assert_close(model(batch, longer), scores, atol=1e-4, rtol=1e-5)


def test_without_own_embeddings_an_item_never_seen_has_the_score_of_its_text(made, catalogue, batch):
    features = catalogue.features["txt"]
    features[23] = features[9]
    model = made(train_type="inductive").train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        model.losses(step_of(batch), catalogue)["next_item"].backward()
        optimizer.step()
    scores = model.eval()(batch, model.item_tables(catalogue))
    torch.testing.assert_close(scores[:, 23], scores[:, 9])
    assert not any(value.shape[:1] == (25,) for value in model.state_dict().values()), "nothing is known of an item"
    transductive = made(train_type="transductive")
    with torch.no_grad():
        transductive.item_tables.item.weight[23] = 0
    tables = transductive.item_tables(catalogue)
    torch.testing.assert_close(tables[23, 0], adapted(transductive.item_tables.adaptor, features[23]))


def test_noise_is_on_the_gates_and_in_training_only(made):
    adaptor = made(n_exps=2).item_tables.adaptor
    x = torch.linspace(-1, 1, 6).repeat(40_000, 1)
    assert torch.equal(adaptor.gates(x), (x @ adaptor.gate).softmax(-1))
    torch.manual_seed(3)
    gates = adaptor.train().gates(x)
    logits = torch.log(gates[:, 0] / gates[:, 1])  # the difference of two noisy logits
    clean = x[0] @ adaptor.gate
    deviation = softplus(x[0] @ adaptor.noise) + NOISE_FLOOR
    assert logits.mean().item() == pytest.approx((clean[0] - clean[1]).item(), abs=0.02)
    assert logits.std().item() == pytest.approx(deviation.norm().item(), rel=0.02)


def test_dropout_is_on_the_text_and_not_on_the_gates(made):
    adaptor = made(n_exps=1, adaptor_dropout_prob=0.5).item_tables.adaptor.train()
    x = torch.ones(4000, 6)
    torch.manual_seed(4)
    out = adaptor(x)
    kept = 2 * torch.tensor([[bits >> place & 1 for place in range(6)] for bits in range(64)]).float()
    possible = (kept - adaptor.shift[0]) @ adaptor.weight[0]
    distance = torch.cdist(out, possible, compute_mode="donot_use_mm_for_euclid_dist")
    assert distance.min(dim=1).values.max() < 1e-3, "something else was dropped"
    assert len(distance.argmin(dim=1).unique()) == 64
    assert torch.equal(adaptor.eval()(x), adaptor(x))


def test_gates_see_the_text_without_dropout(made):
    adaptor = made(n_exps=2, adaptor_dropout_prob=0.5).item_tables.adaptor.train()
    with torch.no_grad():
        adaptor.noise.zero_()
        adaptor.noise[1] = -50  # what is left of the noise is its floor
        adaptor.weight[0] = 0  # an expert that says nothing beside one that always says the same
        adaptor.weight[1] = 0
        adaptor.shift[1] = torch.tensor([1.0, 0, 0, 0, 0, 0])
        adaptor.weight[1, 0] = 1
        adaptor.gate.zero_()
        adaptor.gate[1:, 1] = 2
    out = adaptor(torch.tensor([[0.0, 1, 1, 1, 1, -4]]).repeat(500, 1))  # logits 0 and 0, unless something is dropped
    torch.testing.assert_close(out, torch.full((500, 8), -0.5), atol=0.03, rtol=0)


def test_initial_weights_are_those_stated(build):
    model = build(("txt",), model="UniSRec", n_exps=8, hidden_size=64, initializer_range=0.02)
    adaptor = model.item_tables.adaptor
    assert adaptor.weight.shape == (8, 6, 64) and adaptor.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert not any(values.any() for values in (adaptor.shift, adaptor.gate, adaptor.noise))
    assert model.item_tables.item.weight.std().item() == pytest.approx(0.02, rel=0.05)
