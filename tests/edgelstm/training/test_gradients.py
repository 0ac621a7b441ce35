"""Back-propagation against finite differences in float64, for every parameter of every kind of layer."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest

from counts import FULL
from edgelstm.tasks.task import Criterion
from edgelstm.training.config import Loss
from edgelstm.training.layers import KINDS, Floats, TrainableDense
from edgelstm.training.losses import Objective
from trainable_networks import FEATURES, NETWORKS, begun

LOSSES: tuple[Loss, ...] = get_args(Loss)
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)


def by_differences(loss: Callable[[], float], value: Floats, step: float = 1e-5) -> Floats:
    """The gradient of `loss` by the array `value`, by central differences."""
    gradient = np.empty_like(value)
    for place in np.ndindex(value.shape):
        kept = value[place]
        found = []
        for moved in (kept - step, kept + step):
            value[place] = moved
            found.append(loss())
        value[place] = kept
        gradient[place] = (found[1] - found[0]) / (2 * step)
    return gradient


def relative_error(found: Floats, expected: Floats) -> float:
    """Below 1e-4 a gradient counts as that large: differences of sums near 10 know no less."""
    return float(np.linalg.norm(found - expected) / max(np.linalg.norm(expected), 1e-4))


def test_every_kind_is_checked() -> None:
    assert {layer.kind for layers in NETWORKS.values() for layer in layers} == set(KINDS)


def steps_to_check() -> list[tuple[str, Loss, Criterion]]:
    """Every network with one way to judge, which differs from one to the next; in full with every way."""
    if FULL:
        return list(itertools.product(NETWORKS, LOSSES, CRITERIA))
    return list(zip(NETWORKS, itertools.cycle(LOSSES), itertools.cycle(CRITERIA)))


@pytest.mark.parametrize(("name", "over", "criterion"), steps_to_check())
def test_gradients_of_a_step_equal_finite_differences(name: str, over: Loss, criterion: Criterion) -> None:
    """Of pieces of recordings that go on, begin and end, with dropout: what came before is given, so that nothing of
    it moves with the weights, and what lies behind an end has no say."""
    rng = np.random.default_rng(1)
    network, parameters = begun(NETWORKS[name], rng, np.float64)
    stride, lengths, begins = network.stride, np.array([12, 12, 6]), np.array([False, True, False])
    before = network.run(parameters, rng.normal(size=(6, FEATURES, 3))).after()
    x, drops = rng.normal(size=(12, FEATURES, 3)), network.drops(0.2, 3, rng, np.float64)
    objective = Objective(criterion, over, 1, np.array([1.0, 3, 0.5, 2]), np.array([0.1, 0.5, 0.5, 0.9]))
    target = np.eye(4)[:, [1, 3, 0]] * 0.9 + 0.025

    def loss() -> float:
        scores = network.run(parameters, x, drops, before=before).scores
        return objective.loss_and_gradient(scores, target, lengths // stride, begins)[0]

    gradients = network.learn(parameters, x, objective, target, lengths, begins, drops, before=before).gradients
    assert gradients.keys() == parameters.keys()
    for key, value in parameters.items():
        assert gradients[key].shape == value.shape
        assert relative_error(gradients[key], by_differences(loss, value)) < 1e-6, key


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_by_the_input_equal_finite_differences(name: str) -> None:
    """A dense layer in front: what it gets comes back through all others, contexts first of all."""
    network, parameters = begun(
        (TrainableDense(FEATURES, "linear"), *NETWORKS[name]), np.random.default_rng(1), float
    )
    x = np.random.default_rng(3).normal(size=(13, FEATURES, 2))
    forward = network.run(parameters, x)
    gradients = forward.gradients(np.ones_like(forward.scores))
    expected = by_differences(lambda: float(network.run(parameters, x).scores.sum()), parameters["dense0.W"])
    assert relative_error(gradients["dense0.W"], expected) < 1e-6


@pytest.mark.parametrize(("kind", "criterion"), [*itertools.product(LOSSES, CRITERIA)])
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
