"""Fixed-point arithmetic of the integer LSTM, in numpy: the plain truth that every kernel must equal.

It is the arithmetic of gemmlowp's `fixedpoint.h` as TFLite's integer LSTM uses it (16-bit raw values,
double rounding). `Qm.n` is a signed number with m integer and n fraction bits: raw value / 2^n.

All functions take integer arrays, compute in int64 and return int64 arrays whose values fit the stated type.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Int64 = NDArray[np.int64]

MOST_TANH_BITS = 10
"""Integer bits of tanh's argument: cells to ±1024."""

INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1


def multiplier_from_real(real: float) -> tuple[int, int]:
    """`real` > 0 as (mantissa, shift) with real ≈ mantissa · 2^(shift - 31), mantissa in [2^30, 2^31).

    0 and what is below 2^-32 give (0, 0).
    """
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    mantissa = math.floor(fraction * (1 << 31) + 0.5)
    if mantissa == 1 << 31:
        mantissa, shift = mantissa // 2, shift + 1
    return (0, 0) if shift < -31 else (mantissa, shift)


def rounding_shift_right(a: ArrayLike, bits: ArrayLike) -> Int64:
    """a / 2^bits, rounded to nearest, ties away from zero; bits ≥ 0 (gemmlowp's RoundingDivideByPOT)."""
    if isinstance(bits, int):  # a step's shifts: ties of one are known
        half, less = _ties_of(bits)
    else:
        half, less = _ties(bits)
    return _shifted(np.asarray(a, np.int64), np.asarray(bits, np.int64), half, less)


def _ties(bits: ArrayLike) -> tuple[Int64, Int64]:
    """What brings a number to its nearest before its lowest `bits` are cut off: half of what they count, and, for
    negative numbers, whose ties go down, one less; none of either where nothing is cut off."""
    bits = np.asarray(bits, np.int64)
    return (np.int64(1) << bits) >> 1, -(bits > 0).astype(np.int64)


_ties_of = cache(_ties)


def _shifted(a: Int64, bits: Int64, half: Int64, less: Int64) -> Int64:
    return (a + half + ((a >> 63) & less)) >> bits


class Multiplier:
    """Real numbers (mantissa, shift), made ready to multiply often: a step has few values, and what is asked of the
    numbers each time would take as long as the products."""

    def __init__(self, mantissa: ArrayLike, shift: ArrayLike):
        shift = np.asarray(shift, np.int64)
        self._mantissa = np.asarray(mantissa, np.int64)
        self._left, self._right = np.maximum(shift, 0), np.maximum(-shift, 0)
        self._half, self._less = _ties(self._right)

    def times(self, a: ArrayLike) -> Int64:
        """int32 `a` times the numbers, rounded twice: TFLite's MultiplyByQuantizedMultiplier.

        The left shift wraps at 32 bits; the high product rounds ties up; the right shift rounds ties away from zero.
        """
        wrapped = (np.asarray(a, np.int64) << self._left).astype(np.int32).astype(np.int64)
        high = (wrapped * self._mantissa + (1 << 30)) >> 31
        return _shifted(high, self._right, self._half, self._less)


def multiply_by_quantized_multiplier(a: ArrayLike, mantissa: ArrayLike, shift: ArrayLike) -> Int64:
    """`Multiplier.times` of numbers that are met once."""
    return Multiplier(mantissa, shift).times(a)


def clip16(a: ArrayLike) -> Int64:
    return _clip(a, INT16_MIN, INT16_MAX)


def clip8(a: ArrayLike) -> Int64:
    return _clip(a, -128, 127)


def _clip(a: ArrayLike, low: int, high: int) -> Int64:
    """np.clip's own questions about its limits take longer than a step's few values."""
    clipped: Int64 = np.minimum(np.maximum(np.asarray(a, np.int64), low), high)
    return clipped


def _multiply(a: ArrayLike, b: ArrayLike) -> Int64:
    """Q0.15 product of int16 values, ties up, saturating (SaturatingRoundingDoublingHighMul)."""
    return clip16((np.asarray(a, np.int64) * np.asarray(b, np.int64) + (1 << 14)) >> 15)


def _shift_left(a: Int64, bits: int) -> Int64:
    """Saturating a · 2^bits as gemmlowp does it: values just inside the range saturate too."""
    limit = (1 << (15 - bits)) - 1
    return np.where(a > limit, INT16_MAX, np.where(a < -limit, INT16_MIN, clip16(a << bits)))


def _q15(real: float) -> int:
    return round(real * (1 << 15))


