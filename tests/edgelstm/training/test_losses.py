"""Losses against their laws; their gradients are checked in `test_gradients`."""

from __future__ import annotations

import numpy as np
import pytest

from edgelstm.training.losses import Objective, row_weights


def test_row_weights() -> None:
    lengths = np.array([5, 3, 2])
    rows = row_weights(lengths, 5, False, 2, np.float64)
    np.testing.assert_allclose(rows.T, [[0, 0, 1 / 3, 1 / 3, 1 / 3], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]])
    last = row_weights(lengths, 5, True, 2, np.float64)
    np.testing.assert_allclose(last.T, [[0, 0, 0, 0, 1], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]])


def test_the_loss_of_undecided_scores_is_log_of_the_classes() -> None:
    loss, _ = Objective("cross-entropy").loss_and_gradient(
        np.zeros((4, 7, 2)), np.eye(7)[:, [0, 3]], np.array([4, 4])
    )
    assert loss == pytest.approx(np.log(7))
