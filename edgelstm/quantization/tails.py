"""The ends of what a quantity showed, exact and in little memory: quantiles of a thousandth and less."""

from __future__ import annotations

import numpy as np

from edgelstm.layers.layer import Floats

LARGEST_SHARE = 1e-3
"""Of values beyond either end of a range: the largest that `Tails` can say."""


class Tails:
    """The smallest and the largest values of some channels, each apart: about two thousandths of what it sees."""

    def __init__(self, channels: int, count: int):
        """`count`: of values that each channel will show."""
        self.count = count
        self._kept = int(LARGEST_SHARE * max(count - 1, 0)) + 2
        self._low: Floats = np.empty((0, channels), np.float32)
        self._high: Floats = np.empty((0, channels), np.float32)

    def add(self, values: Floats) -> None:
        """values (rows, channels)."""
        self._low = _smallest(np.concatenate([self._low, values]), self._kept)
        self._high = -_smallest(-np.concatenate([self._high, values]), self._kept)

    def outermost(self, rows: int) -> tuple[Floats, Floats]:
        """The `rows` smallest values of each channel, ascending, and the largest, descending; (rows, channels), or
        fewer rows where there are no more."""
        low, high = np.sort(self._low, axis=0), -np.sort(-self._high, axis=0)
        return low[:rows], high[:rows]

    def ends(self, share: float, without: int = 0) -> tuple[Floats, Floats]:
        """(lowest, highest) of each channel (channels,) with `share` of its values beyond either, between two values
        linearly; after the `without` outermost of each channel at either end were dropped."""
        place = without + share * max(self.count - 1 - without, 0)
        low, high = self.outermost(self._kept)
        return _at(low, place), _at(high, place)


def _smallest(values: Floats, rows: int) -> Floats:
    return values if len(values) <= rows else np.partition(values, rows - 1, axis=0)[:rows]


def _at(ordered: Floats, place: float) -> Floats:
    """Row `place` of (rows, channels), between rows linearly."""
    first = min(int(place), len(ordered) - 1)
    second = min(first + 1, len(ordered) - 1)
    found: Floats = ordered[first] + (place - first) * (ordered[second] - ordered[first])
    return found
