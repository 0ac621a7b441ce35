"""`[sound]` of a recipe: WAV files become frames of samples, and the model makes log-mel features of them itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from edgelstm.data.dataset import Dataset
from edgelstm.data.hops import in_hops, is_sound
from edgelstm.layers import LogMel
from edgelstm.layers.logmel import MOST_BANDS, Level
from edgelstm.layers.logmel_tables import SIZES, Filters
from edgelstm.records import Bounds

_TOP = 0.475
"""Of the rate, where bands end: what lies above it is lost in resampling."""

Seconds = Annotated[float, Bounds(above=0, most=0.2)]
Hertz = Annotated[int, Bounds(0, 1 << 19)]


@dataclass(frozen=True)
class Sound:
    """`[sound]`: the features that a model makes of sound; without it a frame of a WAV file is a sample."""

    bands: Annotated[int, Bounds(0, MOST_BANDS)] = 0  # of log-mel features; 0 = none, frames are samples
    rate: Annotated[int, Bounds(0, 1 << 20)] = 0  # samples per second; 0 = the files'; a multiple is resampled
    window: Seconds = 0.025  # seconds that a frame's features tell of
    hop: Seconds = 0.01  # seconds from one frame to the next
    low: Hertz = 20  # Hz where the first band begins
    high: Hertz = 0  # Hz where the last one ends; 0 = 0.475 of the rate
    filters: Filters = "htk"  # whose mel scale: HTK's, Slaney's, or Kaldi's triangles
    level: Level = "running"  # bands are told beneath the loudest lately, whatever the gain; none = as they are
    fall: Annotated[int, Bounds(1, 1000)] = 30  # decibels per second by which such a level falls
    reach: Annotated[int, Bounds(1, 200)] = 30  # decibels beneath it that count

    def __bool__(self) -> bool:
        return bool(self.bands)

    def framed(self, dataset: Dataset) -> Dataset:
        """`dataset` as the model takes it: without a section as it is. ValueError where it is no sound of one
        channel, and for other rates."""
        if not self:
            return dataset
        if not is_sound(dataset):
            raise ValueError(
                f"sound.bands: {self.bands}, expected 0 for recordings that are no sound of one channel: "
                f"{', '.join(dataset.feature_names)[:60] or dataset.name}"
            )
        rate = self._rate(dataset.sample_rate)
        return in_hops(dataset, self._samples(self.hop, rate), rate)

    def ear(self, framed: Dataset) -> LogMel | None:
        """The layer that takes frames of `framed`, with no mean of its own yet; None without a section."""
        if not self:
            return None
        hop = framed.features
        rate = self._rate(framed.sample_rate * hop)
        window = 2 * round(self.window * rate / 2)
        if window > SIZES[-1]:
            raise ValueError(
                f"sound.window: {self.window:g} s are {window} samples at {rate} a second, expected at most "
                f"{SIZES[-1]}; sound.rate makes them fewer"
            )
        size = next(size for size in SIZES if window <= size)
        try:
            return LogMel(
                mean=np.zeros(self.bands, np.float32),
                std=np.ones(self.bands, np.float32),
                rate=rate,
                window=window,
                hop=hop,
                size=size,
                low=self.low,
                high=self.high or int(_TOP * rate),
                filters=self.filters,
                level=self.level,
                fall=self.fall,
                reach=self.reach,
            )
        except ValueError as error:
            raise ValueError(str(error).replace("LogMel.", "sound.")) from None

    def _rate(self, found: float) -> int:
        if self.rate or found:
            return self.rate or round(found)
        raise ValueError("sound.rate: 0, expected samples per second: the recordings do not say theirs")

    @staticmethod
    def _samples(seconds: float, rate: int) -> int:
        return max(1, round(seconds * rate))
