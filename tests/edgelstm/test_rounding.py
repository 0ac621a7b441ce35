"""Error feedback: laws of it, against float64 linear algebra that the code itself does without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgelstm.covariance import Covariance
from edgelstm.model import Model
from edgelstm.quantization import quantize
from edgelstm.quantization.matrix import with_four_bits
from edgelstm.quantization.rounding import Inputs, Scaled, fitted, nearest, rounded, unit_factor


def signals(n: int, frames: int, seed: int) -> np.ndarray:
    """(frames, n) that vary together, about means that are not zero."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(frames, n)) @ rng.normal(size=(n, n)) / np.sqrt(n) + rng.normal(size=n)


def weights(rows: int, n: int, seed: int) -> Scaled:
    W = np.random.default_rng(seed).normal(size=(rows, n)).astype(np.float32)
    return Scaled(W, (np.abs(W).max(axis=1) / 127).astype(np.float32))


def inputs_of(x: np.ndarray) -> Inputs:
    return Inputs(len(x), x.mean(axis=0), np.cov(x.T, bias=True))


def lost(part: Scaled, codes: np.ndarray, gained: np.ndarray, x: np.ndarray) -> float:
    """Root mean square of what sums over x lose."""
    error = x @ (part.weights - codes * part.scale[:, None].astype(np.float64)).T - gained
    return float(np.sqrt(np.mean(error**2)))


@pytest.mark.parametrize("seed", range(4))
def test_sums_lose_less_than_by_rounding_to_the_nearest(seed: int) -> None:
    n, part = 24, weights(12, 24, seed)
    x, new = np.split(signals(n, 4000, seed), 2)  # chosen by some, judged by others
    (codes,), gained = rounded((part,), inputs_of(x))
    assert lost(part, codes, gained, new) < 0.7 * lost(part, nearest(part), np.zeros(12), new)


@pytest.mark.parametrize("seed", range(3))
def test_scales_of_few_steps_are_cut_where_sums_lose_less(seed: int) -> None:
    """The error of sums over signals that did not choose: less than with the largest weights whole, and than with the
    scales that are best for each weight by itself."""
    x, new = np.split(signals(40, 8000, seed), 2)
    part, inputs = with_four_bits(weights(48, 40, seed).weights), inputs_of(x)

    def off(some: Scaled) -> float:
        (codes,), gained = rounded((some,), inputs)
        return lost(some, codes, gained, new)

    assert off(fitted((part,), inputs)[0]) < min(off(part), off(fitted((part,), None)[0]))


def test_on_average_sums_are_right() -> None:
    """The bias takes what is left of the mean."""
    x, part = signals(10, 500, 1), weights(6, 10, 2)
    (codes,), gained = rounded((part,), inputs_of(x))
    real = codes * part.scale[:, None].astype(np.float64)
    np.testing.assert_allclose(x.mean(axis=0) @ real.T + gained, x.mean(axis=0) @ part.weights.T, atol=1e-10)


def test_the_factor_is_that_of_the_damped_covariance() -> None:
    covariance = inputs_of(signals(9, 300, 3)).covariance
    N, D = unit_factor(covariance, 0.05)
    assert (np.tril(N, -1) == 0).all()
    assert (np.diag(N) == 1).all()
    inner = np.linalg.solve(N, np.linalg.solve(N, covariance + 0.05 * np.trace(covariance) / 9 * np.eye(9)).T)
    np.testing.assert_allclose(inner, np.diag(D), atol=1e-10)
    assert (D > 0).all()


def test_inputs_that_vary_alone_round_to_the_nearest() -> None:
    part = weights(5, 8, 4)
    (codes,), gained = rounded((part,), Inputs(10_000, np.zeros(8), np.diag(np.arange(1.0, 9))))
    np.testing.assert_array_equal(codes, nearest(part))
    assert not gained.any()


def test_few_runs_round_to_the_nearest() -> None:
    x, part = signals(8, 63, 5), weights(5, 8, 4)
    (codes,), gained = rounded((part,), inputs_of(x))
    np.testing.assert_array_equal(codes, nearest(part))
    assert not gained.any()


def test_a_still_input_and_no_input_at_all_are_no_trouble() -> None:
    part = weights(3, 4, 6)
    for covariance in (np.zeros((4, 4)), np.diag([1.0, 0, 0, 1])):
        (codes,), gained = rounded((part,), Inputs(1000, np.ones(4), covariance))
        assert np.abs(codes).max() == 127
        assert np.isfinite(gained).all()


def test_the_order_of_columns_and_blocks_of_rows_change_nothing() -> None:
    x, part = signals(6, 900, 7), weights(300, 6, 8)  # rows of more than one block
    (codes,), gained = rounded((part,), inputs_of(x))
    (some,), some_gained = rounded((part.rows(slice(280, 300)),), inputs_of(x))
    np.testing.assert_array_equal(codes[280:], some)
    np.testing.assert_array_equal(gained[280:], some_gained)
    left, right = Scaled(part.weights[:, :2], part.scale), Scaled(part.weights[:, 2:], part.scale)
    both, apart = rounded((left, right), inputs_of(x))
    np.testing.assert_array_equal(np.hstack(both), codes)
    np.testing.assert_array_equal(apart, gained)


def test_scales_stay_and_float_forms_have_the_float_model(watch_model: Model) -> None:
    for granularity in ("per-row", "per-gate"):
        with_feedback = quantize(watch_model, granularity).layers[0]
        plain = quantize(replace(watch_model, covariances={}), granularity).layers[0]
        assert (with_feedback.W != plain.W).any()
        np.testing.assert_array_equal(with_feedback.W_scale, plain.W_scale)


@pytest.mark.parametrize(
    ("mean", "packed", "wrong"),
    [
        (np.zeros(1025), np.zeros(1025 * 513), "1025 columns, expected at most 1024"),
        (np.zeros(3), np.zeros(5), "expected 6 finite float32 numbers for 3 columns"),
        (np.zeros(2), np.array([1, np.nan, 1]), "expected 3 finite"),
        (np.zeros(2), np.zeros(3, np.int8), "int8"),
    ],
)
def test_a_covariance_that_is_none_is_refused(mean: np.ndarray, packed: np.ndarray, wrong: str) -> None:
    if packed.dtype == np.float64:
        packed = packed.astype(np.float32)
    with pytest.raises(ValueError, match=wrong):
        Covariance(100, mean, packed)
