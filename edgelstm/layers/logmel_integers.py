"""Log-mel energies in whole numbers: the same bits as the C core, `runtime/core/src/layers/logmel.c`.

All arrays are int64; none is changed.
"""

from __future__ import annotations

import numpy as np

from edgelstm.layers.layer import Floats
from edgelstm.layers.logmel_tables import WEIGHT_BITS, Int64, Tables

LOG_BITS = 10
"""A logarithm is to the base 2, in steps of 2^-10: 0.003 dB."""

_POWER_BITS = 3  # fraction of a frequency's power, in squares of a sample's step
_ONE = WEIGHT_BITS + _POWER_BITS
MOST_LOG = (63 - _ONE) << LOG_BITS
"""No energy has a larger one."""

_TOGETHER = 128  # frames, so that what is worked on stays in a processor's cache


def times(a: Int64, b: Int64) -> Int64:
    """The upper half of 2ab, rounded: what ARM calls SQRDMULH. b is never -2^31."""
    found: Int64 = (a * b + (1 << 30)) >> 31
    return found


def _turned(re: Int64, im: Int64, w_re: Int64, w_im: Int64) -> tuple[Int64, Int64]:
    return times(re, w_re) - times(im, w_im), times(re, w_im) + times(im, w_re)


def _transform(re: Int64, im: Int64, stages: tuple[Int64, ...]) -> tuple[Int64, Int64]:
    """Complex (frames, n) by Stockham, radix 4, and one stage of radix 2 at the end where n is no power of 4. The
    first turn of a stage is by nothing, and is left out."""
    frames, n = re.shape
    stride = 1
    while n >= 4:
        q = n // 4
        (a, b, c, d), (e, f, g, h) = (x.reshape(frames, 4, q, stride).swapaxes(0, 1) for x in (re, im))
        s_re, s_im, d_re, d_im = a + c, e + g, a - c, e - g
        t_re, t_im, j_re, j_im = b + d, f + h, h - f, b - d  # j(b - d)
        sides = [(d_re - j_re, d_im - j_im), (s_re - t_re, s_im - t_im), (d_re + j_re, d_im + j_im)]
        if q > 1:
            table = stages[0][:, None, :, None]
            stages = stages[1:]
            for k, (u, v) in enumerate(sides):
                sides[k] = _turned(u, v, table[2 * k], table[2 * k + 1])
                sides[k][0][:, 0], sides[k][1][:, 0] = u[:, 0], v[:, 0]
        results = [(s_re + t_re, s_im + t_im), *sides]
        re, im = (np.stack([pair[part] for pair in results], axis=2).reshape(frames, -1) for part in (0, 1))
        n, stride = q, stride * 4
    if n == 2:
        (a, b), (e, f) = (x.reshape(frames, 2, stride).swapaxes(0, 1) for x in (re, im))
        re, im = np.concatenate([a + b, a - b], axis=1), np.concatenate([e + f, e - f], axis=1)
    return re, im


def power(samples: Int64, size: int, tables: Tables) -> Int64:
    """Windows of samples (frames, window), -32768 to 32767 each → (frames, size / 2 + 1) eighths of a square."""
    fraction = 15 - size.bit_length()  # bits behind a sample's point
    x = times(samples << fraction, tables.window)
    x = np.pad(x, ((0, 0), (0, size - x.shape[1])))
    re, im = _transform(x[:, 0::2], x[:, 1::2], tables.stages)
    half, quarter = size // 2, size // 4
    near, far = slice(1, quarter), slice(half - 1, quarter, -1)
    e_re, e_im = re[:, near] + re[:, far], im[:, near] - im[:, far]
    d_re, d_im = re[:, near] - re[:, far], im[:, near] + im[:, far]
    t_re, t_im = _turned(d_im, -d_re, tables.split[0, 1:], tables.split[1, 1:])  # by -j, and k / size of a turn
    found = np.empty((len(samples), half + 1), np.int64)  # of all twice the amplitude, squared
    found[:, near] = (e_re + t_re) ** 2 + (e_im + t_im) ** 2
    found[:, far] = (e_re - t_re) ** 2 + (e_im - t_im) ** 2
    found[:, 0] = (2 * (re[:, 0] + im[:, 0])) ** 2
    found[:, half] = (2 * (re[:, 0] - im[:, 0])) ** 2
    found[:, quarter] = (2 * re[:, quarter]) ** 2 + (2 * im[:, quarter]) ** 2
    shift = 2 * (fraction + 1) - _POWER_BITS
    return (found + (1 << (shift - 1))) >> shift


def log2(energies: Int64, table: Int64) -> Int64:
    """Of 1 and above, in steps of 2^-LOG_BITS: 64 straight pieces from one power of two to the next."""
    top = np.frexp(energies.astype(np.float64))[1] - 1
    top = np.where(energies >> np.minimum(top, 62) == 0, top - 1, top).astype(np.int64)  # float64 rounded up
    shifted = np.where(top >= 30, energies >> np.maximum(top - 30, 0), energies << np.maximum(30 - top, 0))
    above = shifted - (1 << 30)
    piece, rest = above >> 24, (above >> 8) & 0xFFFF
    value = (top << 16) + table[piece] + (((table[piece + 1] - table[piece]) * rest + (1 << 15)) >> 16)
    found: Int64 = (value + (1 << (15 - LOG_BITS))) >> (16 - LOG_BITS)
    return found


def log_energies(samples: Floats, size: int, tables: Tables) -> Int64:
    """Windows of whole samples (frames, window) of any dtype → (frames, bands) logarithms, 0 to `MOST_LOG`:
    what is below one square of a sample's step is 0."""
    found = np.empty((len(samples), len(tables.weights)), np.int64)
    for start in range(0, len(samples), _TOGETHER):
        energies = power(samples[start : start + _TOGETHER].astype(np.int64), size, tables) @ tables.weights.T
        logs = log2(np.maximum(energies, 1 << _ONE), tables.log) - (_ONE << LOG_BITS)
        found[start : start + _TOGETHER] = logs
    return found
