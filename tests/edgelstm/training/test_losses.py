"""Losses against their laws; their gradients are checked in `test_gradients`."""

from __future__ import annotations

import numpy as np
import pytest

from edgelstm.forward import final_answer
from edgelstm.model import Answer
from edgelstm.training.losses import Objective


def test_row_weights() -> None:
    lengths = np.array([5, 3, 2])
    rows = Objective("mse", "frames", 2).counted(lengths).weights(5, np.float64)
    np.testing.assert_allclose(3 * rows.T, [[0, 0, 1 / 3, 1 / 3, 1 / 3], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]])
    last = Objective("mse", "last", 2).counted(lengths).weights(5, np.float64)
    np.testing.assert_allclose(3 * last.T, [[0, 0, 0, 0, 1], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]])


def test_the_loss_of_undecided_scores_is_log_of_the_classes() -> None:
    loss, _ = Objective("cross-entropy").loss_and_gradient(
        np.zeros((4, 7, 2)), np.eye(7)[:, [0, 3]], np.array([4, 4])
    )
    assert loss == pytest.approx(np.log(7))


def test_the_loss_of_mean_and_maximum_is_of_what_a_stream_answers() -> None:
    rng = np.random.default_rng(2)
    scores, lengths = rng.normal(-2, 1, (9, 4, 3)), np.array([9, 5, 2])
    target = np.eye(4)[:, [1, 3, 0]]
    found, gradient = Objective("cross-entropy", "mean+max", 3).loss_and_gradient(scores, target, lengths)
    answers = [
        final_answer(scores[min(3, length - 1) : length, :, place], Answer("mean+max", 0, 0))
        for place, length in enumerate(lengths)
    ]
    logs = [answer - np.log(np.exp(answer).sum()) for answer in answers]
    assert found == pytest.approx(-np.mean([log[label] for log, label in zip(logs, [1, 3, 0])]))
    for place, length in enumerate(lengths):
        assert not gradient[: min(3, length - 1), :, place].any()
        assert not gradient[length:, :, place].any()


VALUE_CRITERIA = ["mse", "huber", "quantile"]


def _objective(criterion: str) -> Objective:
    return Objective(criterion, levels=np.array([0.1, 0.5, 0.9]) if criterion == "quantile" else None)


def test_losses_of_values_are_those_of_the_books() -> None:
    scores, target = np.array([[0.0], [0.0], [0.0]]), np.array([[0.5], [-3.0], [2.0]])
    assert _objective("mse").of_rows(scores, target)[0] == pytest.approx(0.25 + 9 + 4)
    # Huber: square up to 1, then 2|e| - 1.
    assert _objective("huber").of_rows(scores, target)[0] == pytest.approx(0.25 + 5 + 3)
    # Pinball: level·e above the score, (1 - level)·|e| below.
    assert _objective("quantile").of_rows(scores, target)[0] == pytest.approx(0.1 * 0.5 + 0.5 * 3 + 0.9 * 2)


@pytest.mark.parametrize("criterion", VALUE_CRITERIA)
def test_gradients_of_values_are_differences_and_unknown_targets_are_free(criterion: str) -> None:
    rng = np.random.default_rng(4)
    scores, target, lengths = rng.normal(0, 2, (5, 3, 2)), rng.normal(0, 2, (5, 3, 2)), np.array([5, 3])
    target[rng.random(target.shape) < 0.3] = np.nan
    objective = _objective(criterion)
    loss, gradient = objective.loss_and_gradient(scores, target, lengths)
    for place in np.ndindex(scores.shape):
        step = np.zeros_like(scores)
        step[place] = 1e-6
        up, down = (objective.loss_and_gradient(scores + sign * step, target, lengths)[0] for sign in (1, -1))
        assert gradient[place] == pytest.approx((up - down) / 2e-6, abs=1e-6)
    assert (gradient[np.isnan(target)] == 0).all()
    assert np.isfinite(loss)
