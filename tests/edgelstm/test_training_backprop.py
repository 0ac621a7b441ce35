"""Gradients, losses and the optimizer against finite differences and published equations."""

from __future__ import annotations

import itertools
from typing import Any, get_args

import numpy as np
import pytest

from edgelstm import forward
from edgelstm.model import Model, Normalize
from edgelstm.training.backprop import Parameters, run
from edgelstm.training.config import Loss, Network
from edgelstm.training.losses import frame_weights, loss_and_gradient
from edgelstm.training.optimizer import Adam, Average, clip_by_global_norm, learning_rate
from edgelstm.training.parameters import initialize, to_layers

RNG = np.random.default_rng(0)


def network(dtype: Any = np.float64) -> Parameters:
    """Two LSTM layers and two dense ones, nowhere zero."""
    parameters = initialize(Network(units=(5, 4), hidden=(6,)), 3, 4, np.random.default_rng(1), dtype)
    for value in parameters.values():
        value += 0.2 * np.random.default_rng(value.size).standard_normal(value.shape)
    return parameters


@pytest.mark.parametrize(("kind", "activation"), [*itertools.product(get_args(Loss), ("softmax", "sigmoid"))])
def test_gradients_equal_finite_differences(kind: Loss, activation: Any) -> None:
    parameters, rng = network(), np.random.default_rng(2)
    x, lengths = rng.normal(size=(7, 3, 3)), np.array([7, 4, 2])
    target = np.eye(4)[:, [1, 3, 0]] * 0.9 + 0.025
    drops = [(rng.random((H, 3)) < 0.8) / 0.8 for H in (5, 4)]

    def loss() -> tuple[float, Any]:
        return loss_and_gradient(run(parameters, x, drops).scores, target, lengths, kind, 2, activation)

    gradients = run(parameters, x, drops).gradients(loss()[1])
    assert gradients.keys() == parameters.keys()
    for name, value in parameters.items():
        for place in np.ndindex(value.shape):
            kept = value[place]
            value[place] = kept + 1e-5
            above = loss()[0]
            value[place] = kept - 1e-5
            below = loss()[0]
            value[place] = kept
            assert gradients[name][place] == pytest.approx((above - below) / 2e-5, abs=1e-8), (name, place)


def test_the_trainer_computes_what_the_model_says() -> None:
    """Training's own forward pass against the float reference, through the model that training makes."""
    parameters = network(np.float32)
    lstms, head = to_layers(parameters)
    model = Model(Normalize(np.zeros(3), np.ones(3)), (*lstms, *head))
    x = RNG.normal(size=(50, 3, 4)).astype(np.float32)
    mine = run(parameters, x).scores
    assert mine.dtype == np.float32
    for b in range(4):
        np.testing.assert_allclose(mine[:, :, b], forward.forward(model, x[:, :, b]).scores, atol=1e-5)


def test_padding_changes_nothing() -> None:
    parameters = network()
    x, target = RNG.normal(size=(6, 3, 2)), np.eye(4)[:, [0, 2]]
    padded = np.concatenate([x, 99 * np.ones((3, 3, 2))])
    results = []
    for frames in (x, padded):
        one = run(parameters, frames)
        loss, gradient = loss_and_gradient(one.scores, target, np.array([6, 5]), "frames", 1, "softmax")
        results.append((loss, one.gradients(gradient)))
    assert results[0][0] == pytest.approx(results[1][0])
    for name in parameters:
        np.testing.assert_allclose(results[0][1][name], results[1][1][name], atol=1e-12)


def test_frame_weights() -> None:
    lengths = np.array([5, 3, 2])
    frames = frame_weights(lengths, 5, False, 2, np.float64)
    np.testing.assert_allclose(frames.T, [[0, 0, 1 / 3, 1 / 3, 1 / 3], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]])
    last = frame_weights(lengths, 5, True, 2, np.float64)
    np.testing.assert_allclose(last.T, [[0, 0, 0, 0, 1], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]])


def test_the_loss_of_undecided_scores_is_log_of_the_classes() -> None:
    loss, _ = loss_and_gradient(np.zeros((4, 7, 2)), np.eye(7)[:, [0, 3]], np.array([4, 4]), "frames", 0, "softmax")
    assert loss == pytest.approx(np.log(7))


def test_adam_takes_the_published_steps() -> None:
    """Algorithm 1 of Kingma and Ba, written out for one number; decay as in Loshchilov and Hutter."""
    parameters = {"b": np.array([1.0]), "W": np.array([[1.0]])}
    adam = Adam(parameters, weight_decay=0.1)
    theta, w, m, v = 1.0, 1.0, 0.0, 0.0
    for t, g in enumerate((0.5, -2.0, 0.1), start=1):
        adam.step({"b": np.array([g]), "W": np.array([[g]])}, 0.01)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        move = 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        theta, w = theta - move, w * (1 - 0.01 * 0.1) - move
        assert parameters["b"][0] == pytest.approx(theta, rel=1e-12)
        assert parameters["W"][0, 0] == pytest.approx(w, rel=1e-12)


def test_clipping_keeps_the_direction() -> None:
    gradients = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    assert clip_by_global_norm(gradients, 1.0) == pytest.approx(5)
    np.testing.assert_allclose([*gradients["a"], gradients["b"][0, 0]], [0.6, 0, 0.8])
    assert clip_by_global_norm(gradients, 2.0) == pytest.approx(1)
    np.testing.assert_allclose(gradients["a"], [0.6, 0])


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    rates = [learning_rate(step, 100, 0.01, 0.1) for step in range(100)]
    assert np.argmax(rates) in (9, 10)
    assert max(rates) == pytest.approx(0.01)
    assert (np.diff(rates[:10]) > 0).all()
    assert (np.diff(rates[10:]) < 0).all()
    assert rates[-1] < 1e-5


def test_a_young_average_is_the_mean_of_all_steps() -> None:
    average = Average({"a": np.zeros(1)}, 0.9)
    for value in (1.0, 2.0, 6.0):
        average.update({"a": np.array([value])})
    assert average.values["a"][0] == pytest.approx(3)


def test_parameters_begin_as_published() -> None:
    parameters = initialize(Network(units=(16,)), 3, 2, np.random.default_rng(5), np.float64)
    for R in np.split(parameters["lstm0.R"], 4):
        np.testing.assert_allclose(R @ R.T, np.eye(16), atol=1e-12)
    assert parameters["lstm0.b"].tolist() == [0] * 16 + [1] * 16 + [0] * 32
    assert np.abs(parameters["lstm0.W"]).max() <= np.sqrt(6 / 19)
