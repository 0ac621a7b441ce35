"""float64 in a fixed order: additions, products and divisions alone, element by element, so that every machine comes
to the same bits. No BLAS, no `exp` of a C library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_TERMS_OF_EXP, _TERMS_OF_LOG = 14, 21
_LEAST = -700.0


def total(x: Float64) -> Float64:
    """Sums over the first axis, by halves."""
    count = len(x)
    if count < 2:
        return x[0] if count else np.zeros(x.shape[1:])
    half = count // 2
    sums = np.empty((half + count % 2, *x.shape[1:]))
    np.add(x[:half], x[half : 2 * half], out=sums[:half])
    if count % 2:
        sums[half] = x[-1]
    while (count := len(sums)) > 1:
        half = count // 2
        sums[:half] += sums[half : 2 * half]
        if count % 2:
            sums[half] = sums[-1]
        sums = sums[: half + count % 2]
    found: Float64 = sums[0]
    return found


def exp(x: Float64) -> Float64:
    """Of numbers up to 0, relative error below 1e-15; those below -700 as if they were -700."""
    x = np.maximum(x, _LEAST)
    n = np.rint(x / _LN2_HIGH)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    power = np.ones(r.shape)
    for divisor in range(_TERMS_OF_EXP, 0, -1):
        power *= r
        power /= divisor
        power += 1.0
    found: Float64 = np.ldexp(power, n.astype(np.int32))
    return found


def log(x: Float64) -> Float64:
    """Of positive normal numbers, error below 1e-15 of the larger of 1 and the result."""
    m, e = np.frexp(x)
    small = m < np.sqrt(0.5)
    m, e = np.where(small, 2.0 * m, m), e - small
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    series = np.zeros_like(s)
    for divisor in range(_TERMS_OF_LOG, 0, -2):
        series = series * square + 2.0 / divisor
    found: Float64 = e * _LN2_HIGH + (s * series + e * _LN2_LOW)
    return found


def softmax(scores: Float64) -> Float64:
    """Over the last axis of (…, outputs)."""
    powers = exp(scores - scores.max(axis=-1, keepdims=True))
    found: Float64 = powers / total(powers.transpose(-1, *range(powers.ndim - 1)))[..., None]
    return found


def sigmoid(scores: Float64) -> Float64:
    power = exp(-np.abs(scores))
    return np.where(scores < 0, power, 1.0) / (1.0 + power)
