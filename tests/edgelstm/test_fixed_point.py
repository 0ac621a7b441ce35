"""Fixed-point primitives against exact rational arithmetic and against libm."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.quantization.fixed_point import (
    multiplier_from_real,
    multiply_by_quantized_multiplier,
    rounding_shift_right,
    sigmoid16,
    sigmoid_table,
    tanh16,
    tanh_table,
)

INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
HALF = Fraction(1, 2)


def ties_up(value: Fraction) -> int:
    return floor(value + HALF)


def ties_away(value: Fraction) -> int:
    return floor(value + HALF) if value >= 0 else -floor(-value + HALF)


@given(a=INT32, bits=st.integers(0, 31))
def test_right_shift_rounds_ties_away_from_zero(a: int, bits: int) -> None:
    assert rounding_shift_right(a, bits) == ties_away(Fraction(a, 1 << bits))


# Multipliers whose products hit ties often; random reals hardly ever do.
REALS = st.one_of(st.sampled_from([1 / 8, 1 / 4, 1 / 2, 3 / 4, 1.0, 2.0, 3.5, 2**-20]), st.floats(2.0**-31, 2.0**20))


@given(a=INT32, real=REALS)
def test_multiplying_rounds_twice(a: int, real: float) -> None:
    mantissa, shift = multiplier_from_real(real)
    assert abs(Fraction(mantissa) / Fraction(2) ** (31 - shift) / Fraction(real) - 1) <= Fraction(1, 1 << 31)
    wide = a << max(shift, 0)
    wrapped = (wide + (1 << 31)) % (1 << 32) - (1 << 31)
    high = ties_up(Fraction(wrapped * mantissa, 1 << 31))
    assert multiply_by_quantized_multiplier(a, mantissa, shift) == ties_away(Fraction(high, 1 << max(-shift, 0)))


@pytest.mark.parametrize(
    ("real", "pair"), [(0.0, (0, 0)), (1.0, (1 << 30, 1)), (0.5, (1 << 30, 0)), (2.0**-40, (0, 0))]
)
def test_multiplier_of(real: float, pair: tuple[int, int]) -> None:
    assert multiplier_from_real(real) == pair


ALL = np.arange(-(1 << 15), 1 << 15)


def test_sigmoid_stays_close_to_libm() -> None:
    assert np.abs(sigmoid_table() - 32768 / (1 + np.exp(-ALL / 4096))).max() < 6.5


@pytest.mark.parametrize("bits", range(11))
def test_tanh_stays_close_to_libm(bits: int) -> None:
    table = tanh_table(bits)
    assert np.abs(table - 32768 * np.tanh(ALL * 2.0 ** (bits - 15))).max() < 12.1
    np.testing.assert_array_equal(table[1:], -table[:0:-1])  # odd, but for -32768, which has no twin


def test_gates_never_leave_their_range() -> None:
    assert sigmoid_table().min() >= 0
    assert np.all(np.diff(sigmoid16(ALL[::64])) >= 0)
    assert np.all(np.diff(tanh16(ALL[::64], 3)) >= 0)
