"""Back-propagation against finite differences in float64, for every parameter of every kind of layer."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest

from edgelstm.tasks.task import Criterion
from edgelstm.training.config import Loss
from edgelstm.training.layers import (
    KINDS,
    Floats,
    Trainable,
    TrainableContext,
    TrainableConv,
    TrainableDense,
    TrainableGRU,
    TrainableLSTM,
)
from edgelstm.training.losses import Objective
from edgelstm.training.network import Network, Parameters, begin

SCORES = TrainableDense(4, "linear")
NETWORKS: dict[str, tuple[Trainable, ...]] = {
    "lstm": (TrainableLSTM(5), TrainableLSTM(4), TrainableDense(6), SCORES),
    "gru, reset after": (TrainableGRU(5), TrainableGRU(4), SCORES),
    "gru, reset before": (TrainableGRU(5, "before"), TrainableGRU(4, "before"), SCORES),
    "conv": (TrainableContext(6), TrainableConv(5, 3), TrainableConv(4, 2, activation="linear"), SCORES),
    "conv with stride and dilation": (TrainableContext(9), TrainableConv(5, 3, 2, 2), TrainableDense(6), SCORES),
    "context over a layer": (TrainableDense(3, "linear"), TrainableContext(4, 2), TrainableGRU(4), SCORES),
    "stacked strides": (
        TrainableLSTM(3),
        TrainableContext(3, 2),
        TrainableGRU(4),
        TrainableContext(3, 3),
        TrainableConv(3, 2),
        TrainableLSTM(3),
        SCORES,
    ),
    "dense alone": (SCORES,),
}


def begun(layers: tuple[Trainable, ...], features: int = 3) -> tuple[Network, Parameters]:
    """First weights in float64, shaken so that none is zero."""
    network, parameters = begin(layers, features, np.random.default_rng(1), np.float64)
    for value in parameters.values():
        value += 0.2 * np.random.default_rng(value.size).standard_normal(value.shape)
    return network, parameters


def by_differences(loss: Callable[[], float], value: Floats, step: float = 1e-4) -> Floats:
    """The gradient of `loss` by the array `value`, by central differences of fourth order."""
    gradient = np.empty_like(value)
    for place in np.ndindex(value.shape):
        kept = value[place]
        found = []
        for distance in (-2, -1, 1, 2):
            value[place] = kept + distance * step
            found.append(loss())
        value[place] = kept
        gradient[place] = (found[0] - 8 * found[1] + 8 * found[2] - found[3]) / (12 * step)
    return gradient


def relative_error(found: Floats, expected: Floats) -> float:
    """Below 1e-4 a gradient counts as that large: differences of sums near 10 know no less."""
    return float(np.linalg.norm(found - expected) / max(np.linalg.norm(expected), 1e-4))


def test_every_kind_is_checked() -> None:
    assert {layer.kind for layers in NETWORKS.values() for layer in layers} == set(KINDS)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_equal_finite_differences(name: str) -> None:
    network, parameters = begun(NETWORKS[name])
    rng = np.random.default_rng(2)
    x = rng.normal(size=(14, 3, 2))
    drops = network.drops(0.2, 2, rng, np.float64)
    weights = rng.normal(size=network.run(parameters, x).scores.shape)

    def loss() -> float:
        return float((np.sin(network.run(parameters, x, drops).scores) * weights).sum())

    forward = network.run(parameters, x, drops)
    gradients = forward.gradients(np.cos(forward.scores) * weights)
    assert gradients.keys() == parameters.keys()
    for key, value in parameters.items():
        assert gradients[key].shape == value.shape
        assert relative_error(gradients[key], by_differences(loss, value)) < 1e-6, key


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_from_a_carried_state_equal_finite_differences(name: str) -> None:
    """What came before is given, so nothing of it moves with the weights."""
    network, parameters = begun(NETWORKS[name])
    x = np.random.default_rng(5).normal(size=(24, 3, 2))
    before = network.run(parameters, x[:12]).after()
    run = network.run(parameters, x[12:], before=before)
    gradients = run.gradients(np.cos(run.scores))

    def loss() -> float:
        return float(np.sin(network.run(parameters, x[12:], before=before).scores).sum())

    for key, value in parameters.items():
        assert relative_error(gradients[key], by_differences(loss, value)) < 1e-6, key


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_by_the_input_equal_finite_differences(name: str) -> None:
    """A dense layer in front: what it gets comes back through all others, contexts first of all."""
    network, parameters = begun((TrainableDense(3, "linear"), *NETWORKS[name]))
    x = np.random.default_rng(3).normal(size=(13, 3, 2))
    forward = network.run(parameters, x)
    gradients = forward.gradients(np.ones_like(forward.scores))
    expected = by_differences(lambda: float(network.run(parameters, x).scores.sum()), parameters["dense0.W"])
    assert relative_error(gradients["dense0.W"], expected) < 1e-6


@pytest.mark.parametrize(("kind", "criterion"), [*itertools.product(get_args(Loss), get_args(Criterion))])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_gradients_of_losses_equal_finite_differences(kind: Loss, criterion: Criterion, is_weighted: bool) -> None:
    rng = np.random.default_rng(4)
    scores, lengths = rng.normal(size=(7, 4, 3)), np.array([7, 4, 2])
    target = np.eye(4)[:, [1, 3, 0]] * 0.9 + 0.025
    weights = np.array([1.0, 3, 0.5, 2]) if is_weighted else None
    objective = Objective(criterion, kind, 2, weights, np.array([0.1, 0.5, 0.5, 0.9]))
    targets = [target]
    if kind not in ("mean", "mean+max"):  # rows with targets of their own, of which some are not known
        of_rows = np.stack([target] * 7)
        of_rows[3, :, 1] = of_rows[2, 1, 0] = np.nan
        targets.append(of_rows)
    for each in targets:

        def loss(each: Floats = each) -> float:
            return objective.loss_and_gradient(scores, each, lengths)[0]

        gradient = objective.loss_and_gradient(scores, each, lengths)[1]
        assert relative_error(gradient, by_differences(loss, scores)) < 1e-6
