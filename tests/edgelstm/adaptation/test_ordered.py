"""Functions in a fixed order against those of the C library, and sums against exact ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgelstm.adaptation import ordered


def test_exp_is_that_of_the_c_library() -> None:
    x = np.concatenate([-np.logspace(-12, 2.8, 4000), [0.0]])
    np.testing.assert_allclose(ordered.exp(x), np.exp(x), rtol=2e-15)
    assert ordered.exp(np.array([-1e300]))[0] == ordered.exp(np.array([-700.0]))[0] > 0


def test_log_is_that_of_the_c_library() -> None:
    x = np.concatenate([np.logspace(-300, 300, 4001), 1 + np.linspace(-0.4, 0.9, 2001)])
    np.testing.assert_allclose(ordered.log(x), np.log(x), rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 100])
def test_a_total_is_the_exact_sum_but_for_rounding(count: int) -> None:
    x = np.random.default_rng(count).normal(size=(count, 3))
    np.testing.assert_allclose(ordered.total(x), [math.fsum(column) for column in x.T], rtol=1e-13, atol=1e-14)


def test_a_total_of_nothing_is_zero() -> None:
    assert ordered.total(np.empty((0, 2))).tolist() == [0, 0]


def test_chances_are_those_of_the_definition() -> None:
    scores = 30 * np.random.default_rng(0).normal(size=(200, 5))
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    np.testing.assert_allclose(ordered.softmax(scores), powers / powers.sum(axis=1, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(ordered.sigmoid(scores), 1 / (1 + np.exp(-scores)), rtol=1e-13)
