"""The optimizer against published equations."""

from __future__ import annotations

import numpy as np
import pytest

from edgelstm.training.optimizer import SGD, Adam, Average, clip_by_global_norm, learning_rate


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


def test_weights_decay_and_biases_do_not() -> None:
    parameters = {name: np.ones(shape) for name, shape in (("b", 3), ("W", (2, 3)), ("taps", (2, 3, 4)))}
    Adam(parameters, weight_decay=0.1).step({name: np.zeros_like(value) for name, value in parameters.items()}, 0.5)
    assert {name: float(value.max()) for name, value in parameters.items()} == {"b": 1, "W": 0.95, "taps": 0.95}


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_takes_the_published_steps(nesterov: bool) -> None:
    """Equations 1 to 4 of Sutskever et al. 2013, whose velocity holds the rate: Nesterov's gradient is taken where
    the velocity leads to. What is changed here are those leading points."""

    def slope(theta: float) -> float:
        return 3 * theta + 1

    parameters = {"b": np.array([1.0])}
    sgd = SGD(parameters, momentum=0.9, nesterov=nesterov)
    theta, velocity = 1.0, 0.0
    for _ in range(5):
        leading = theta + 0.9 * velocity if nesterov else theta
        assert parameters["b"][0] == pytest.approx(leading, rel=1e-12)
        sgd.step({"b": np.array([slope(parameters["b"][0])])}, 0.01)
        velocity = 0.9 * velocity - 0.01 * slope(leading)
        theta += velocity


@pytest.mark.parametrize("kind", [Adam, SGD])
def test_an_optimizer_that_begins_anew_is_a_new_one(kind: type[Adam | SGD]) -> None:
    parameters = {"b": np.array([1.0])}
    optimizer = kind(parameters)
    optimizer.step({"b": np.array([2.0])}, 0.1)
    optimizer.begin()
    parameters["b"][:] = 1
    optimizer.step({"b": np.array([0.5])}, 0.1)
    other = {"b": np.array([1.0])}
    kind(other).step({"b": np.array([0.5])}, 0.1)
    assert parameters["b"] == other["b"]
