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
        self._low, self._high = _Smallest(channels, self._kept), _Smallest(channels, self._kept)  # of -x: the highest

    def add(self, values: Floats) -> None:
        """values (rows, channels)."""
        self._low.add(values)
        self._high.add(-values)

    def outermost(self, rows: int) -> tuple[Floats, Floats]:
        """The `rows` smallest values of each channel, ascending, and the largest, descending; (rows, channels), or
        fewer rows where there are no more."""
        return self._low.sorted()[:rows], -self._high.sorted()[:rows]

    def ends(self, share: float, without: int = 0) -> tuple[Floats, Floats]:
        """(lowest, highest) of each channel (channels,) with `share` of its values beyond either, between two values
        linearly; after the `without` outermost of each channel at either end were dropped."""
        place = without + share * max(self.count - 1 - without, 0)
        low, high = self.outermost(self._kept)
        return _at(low, place), _at(high, place)


class _Smallest:
    """The `most` smallest values of each channel."""

    def __init__(self, channels: int, most: int):
        self._most = most
        self._kept: Floats = np.empty((0, channels), np.float32)
        self._limit: Floats | None = None  # (channels,): what is not below it is none of them
        self._waiting: list[Floats] = []
        self._is_sorted = False

    def add(self, values: Floats) -> None:
        if self._limit is not None:
            values = values[(values < self._limit).any(axis=1)]
        if len(values):
            self._waiting.append(values)
        if sum(map(len, self._waiting)) > self._most:
            self._settle()

    def sorted(self) -> Floats:
        self._settle()
        if not self._is_sorted:
            self._kept = np.sort(self._kept, axis=0)
            self._is_sorted = True
        return self._kept

    def _settle(self) -> None:
        if not self._waiting:
            return
        values = np.concatenate([self._kept, *self._waiting])
        self._waiting, self._is_sorted = [], False
        if len(values) > self._most:
            values = np.partition(values, self._most - 1, axis=0)[: self._most]
        self._kept = values
        if len(values) == self._most:
            self._limit = values.max(axis=0)


def _at(ordered: Floats, place: float) -> Floats:
    """Row `place` of (rows, channels), between rows linearly."""
    first = min(int(place), len(ordered) - 1)
    second = min(first + 1, len(ordered) - 1)
    found: Floats = ordered[first] + (place - first) * (ordered[second] - ordered[first])
    return found
