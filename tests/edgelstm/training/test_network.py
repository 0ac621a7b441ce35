"""The trainer's own forward pass against the float reference, its first weights against what is published."""

from __future__ import annotations

import numpy as np
import pytest

from edgelstm import forward
from edgelstm.model import Answer, Model, Normalize
from edgelstm.training.layers import (
    Trainable,
    TrainableContext,
    TrainableConv,
    TrainableDense,
    TrainableGRU,
    TrainableLSTM,
)
from edgelstm.training.losses import Objective
from edgelstm.training.network import Memories, Network, Parameters, begin

SCORES = TrainableDense(4, "linear")
NETWORKS: dict[str, tuple[Trainable, ...]] = {
    "lstm": (TrainableLSTM(5), TrainableLSTM(4), TrainableDense(6), SCORES),
    "gru, reset after": (TrainableGRU(5), SCORES),
    "gru, reset before": (TrainableGRU(5, "before"), TrainableGRU(4, "before"), SCORES),
    "conv": (
        TrainableContext(9),
        TrainableConv(5, 3, 2, 2),
        TrainableConv(4, 2, activation="linear"),
        TrainableLSTM(3),
        SCORES,
    ),
    "strides": (TrainableContext(4, 3), TrainableLSTM(5), TrainableContext(2, 2), TrainableGRU(4), SCORES),
}


def shaken(layers: tuple[Trainable, ...], dtype: type = np.float32) -> tuple[Network, Parameters]:
    """First weights, none of them zero but the bias that a GRU with its reset before does not have."""
    network, parameters = begin(layers, 3, np.random.default_rng(1), dtype)
    before = {at.name for layer, at in zip(layers, network.road) if getattr(layer, "reset", "") == "before"}
    for name, value in parameters.items():
        if name not in {f"{layer}.rb" for layer in before}:
            value += (0.2 * np.random.default_rng(value.size).standard_normal(value.shape)).astype(dtype)
    return network, parameters


@pytest.mark.parametrize("name", NETWORKS)
def test_the_trainer_computes_what_the_model_says(name: str) -> None:
    network, parameters = shaken(NETWORKS[name])
    model = Model(Normalize(np.zeros(3), np.ones(3)), network.to_layers(parameters), answer=Answer(hop=0))
    assert network.stride == model.stride
    x = np.random.default_rng(0).normal(size=(50, 3, 4)).astype(np.float32)
    mine = network.run(parameters, x).scores
    assert mine.dtype == np.float32
    for b in range(4):
        np.testing.assert_allclose(mine[:, :, b], forward.forward(model, x[:, :, b]).scores, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_pieces_with_carried_states_are_the_whole(name: str) -> None:
    network, parameters = shaken(NETWORKS[name], np.float64)
    x = np.random.default_rng(3).normal(size=(42, 3, 2))
    whole, found, before = network.run(parameters, x).scores, [], None
    for piece in (x[:6], x[6:30], x[30:36], x[36:]):
        run = network.run(parameters, piece, before=before)
        found.append(run.scores)
        before = run.after()
    np.testing.assert_allclose(np.concatenate(found), whole, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", NETWORKS)
def test_padding_changes_nothing(name: str) -> None:
    network, parameters = shaken(NETWORKS[name], np.float64)
    x, target = np.random.default_rng(0).normal(size=(14, 3, 2)), np.eye(4)[:, [0, 2]]
    padded = np.concatenate([x, 99 * np.ones((7, 3, 2))])
    lengths = np.array([14, 12]) // network.stride
    results = []
    for frames in (x, padded):
        one = network.run(parameters, frames)
        loss, gradient = Objective("cross-entropy", "frames", 1).loss_and_gradient(one.scores, target, lengths)
        results.append((loss, one.gradients(gradient)))
    assert results[0][0] == pytest.approx(results[1][0])
    for key in parameters:
        np.testing.assert_allclose(results[0][1][key], results[1][1][key], atol=1e-12)


def test_memory_that_is_used_again_changes_nothing() -> None:
    network, parameters = shaken(NETWORKS["strides"])
    memories = Memories()
    rng = np.random.default_rng(0)
    for frames, batch in ((30, 4), (12, 2), (36, 3)):
        x = rng.normal(size=(frames, 3, batch)).astype(np.float32)
        passes = [network.run(parameters, x), network.run(parameters, x, memories=memories)]
        np.testing.assert_array_equal(passes[0].scores, passes[1].scores)
        found = [one.gradients(np.ones_like(one.scores)) for one in passes]
        for key in parameters:
            np.testing.assert_array_equal(found[0][key], found[1][key])


def test_dropout_has_one_mask_per_sequence_on_recurrent_layers_alone() -> None:
    network, _ = shaken((TrainableDense(200), TrainableLSTM(300), TrainableGRU(400), SCORES))
    drops = network.drops(0.25, 50, np.random.default_rng(0), np.float32)
    assert {name: drop.shape for name, drop in drops.items()} == {"lstm0": (300, 50), "gru0": (400, 50)}
    for drop in drops.values():
        assert set(np.unique(drop)) == {np.float32(0), np.float32(1) / np.float32(0.75)}
        assert drop.mean() == pytest.approx(1, abs=0.03)
    assert network.drops(0, 50, np.random.default_rng(0), np.float32) == {}


def test_lstms_begin_as_published() -> None:
    _, parameters = begin((TrainableLSTM(16), SCORES), 3, np.random.default_rng(5), np.float64)
    for R in np.split(parameters["lstm0.R"], 4):
        np.testing.assert_allclose(R @ R.T, np.eye(16), atol=1e-12)
    assert parameters["lstm0.b"].tolist() == [0] * 16 + [1] * 16 + [0] * 32
    assert np.abs(parameters["lstm0.W"]).max() <= np.sqrt(6 / 19)


@pytest.mark.parametrize("reset", ["after", "before"])
def test_grus_begin_by_keeping(reset: str) -> None:
    _, parameters = begin((TrainableGRU(16, reset), SCORES), 3, np.random.default_rng(5), np.float64)  # type: ignore[arg-type]
    for R in np.split(parameters["gru0.R"], 3):
        np.testing.assert_allclose(R @ R.T, np.eye(16), atol=1e-12)
    assert parameters["gru0.b"].tolist() == [1] * 16 + [0] * 32
    assert not parameters["gru0.rb"].any()
    assert np.abs(parameters["gru0.W"]).max() <= np.sqrt(6 / 19)


def test_convolutions_begin_by_the_fans_of_all_taps() -> None:
    layers = (TrainableContext(5), TrainableConv(20, 5), SCORES)
    _, parameters = begin(layers, 3, np.random.default_rng(5), np.float64)
    W, limit = parameters["conv0.W"], np.sqrt(6 / (5 * (3 + 20)))
    assert W.shape == (20, 5, 3)
    assert 0.95 * limit < np.abs(W).max() <= limit


def test_layers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"conv0.*spans 3 rows, the one before gives 1: put a context"):
        begin((TrainableConv(4, 3), SCORES), 3, np.random.default_rng(0))
