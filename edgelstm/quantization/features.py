"""What each feature of calibration's signals showed, with glitches told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.store import chunked
from edgelstm.layers.layer import Floats
from edgelstm.model import Normalize
from edgelstm.quantization.tails import Tails

GLITCH = 4.0
"""A glitch is a value that lies this many times beyond all others of its feature, and beyond this many deviations."""

GLITCHES = 1e-4
"""Largest share of a feature's values that may be glitches at either end: what comes more often belongs to the
signal. One is always allowed, from `FEWEST` frames on."""

FEWEST = 100

LEAST_FACTOR = 2.0**-10
"""Of a feature that hardly moves: nothing is gained by a finer scale, and a surprise would be cut off."""


@dataclass(frozen=True, eq=False)
class Features:
    """The ends of each feature (features,) after normalization."""

    normalize: Normalize
    tails: Tails
    glitches: tuple[NDArray[np.int64], NDArray[np.int64]]  # (features,) each: how many there are at either end

    def ends(self, share: float) -> tuple[Floats, Floats]:
        """(lowest, highest), with `share` of the values beyond either, without glitches."""
        low, high = np.zeros(len(self.glitches[0])), np.zeros(len(self.glitches[0]))
        for j, (below, above) in enumerate(zip(*self.glitches)):
            low[j] = self.tails.ends(share, int(below))[0][j]
            high[j] = self.tails.ends(share, int(above))[1][j]
        return low, high

    def clipped(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw frames without what lies outside of the features' ranges: without glitches."""
        low, high = self._bounds
        bounded: NDArray[np.float32] = np.clip(frames, low, high).astype(np.float32)
        return bounded

    @cached_property
    def _bounds(self) -> tuple[Floats, Floats]:
        mean, std = self.normalize.mean, self.normalize.std
        low, high = self.ends(0.0)
        return mean + std * low, mean + std * high

    def span(self, share: float, exponent: float) -> tuple[tuple[float, float], tuple[float, ...]]:
        """(the range of x, a factor for each feature) with `share` of each feature's values beyond either end. A
        factor is the feature's reach over the largest of all to the power of `exponent`: 0 for one scale for all
        features, 1 for a scale as fine as each allows."""
        low, high = self.ends(share)
        reach = np.maximum(-low, high)
        largest = max(float(reach.max()), np.finfo(np.float32).tiny)
        factors = np.maximum(reach / largest, LEAST_FACTOR) ** exponent
        span = float((low / factors).min()), float((high / factors).max())
        return span, tuple(map(float, factors)) if exponent else ()


def see_features(normalize: Normalize, sequences: Sequence[NDArray[np.float32]]) -> Features:
    frames = sum(map(len, sequences))
    tails = Tails(normalize.mean.size, frames)
    for sequence in sequences:
        for part in chunked(sequence):
            tails.add((part.astype(np.float64) - normalize.mean) / normalize.std)
    if frames < FEWEST:
        none = np.zeros(normalize.mean.size, np.int64)
        return Features(normalize, tails, (none, none))
    allowed = max(int(GLITCHES * frames), 1)
    low, high = tails.ends(0.0, allowed)
    limit = GLITCH * np.maximum(np.maximum(-low, high), 1.0)
    lows, highs = tails.outermost(allowed)
    return Features(normalize, tails, ((lows < -limit).sum(axis=0), (highs > limit).sum(axis=0)))
