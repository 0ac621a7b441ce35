"""Effective numbers of answers, against series whose correlation is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgelstm.export.parity.independent import independent


def noise(answers: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(answers, 3))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_answers_that_have_nothing_in_common_count_each(activation: Any) -> None:
    assert 3000 <= independent(noise(4000), activation, 0.01) <= 4400


@settings(max_examples=20)
@given(st.integers(2, 40), st.integers(0, 5))
def test_what_is_repeated_counts_once(times: int, seed: int) -> None:
    once = noise(400, seed)
    found = independent(np.repeat(once, times, axis=0), "softmax", 0.05)
    assert found == pytest.approx(independent(once, "softmax", 0.05), rel=0.25)


def test_the_share_of_a_correlated_series_is_as_uncertain_as_it_says() -> None:
    """Many recordings of one kind: the spread of their shares is that of so many independent answers."""
    shares, counts = [], []
    for seed in range(200):
        scores = np.repeat(noise(150, seed), 12, axis=0) + 0.1 * noise(1800, seed + 1000)
        off = scores + 0.1 * np.repeat(noise(150, seed + 2000), 12, axis=0)
        shares.append((scores.argmax(axis=1) == off.argmax(axis=1)).mean())
        counts.append(independent(scores, "softmax", 0.1))
    share = float(np.mean(shares))
    really = share * (1 - share) / np.var(shares)
    assert really < 600  # a third of the answers, or fewer
    assert really / 3 < np.median(counts) < 1.5 * really  # rather too few than too many


@pytest.mark.parametrize(
    "scores", [np.zeros((50, 3)), np.ones((50, 1)), np.zeros((1, 4)), np.full((9, 2), 1e300), np.full((9, 2), 1e-300)]
)
@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "linear"])
@pytest.mark.parametrize("error", [0.0, 1.0, 1e300])
def test_any_scores_give_a_number(scores: NDArray[np.float64], activation: Any, error: float) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        assert 1 <= independent(scores, activation, error) <= len(scores)
