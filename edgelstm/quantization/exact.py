"""Functions of float32 as the C core computes them: the same additions, products, divisions in the same order, no
contraction, so the same bits. `runtime/core/src/float_math.h` and `layers/transform.c` are the other side.

All take and give float32 arrays of finite numbers; none is changed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

LANES = 16
"""Partial sums of a row, which then add up by halves."""


def clamp(x: Float32, low: float, high: float) -> Float32:
    """x between `low` and `high`; -0 at a bound of 0 becomes 0."""
    bounds = np.float32(low), np.float32(high)
    return np.where(x > bounds[0], np.where(x < bounds[1], x, bounds[1]), bounds[0])


def share(of: int, divisor: int) -> np.float32:
    """A quotient, rounded to float32 once."""
    return np.float32(of) / np.float32(divisor)


def exp(x: Float32) -> Float32:
    x = clamp(x, -87.0, 88.0)
    n = np.rint(x * np.float32(1.44269504))
    r = (x - n * np.float32(0.693359375)) - n * np.float32(-2.12194440e-4)
    p: Float32 = np.full_like(x, share(1, 5040))
    for divisor in (720, 120, 24, 6, 2, 1, 1):
        p = np.add(p * r, share(1, divisor), dtype=np.float32)
    power: Float32 = ((n.astype(np.int32) + 127) << 23).view(np.float32)
    return p * power


def sigmoid(x: Float32) -> Float32:
    one = np.float32(1)
    found: Float32 = one / (one + exp(-x))
    return found


def tanh(x: Float32) -> Float32:
    """Odd in every bit."""
    e, one = exp(np.float32(-2) * np.abs(x)), np.float32(1)
    magnitude = (one - e) / (one + e)
    return np.where(x < 0, -magnitude, magnitude)


def sqrt(x: Float32) -> Float32:
    """Of 0 to 1e38: Newton's steps for its reciprocal, and one of Heron's."""
    y = (np.uint32(0x5F3759DF) - (x.view(np.uint32) >> np.uint32(1))).view(np.float32)
    half = np.float32(0.5) * x
    for _ in range(3):
        y = y * (np.float32(1.5) - half * y * y)
    root = x * y
    found: Float32 = root + np.float32(0.5) * y * (x - root * root)
    return found


def log(x: Float32) -> Float32:
    """Of normal numbers above 0."""
    bits = x.view(np.uint32)
    e = ((bits - np.uint32(0x3F3504F3)) >> np.uint32(23)).astype(np.int32)
    e = np.where(e >= 256, e - 512, e).astype(np.int32)
    m = (bits.view(np.int32) - (e << 23)).view(np.float32)
    s = (m - np.float32(1)) / (m + np.float32(1))
    z = s * s
    p = np.full_like(x, share(2, 9))
    for divisor in (7, 5, 3):
        p = p * z + share(2, divisor)
    n = e.astype(np.float32)
    small = n * np.float32(-2.12194440e-4) + (s * z * p + np.float32(2) * s)
    found: Float32 = n * np.float32(0.693359375) + small
    return found


def total(x: Float32) -> Float32:
    """Sums over the last axis, which is kept as one value."""
    padded = np.concatenate([x, np.zeros((*x.shape[:-1], -x.shape[-1] % LANES), np.float32)], axis=-1)
    lanes = np.zeros((*x.shape[:-1], LANES), np.float32)
    for start in range(0, padded.shape[-1], LANES):
        lanes = lanes + padded[..., start : start + LANES]
    while lanes.shape[-1] > 1:
        half = lanes.shape[-1] // 2
        lanes = lanes[..., :half] + lanes[..., half:]
    return lanes


SEGMENT = 64
"""Columns of a matrix whose products are added up before they join the others."""

_FEW = 1 << 13  # sums of which all terms of a segment are computed at once


def product(W: Float32, x: Float32, bias: Float32) -> Float32:
    """bias (rows,) + W (rows, columns) · x (…, columns): column after column from 0 on in each segment, segment after
    segment behind the bias."""
    return add_product(np.broadcast_to(bias, (*x.shape[:-1], len(W))), W, x)


def add_product(sums: Float32, W: Float32, x: Float32) -> Float32:
    """`sums` (…, rows) and the same behind them."""
    columns, values = np.ascontiguousarray(W.T), np.moveaxis(x, -1, 0)[..., None]
    few = sums.size <= _FEW
    for start in range(0, len(columns), SEGMENT):
        some, total = slice(start, start + SEGMENT), np.zeros(sums.shape, np.float32)
        if few:
            for term in values[some] * columns[some].reshape(-1, *[1] * (x.ndim - 1), len(W)):
                total += term
        else:  # one term at a time
            for value, column in zip(values[some], columns[some]):
                total += value * column
        sums = sums + total
    return sums


def angles(size: int) -> tuple[Float32, Float32]:
    """cos and sin of 2πk / size, (size / 2,) each."""
    turned = 2 * np.pi * np.arange(size // 2) / size
    return np.cos(turned).astype(np.float32), np.sin(turned).astype(np.float32)


def _complex(re: Float32, im: Float32, cos: Float32, sin: Float32) -> tuple[Float32, Float32]:
    """The transform of complex values along the last axis, half as many as angles turn in all: Stockham's, by 2."""
    size, shape = 2 * re.shape[-1], re.shape[:-1]
    n, stride = re.shape[-1], 1
    while n > 1:
        half = n // 2
        c, s = (table[:: size // n][:half, None] for table in (cos, sin))
        (a_re, b_re), (a_im, b_im) = (np.moveaxis(part.reshape(*shape, 2, half, stride), -3, 0) for part in (re, im))
        d_re, d_im = a_re - b_re, a_im - b_im
        re = np.stack([a_re + b_re, d_re * c + d_im * s], axis=-2).reshape(*shape, -1)
        im = np.stack([a_im + b_im, d_im * c - d_re * s], axis=-2).reshape(*shape, -1)
        n, stride = half, 2 * stride
    return re, im


def transform(samples: Float32) -> Float32:
    """Real samples (…, size) → (…, size + 2): the real parts, then the imaginary ones."""
    size = samples.shape[-1]
    cos, sin = angles(size)
    re, im = _complex(samples[..., ::2], samples[..., 1::2], cos, sin)
    half, c, s = np.float32(0.5), cos[1:], sin[1:]
    one_re, one_im, other_re, other_im = re[..., 1:], im[..., 1:], re[..., :0:-1], im[..., :0:-1]
    even_re, even_im = half * (one_re + other_re), half * (one_im - other_im)
    odd_re, odd_im = half * (one_im + other_im), half * (other_re - one_re)
    first, last, zero = re[..., :1] + im[..., :1], re[..., :1] - im[..., :1], np.zeros_like(re[..., :1])
    real = even_re + (odd_re * c + odd_im * s)
    imaginary = even_im + (odd_im * c - odd_re * s)
    return np.concatenate([first, real, last, zero, imaginary, zero], axis=-1)


def transform_back(spectrum: Float32) -> Float32:
    """(…, size + 2) → real samples (…, size). Imaginary parts of the first and the last frequency count for
    nothing."""
    size = spectrum.shape[-1] - 2
    half = size // 2
    cos, sin = angles(size)
    re, im, c, s = spectrum[..., : half + 1], spectrum[..., half + 1 :], cos[1:], sin[1:]
    one_re, one_im = re[..., 1:half], im[..., 1:half]
    other_re, other_im = re[..., half - 1 : 0 : -1], im[..., half - 1 : 0 : -1]
    even_re, even_im = one_re + other_re, one_im - other_im
    turned_re, turned_im = one_re - other_re, one_im + other_im
    odd_re, odd_im = turned_re * c - turned_im * s, turned_re * s + turned_im * c
    x_re = np.concatenate([re[..., :1] + re[..., half:], even_re - odd_im], axis=-1)
    x_im = np.concatenate([-(re[..., :1] - re[..., half:]), -(even_im + odd_re)], axis=-1)
    z_re, z_im = _complex(x_re, x_im, cos, sin)
    scale = np.float32(1) / np.float32(size)
    return np.stack([z_re * scale, -z_im * scale], axis=-1).reshape(*spectrum.shape[:-1], size)
