"""Times counted by size: any number of them in memory that is fixed beforehand.

The buckets are log-linear, as in HdrHistogram: a time below 512 ns has a bucket of its own, and each doubling from
there on is cut into 256. A percentile is the upper end of its bucket, so it is never below the nearest-rank
percentile of the times themselves, and above it by less than 1/256 (0.4 %). Count, mean, deviation and maximum
are exact.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.records import Unavailable

RELATIVE_ERROR = 1 / 256
_BITS = 8  # a doubling has 2**8 buckets
_MOST_NS = (1 << 44) - 1  # five hours; longer times count as this one
_COARSE = 4  # 2**4 buckets make one step of a distribution: 6 %


@dataclass(frozen=True, slots=True)
class Spread:
    """How a set of times is spread, in microseconds."""

    frames: int
    mean_us: float
    deviation_us: float  # the standard deviation: jitter in one figure
    p50_us: float
    p90_us: float
    p99_us: float | Unavailable  # needs 100 frames
    p99_9_us: float | Unavailable  # needs 1,000 frames
    max_us: float

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"frames: {self.frames}, expected at least 1")
        given = (self.p50_us, self.p90_us, self.p99_us, self.p99_9_us, self.max_us)
        ordered = [0.0, *(figure for figure in given if not isinstance(figure, Unavailable))]
        if ordered != sorted(ordered):
            raise ValueError(f"percentiles {given} fall, expected each at least as large as the one before")

    @property
    def tail_us(self) -> float | Unavailable:
        """p99 − p50: jitter as a deadline feels it."""
        return self.p99_us if isinstance(self.p99_us, Unavailable) else self.p99_us - self.p50_us


SPREAD = (
    ("p50", "p50_us"),
    ("p90", "p90_us"),
    ("p99", "p99_us"),
    ("p99.9", "p99_9_us"),
    ("max", "max_us"),
    ("jitter: deviation", "deviation_us"),
    ("jitter: p99 − p50", "tail_us"),
)
"""(what people call it, the field of `Spread`), in the order in which they read it."""


FEWEST = 10
"""Frames by which percentiles say something, and a distribution is drawn."""


def figure(spread: Spread, field: str) -> float | Unavailable:
    """One of `SPREAD`, for people: no percentiles of a handful of frames."""
    if field in ("p50_us", "p90_us") and spread.frames < FEWEST:
        return Unavailable(f"too few: {spread.frames} frames, expected {FEWEST}")
    value: float | Unavailable = getattr(spread, field)
    return value


@dataclass(frozen=True)
class Distribution:
    """How many times lie between one edge and the next. Empty steps are left out."""

    from_us: tuple[float, ...]  # lower edges, rising
    to_us: tuple[float, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.from_us) == len(self.to_us) == len(self.counts) >= 1:
            raise ValueError("from_us, to_us, counts: of different lengths or empty")
        edges = [edge for pair in zip(self.from_us, self.to_us) for edge in pair]
        if edges[0] < 0 or edges != sorted(edges) or min(self.counts) < 1:
            raise ValueError("from_us, to_us, counts: expected rising edges and counts of at least 1")


class Histogram:
    """Counts nanoseconds. All its memory is taken on making it."""

    def __init__(self) -> None:
        self._counts = np.zeros(int(_buckets(np.array([_MOST_NS]))[0]) + 1, np.int64)
        self.clear()

    def clear(self) -> None:
        self._counts[:] = 0
        self.count, self.max_ns = 0, 0
        self._pivot, self._sum, self._squares = 0, 0, 0.0  # of the times less the pivot

    def add(self, times: array[int] | NDArray[np.int64]) -> None:
        """Count `times` (int64 nanoseconds)."""
        values = np.frombuffer(times, np.int64) if isinstance(times, array) else times
        if not len(values):
            return
        if not self.count:
            self._pivot = int(values[0])  # sums of squares far from 0 would cancel
        self._counts += np.bincount(_buckets(values), minlength=len(self._counts))
        about = values - self._pivot
        self._sum += int(about.sum())
        self._squares += float(np.square(about, dtype=np.float64).sum())
        self.count += len(values)
        self.max_ns = max(self.max_ns, int(values.max()))

    def spread(self) -> Spread:
        """ValueError where nothing was counted."""
        if not self.count:
            raise ValueError("no times were counted")
        mean = self._sum / self.count
        variance = max(0.0, self._squares / self.count - mean * mean)
        ranks = self._counts.cumsum()

        def percentile(permille: int) -> float:
            bucket = int(np.searchsorted(ranks, -(-self.count * permille // 1000)))
            return min(_edge(bucket + 1) - 1, self.max_ns) / 1000

        def needing(least: int, permille: int) -> float | Unavailable:
            few = Unavailable(f"{self.count} frames, this percentile needs {least}")
            return percentile(permille) if self.count >= least else few

        return Spread(
            frames=self.count,
            mean_us=(self._pivot + mean) / 1000,
            deviation_us=math.sqrt(variance) / 1000,
            p50_us=percentile(500),
            p90_us=percentile(900),
            p99_us=needing(100, 990),
            p99_9_us=needing(1000, 999),
            max_us=self.max_ns / 1000,
        )

    def distribution(self) -> Distribution:
        size = 1 << _COARSE
        padded = np.pad(self._counts, (0, -len(self._counts) % size))
        steps = padded.reshape(-1, size).sum(axis=1)
        filled = np.flatnonzero(steps).tolist()
        return Distribution(
            from_us=tuple(_edge(step * size) / 1000 for step in filled),
            to_us=tuple(_edge((step + 1) * size) / 1000 for step in filled),
            counts=tuple(steps[filled].tolist()),
        )


def spread(times: array[int]) -> Spread:
    """Of times in nanoseconds, at least one."""
    histogram = Histogram()
    histogram.add(times)
    return histogram.spread()


def _buckets(values: NDArray[np.int64]) -> NDArray[np.intp]:
    """The bucket of each value: its highest nine bits, and how far they were shifted."""
    clipped = np.clip(values, 0, _MOST_NS)
    shift = np.maximum(np.frexp(clipped.astype(np.float64))[1] - (_BITS + 1), 0).astype(np.int64)
    buckets: NDArray[np.intp] = ((shift << _BITS) + (clipped >> shift)).astype(np.intp)  # all that 32 bits count by
    return buckets


def _edge(bucket: int) -> int:
    """The smallest value of a bucket."""
    shift = max(0, (bucket >> _BITS) - 1)
    return (bucket - (shift << _BITS)) << shift
