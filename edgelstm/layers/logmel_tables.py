"""What log-mel features are computed with: a window, the turns of a transform and mel filters, as whole numbers.

Everything that depends on sines and logarithms is here, and lies in an exported file: a board has only sums, products
and shifts. `docs/integer-arithmetic.md` has the definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Filters = Literal["htk", "slaney", "kaldi"]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]

SIZES = (256, 512, 1024)
"""Of a transform. A larger one could overflow."""

WEIGHT_BITS = 12
"""Fraction of a filter's weight."""

_MOST = (1 << 31) - 1
_LINEAR_UP_TO, _LINEAR_STEP, _LOG_STEP = 1000.0, 200 / 3, np.log(6.4) / 27  # Slaney's scale


@dataclass(frozen=True, eq=False)
class Tables:
    """Of one setting."""

    window: Int64  # (window,) Q31: Hann's, periodic
    stages: tuple[
        Int64, ...
    ]  # (6, q) Q31 for each stage of radix 4 that turns: cos and -sin of one, two, three turns
    split: Int64  # (2, size / 4) Q31: cos and -sin of 2πk / size
    weights: Int64  # (bands, size / 2 + 1) Q12
    log: Int64  # (65,) Q16: log2(1 + n / 64)


def mel_weights(size: int, rate: int, bands: int, low: float, high: float, filters: Filters) -> Float64:
    """(bands, size / 2 + 1): triangles of height 1 over the frequencies of a transform.

    htk: equally far on the mel scale of HTK, 2595·log10(1 + f / 700), straight in Hz; torchaudio's, and librosa's
    with `htk=True, norm=None`. slaney: on Slaney's scale (Auditory Toolbox, 1998), straight in Hz; librosa's with
    `norm=None`: a norm by area is a constant for each band behind the logarithm. kaldi: HTK's, straight in mel.
    """
    to_mel, to_hz = (_slaney, _slaney_hz) if filters == "slaney" else (_htk, _htk_hz)
    ends = to_mel(np.array([low, high], np.float64))
    edges = np.linspace(ends[0], ends[1], bands + 2)
    bins: Float64 = (np.arange(size // 2 + 1) * (rate / size)).astype(np.float64)
    if filters == "kaldi":
        bins = to_mel(bins)
    else:
        edges = to_hz(edges)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    found: Float64 = np.maximum(0.0, np.minimum(rising, falling))
    return found


def _htk(hz: Float64) -> Float64:
    found: Float64 = 2595.0 * np.log10(1.0 + hz / 700.0)
    return found


def _htk_hz(mel: Float64) -> Float64:
    found: Float64 = 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    return found


def _slaney(hz: Float64) -> Float64:
    above = _LINEAR_UP_TO / _LINEAR_STEP + np.log(np.maximum(hz, _LINEAR_UP_TO) / _LINEAR_UP_TO) / _LOG_STEP
    return np.where(hz < _LINEAR_UP_TO, hz / _LINEAR_STEP, above)


def _slaney_hz(mel: Float64) -> Float64:
    bend = _LINEAR_UP_TO / _LINEAR_STEP
    return np.where(mel < bend, mel * _LINEAR_STEP, _LINEAR_UP_TO * np.exp(_LOG_STEP * (mel - bend)))


def _q31(values: Float64) -> Int64:
    found: Int64 = np.clip(np.rint(values * 2.0**31), -_MOST, _MOST).astype(np.int64)
    return found


def _turns(angles: Float64) -> list[Int64]:
    return [_q31(np.cos(angles)), _q31(-np.sin(angles))]


@lru_cache(32)
def tables(size: int, window: int, rate: int, bands: int, low: int, high: int, filters: Filters) -> Tables:
    """ValueError for a filter that holds no frequency of the transform."""
    weights = np.rint(mel_weights(size, rate, bands, low, high, filters) * (1 << WEIGHT_BITS)).astype(np.int64)
    for band, row in enumerate(weights):
        if not row.any():
            raise ValueError(
                f"LogMel.size: {size}, of whose frequencies none lies in band {band} of {bands}; expected fewer "
                "bands, or a larger size"
            )
    stages, n = [], size // 2
    while n > 4:
        q = n // 4
        angles = 2 * np.pi * np.arange(q) / n
        stages.append(np.stack([turn for times in (1, 2, 3) for turn in _turns(times * angles)]))
        n = q
    return Tables(
        window=_q31(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)),
        stages=tuple(stages),
        split=np.stack(_turns(2 * np.pi * np.arange(size // 4) / size)),
        weights=weights,
        log=np.rint(np.log2(1 + np.arange(65) / 64) * (1 << 16)).astype(np.int64),
    )