_EXP_STEPS = tuple((exponent, _q15(math.exp(-(2.0**exponent)))) for exponent in range(-2, 5))
"""exp(-2^e) in Q0.15 for e = -2 … 4: the barrel of constants that exp is multiplied together from."""


def exp_of_negative(a: Int64, integer_bits: int) -> Int64:
    """exp(a) in Q0.15 for int16 a ≤ 0 in Q(integer_bits).(15 - integer_bits); exp(0) is 32767.

    a is split into a multiple of 1/4 and a rest in [-1/4, 0); the rest goes through a Taylor polynomial
    of order 4 around -1/8, each bit of the multiple through one product with exp(-2^e).
    """
    fraction_bits = 15 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    rest = (a & (quarter - 1)) - quarter
    x = (_shift_left(rest, integer_bits) if integer_bits else rest) + (1 << 12)  # rest + 1/8 in Q0.15
    x2 = _multiply(x, x)
    x3 = _multiply(x2, x)
    x4 = _multiply(x2, x2)
    higher = _multiply(rounding_shift_right(x4, 2) + x3, _q15(1 / 3)) + x2  # x² + x³/3 + x⁴/12
    exp_minus_eighth = _q15(math.exp(-1 / 8))
    result = exp_minus_eighth + _multiply(exp_minus_eighth, x + rounding_shift_right(higher, 1))
    multiple = rest - a
    for exponent, factor in _EXP_STEPS:
        if integer_bits > exponent:
            bit = multiple & (1 << (fraction_bits + exponent))
            result = np.where(bit != 0, _multiply(result, factor), result)
    if integer_bits > 5:  # exp(a) for a < -32 is less than half a unit
        result = np.where(a < -(1 << (20 - integer_bits)), 0, result)
    return np.where(a == 0, INT16_MAX, result)


def _reciprocal_of_one_plus(a: Int64) -> Int64:
    """2 / (1 + a) in Q2.13 for a in [0, 1] as Q0.15, hence 1 / (1 + a) in Q1.14, by three Newton steps."""
    total = a + INT16_MAX
    half = (total + 1) >> 1  # RoundingHalfSum; total ≥ 0
    x = 23130 + _multiply(half, -15420)  # 48/17 - 32/17·half in Q2.13
    for _ in range(3):
        error = (1 << 13) - _multiply(half, x)
        x = x + _shift_left(_multiply(x, error), 2)
    return x


def _logistic(a: Int64, integer_bits: int) -> Int64:
    positive = _shift_left(_reciprocal_of_one_plus(exp_of_negative(-np.abs(a), integer_bits)), 1)
    return np.where(a == 0, 1 << 14, np.where(a > 0, positive, INT16_MAX - positive))


def _tanh(a: Int64, integer_bits: int) -> Int64:
    # tanh(|a|) = (1 - exp(-2|a|)) / (1 + exp(-2|a|)) = 2/(1 + e) - 1; doubling is one more integer bit.
    magnitude = _shift_left(_reciprocal_of_one_plus(exp_of_negative(-np.abs(a), integer_bits + 1)) - (1 << 13), 2)
    return np.where(a == 0, 0, np.where(a < 0, -magnitude, magnitude))


_ALL_INT16 = np.arange(INT16_MIN, INT16_MAX + 1, dtype=np.int64)


@cache
def sigmoid_table() -> NDArray[np.int16]:
    """sigmoid for every int16 in Q3.12 → Q0.15, at index value + 32768. Largest error 6.4 units of 2^-15."""
    return _logistic(_ALL_INT16, 3).astype(np.int16)


@cache
def tanh_table(integer_bits: int) -> NDArray[np.int16]:
    """tanh for every int16 in Q(integer_bits), 0 to 10 → Q0.15, at index value + 32768. Error ≤ 12.1 units.

    TFLite stops at 6. A number has the same quarters and the same rest in every format, so that more bits are the
    same function of it, and what 6 bits cannot hold has long been ±1.
    """
    if not 0 <= integer_bits <= MOST_TANH_BITS:
        raise ValueError(f"tanh: {integer_bits} integer bits, expected 0 to {MOST_TANH_BITS}")
    return _tanh(_ALL_INT16, integer_bits).astype(np.int16)


def sigmoid16(a: ArrayLike) -> Int64:
    """sigmoid of int16 in Q3.12 → int16 in Q0.15."""
    return sigmoid_table()[np.asarray(a, np.int64) + (1 << 15)].astype(np.int64)


def tanh16(a: ArrayLike, integer_bits: int) -> Int64:
    """tanh of int16 in Q(integer_bits).(15 - integer_bits) → int16 in Q0.15."""
    return tanh_table(integer_bits)[np.asarray(a, np.int64) + (1 << 15)].astype(np.int64)
