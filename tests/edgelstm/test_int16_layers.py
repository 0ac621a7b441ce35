"""Products of 16 bits: near those of real numbers, without overflow, and the same however loud the sound is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.quantization.int16_layers import Product16, codes_of, step_of


def drawn(seed: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of rows of unlike sizes, biases, inputs of unlike sizes."""
    rng = np.random.default_rng(seed)
    W = rng.standard_t(2, (rows, columns)) * 10.0 ** rng.uniform(-4, 2, (rows, 1))
    x = rng.normal(size=(3, columns)) * 10.0 ** rng.uniform(-3, 3, columns)
    return W.astype(np.float32), rng.normal(size=rows).astype(np.float32), x.astype(np.float32)


@given(st.integers(0, 1 << 32), st.integers(1, 9), st.integers(1, 200))
def test_a_product_is_as_near_as_its_codes_allow(seed: int, rows: int, columns: int) -> None:
    W, b, x = drawn(seed, rows, columns)
    product, step = Product16.of(W, b), step_of(x)
    found = product.apply(codes_of(x, step), step)
    exact = x.astype(np.float64) @ W.T.astype(np.float64) + b
    sizes, steps = np.abs(x.astype(np.float64)), step.astype(np.float64)
    of_weights = sizes.sum(axis=1, keepdims=True) * product.scale / 2
    of_inputs = steps / 2 * np.abs(W.astype(np.float64)).sum(axis=1)
    rounding = 1e-5 * (sizes @ np.abs(W.T.astype(np.float64)) + np.abs(b))
    assert (np.abs(found - exact) <= of_weights + of_inputs + of_weights / 1e4 + rounding).all()


@given(st.integers(0, 1 << 32), st.integers(1, 9), st.integers(1, 200))
def test_no_codes_overflow_a_segment(seed: int, rows: int, columns: int) -> None:
    codes = np.abs(Product16.of(*drawn(seed, rows, columns)[:2]).codes.astype(np.int64))
    for start in range(0, columns, 64):
        assert (codes[:, start : start + 64].sum(axis=1) * 16383 < 1 << 31).all()


@given(st.integers(0, 1 << 32), st.integers(1, 9), st.integers(1, 200))
def test_products_of_sums_less_the_crossed_ones_are_the_products(seed: int, rows: int, columns: int) -> None:
    W, b, x = drawn(seed, rows, columns)
    product = Product16.of(W, b)
    pad = ((0, 0), (0, -columns % 64))
    codes = np.pad(codes_of(x[:1], step_of(x[:1])), pad).reshape(1, -1, 16, 2, 2)
    weights = np.pad(product.codes.astype(np.int64), pad).reshape(rows, -1, 16, 2, 2)
    one, other = weights[..., 0, :] + codes[..., 1, :], weights[..., 1, :] + codes[..., 0, :]
    assert max(np.abs(one).max(), np.abs(other).max()) < 1 << 15  # 16 bits, as vectors have them
    crossed_codes = (codes[..., 0, :] * codes[..., 1, :]).sum(axis=(2, 3))
    found = (one * other).sum(axis=(2, 3)) - crossed_codes - product.crossed()
    np.testing.assert_array_equal(found.astype(np.int32), (weights * codes).sum(axis=(2, 3, 4)))


@given(st.integers(0, 1 << 32), st.integers(-12, 12))
def test_louder_by_a_power_of_two_is_louder_by_it_alone(seed: int, power: int) -> None:
    W, _, x = drawn(seed, 5, 70)
    product, louder = Product16.of(W, np.zeros(5, np.float32)), x * np.float32(2.0**power)
    found = product.apply(codes_of(louder, step_of(louder)), step_of(louder))
    np.testing.assert_array_equal(found, product.apply(codes_of(x, step_of(x)), step_of(x)) * np.float32(2.0**power))


def test_silence_gives_the_bias() -> None:
    W, b, x = drawn(1, 4, 7)
    product = Product16.of(W, b)
    for silence in (np.zeros_like(x), x * np.float32(1e-20)):
        step = step_of(silence)
        np.testing.assert_array_equal(product.apply(codes_of(silence, step), step), np.broadcast_to(b, (3, 4)))
