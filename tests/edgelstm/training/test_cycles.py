"""Two cycles: the second goes on from the best of the first, by its own rate, as if it had never been tired."""

from __future__ import annotations

import numpy as np
import pytest

from edgelstm.judging import Figure
from edgelstm.training.checkpoint import Epoch, Progress
from edgelstm.training.config import Training
from edgelstm.training.cycles import begin, current, cycles, why_early
from edgelstm.training.optimizer import Adam, Average


def epochs(cycle: int, losses: list[float | None], scores: list[float] | None = None) -> list[Epoch]:
    least, found = np.inf, []
    for n, loss in enumerate(losses):
        best = loss is None or loss < least
        least = min(least, np.inf if loss is None else loss)
        score = Figure("accuracy", scores[n], is_share=True) if scores else None
        found.append(Epoch(len(found) + 1, 9, 1.0, loss, score, best, 0.0, cycle))
    return found


@pytest.mark.parametrize(
    ("history", "patience", "number"),
    [
        ([], 0, 1),
        (epochs(1, [None] * 2), 0, 1),
        (epochs(1, [None] * 3), 0, 2),
        (epochs(1, [1.0, 2.0]), 2, 1),
        (epochs(1, [2.0, 1.0, 3.0]), 1, 2),  # the first has waited long enough
        ([*epochs(1, [None] * 3), *epochs(2, [None])], 0, 2),
        ([*epochs(1, [None] * 3), *epochs(2, [None] * 2)], 0, None),
    ],
)
def test_the_next_cycle_follows_from_what_there_was(history: list[Epoch], patience: int, number: int | None) -> None:
    settings = Training(epochs=3, second_epochs=2, second_rate=0.01, patience=patience)
    assert [(cycle.epochs, cycle.rate) for cycle in cycles(settings)] == [(3, 0.003), (2, 0.01)]
    found = current(history, settings)
    assert (found.number if found else None) == number


def test_a_second_cycle_begins_at_the_best_weights() -> None:
    weights = {"b": np.array([5.0])}
    progress = Progress(
        weights,
        {"b": np.array([3.0])},
        Adam(weights),
        Average(weights, 0.9),
        np.random.default_rng(0),
        epochs(1, [None]),
    )
    progress.optimizer.step({"b": np.array([1.0])}, 0.1)
    progress.average.update(weights)
    begin(cycles(Training(second_epochs=2))[1], progress)
    assert weights["b"] == 3
    assert progress.optimizer.steps == 0
    assert not any(value.any() for moment in progress.optimizer.moments.values() for value in moment.values())
    weights["b"][:] = 4
    progress.average.update(weights)
    assert progress.average.values["b"] == 4  # the first step of a new mean


@pytest.mark.parametrize(
    ("losses", "scores", "ended"),
    [
        ([4, 3, 2, 1], [1.0, 1.0, 0.9, 1.0], ""),
        ([4, 3, 2], [0.9, 1.0, 1.0], ""),
        ([4, 3, 2, 1], [0.9, 1.0, 1.0, 1.0], "4 of 9 epochs: all that is held out was right in 2 in a row"),
        ([4, 5, 6], [0.9, 0.9, 0.9], "3 of 9 epochs: no better in 2"),
        ([4, 5, 3], [0.9, 0.9, 0.9], ""),
    ],
)
def test_a_run_that_has_nothing_more_to_gain_ends(losses: list[float], scores: list[float], ended: str) -> None:
    """A loss that falls for ever is no reason to go on where every answer has been right for long."""
    settings, history = Training(epochs=9, patience=2), epochs(1, list(losses), scores)
    assert (current(history, settings) is None) == bool(ended)
    if ended:
        assert why_early(history, settings) == ended
    assert why_early([], settings) == ""
