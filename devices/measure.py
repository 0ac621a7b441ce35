"""How long a frame takes: the first, the warm-up and the steady state apart.

A figure runs from a frame in hand to the answer in `stream.output`: the copy into `stream.input` and one
`step()`, called from Python as a user's program would. Times go into memory that was taken before, so the loop
itself does not grow. What reading the clock adds to each figure is measured in the same way and reported.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgelstm.devices.record import Missing

STEADY_FRAMES = 10_000
"""Frames a percentile of 99.9 should rest on, at least: its ten slowest."""
WARM_UP_FRAMES = 1_000
WARM_UP_SHARE = 0.2
"""The part of the time limit that the warm-up may take."""


class Stream(Protocol):
    """What is measured: a stream of any engine."""

    @property
    def input(self) -> NDArray[np.float32]: ...  # (features,)

    def step(self) -> bool: ...


@dataclass(frozen=True)
class Spread:
    """How a set of times is spread, in microseconds. A percentile is a time that was measured (nearest rank)."""

    frames: int
    mean_us: float
    p50_us: float
    p90_us: float
    p99_us: float | Missing  # needs 100 frames
    p99_9_us: float | Missing  # needs 1,000 frames
    max_us: float

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"frames: {self.frames}, expected at least 1")
        given = (self.p50_us, self.p90_us, self.p99_us, self.p99_9_us, self.max_us)
        ordered = [0.0, *(figure for figure in given if not isinstance(figure, Missing))]
        if ordered != sorted(ordered):
            raise ValueError(f"percentiles {given} fall, expected each at least as large as the one before")


@dataclass(frozen=True)
class Latency:
    first_us: float  # the first frame after the stream was made
    warm_up: Spread
    steady: Spread
    steady_seconds: float  # how long the steady part took, with what lies between the frames
    overhead_us: float  # the part of every figure that is the clock's

    @property
    def frames_per_second(self) -> float:
        """Frames a second that the steady state could take, one after another."""
        return 1e6 / self.steady.mean_us


class Measurement:
    """Measures one fresh stream: `warm_up()`, then `steady()`, then `latency()`.

    They are apart so that a caller may look at memory between them: all that the loops write is taken on making
    the measurement.

    frames: (T, features) float32 real values, given to the stream again and again.
    seconds: how long warm-up and steady state may take; the frame that goes beyond it is the last.
    """

    def __init__(
        self, stream: Stream, frames: NDArray[np.float32], *, steady: int = STEADY_FRAMES, seconds: float = 5.0
    ):
        if not len(frames) or frames.shape[1:] != stream.input.shape:
            raise ValueError(f"frames: shape {frames.shape}, expected (T, {stream.input.size}), T at least 1")
        if steady < 1 or not seconds > 0:
            raise ValueError(f"{steady} frames in {seconds} s, expected at least 1 frame and more than 0 s")
        self._stream = stream
        self._rows = list(frames)
        self._seconds = seconds
        self._first = _times(1)
        self._warm_up = _times(WARM_UP_FRAMES)
        self._steady = _times(steady)
        self._counts = [0, 0]
        self._steady_seconds = 0.0

    def warm_up(self) -> None:
        """The first frame, and those right after it."""
        _run(self._stream, self._rows, self._first, self._seconds)
        self._counts[0] = _run(self._stream, self._rows, self._warm_up, self._seconds * WARM_UP_SHARE)

    def steady(self) -> None:
        start = time.perf_counter()
        self._counts[1] = _run(self._stream, self._rows, self._steady, self._seconds * (1 - WARM_UP_SHARE))
        self._steady_seconds = time.perf_counter() - start

    def latency(self) -> Latency:
        return Latency(
            first_us=self._first[0] / 1000,
            warm_up=spread(self._warm_up[: self._counts[0]]),
            steady=spread(self._steady[: self._counts[1]]),
            steady_seconds=self._steady_seconds,
            overhead_us=overhead_us(),
        )


def measure(
    stream: Stream, frames: NDArray[np.float32], *, steady: int = STEADY_FRAMES, seconds: float = 5.0
) -> Latency:
    """All of a `Measurement` at once."""
    measurement = Measurement(stream, frames, steady=steady, seconds=seconds)
    measurement.warm_up()
    measurement.steady()
    return measurement.latency()


def overhead_us() -> float:
    """The median of the timing loop around nothing: what the clock adds to each figure, in microseconds."""
    times, clock = _times(1_000), time.perf_counter_ns
    for n in range(len(times)):
        start = clock()
        end = clock()
        times[n] = end - start
    return spread(times).p50_us


def spread(times: Sequence[int]) -> Spread:
    """Of times in nanoseconds, at least one."""
    ordered = np.sort(np.asarray(times, np.int64)) / 1000
    count = len(ordered)

    def percentile(permille: int) -> float:
        return float(ordered[-(-count * permille // 1000) - 1])

    def needing(least: int, permille: int) -> float | Missing:
        return percentile(permille) if count >= least else Missing(f"{count} frames, this percentile needs {least}")

    return Spread(
        frames=count,
        mean_us=float(ordered.mean()),
        p50_us=percentile(500),
        p90_us=percentile(900),
        p99_us=needing(100, 990),
        p99_9_us=needing(1_000, 999),
        max_us=float(ordered[-1]),
    )


def _times(count: int) -> array[int]:
    return array("q", [1]) * count  # written, so that its pages are there


def _run(stream: Stream, rows: list[NDArray[np.float32]], times: array[int], seconds: float) -> int:
    """Fill `times` with nanoseconds per frame; how many were filled before `seconds` were over."""
    clock, view, step, size = time.perf_counter_ns, stream.input, stream.step, len(rows)
    deadline = clock() + int(seconds * 1e9)
    for n in range(len(times)):
        row = rows[n % size]
        start = clock()
        view[:] = row
        step()
        end = clock()
        times[n] = end - start
        if end >= deadline:
            return n + 1
    return len(times)
