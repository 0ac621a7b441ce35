"""How long a frame takes: the first, the warm-up, flat out, paced like the sensor, and soaking.

A time runs from a frame in hand to the answer in `stream.output`: one `step(frame)`, called from Python as a user's
program would. Paced, the process sleeps until a frame is due, so its core may
clock down and its caches go cold, as in the field; how late the system woke it is told apart from the computing.
Times go into memory that was taken before and from there, between frames, into histograms, so the loop does not
grow however long it runs. What reading the clock adds to each time is measured and reported.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgelstm.devices.machine.usage import Moment
from edgelstm.devices.profiling.histogram import Distribution, Histogram, Spread, spread
from edgelstm.devices.profiling.plan import Plan
from edgelstm.records import Unavailable

WARM_UP_SHARE = 0.2
"""The part of the time limit that the warm-up may take."""
BLOCK = 8192
"""Frames between two visits to the histograms: so rare that the cold caches after one do not show in p99.9."""


class Stream(Protocol):
    """What is measured: the part of `edgelstm.runtime`'s streams that matters here, so that its loading can be
    measured too."""

    @property
    def step(self) -> Callable[[NDArray[np.float32]], bool]: ...

    @property
    def input(self) -> NDArray[np.float32]: ...  # (features,)


@dataclass(frozen=True, slots=True)
class Interval:
    """A part of a phase, and how things stood at its end. Many are held while measuring: slots keep them small."""

    end_s: float  # seconds since the phase began
    spread: Spread
    misses: int  # as `Pacing.misses`; 0 flat out
    moment: Moment


@dataclass(frozen=True)
class Pacing:
    """How frames that were due at fixed times fared.

    A deadline is missed when a frame's answer is not there by the time the next frame is due.
    """

    rate: float  # frames per second
    misses: int
    slow: int  # frames whose computing alone took longer than a period, which no better scheduling would mend
    late: Spread | Unavailable  # from due to awake, of the frames that were slept for

    def __post_init__(self) -> None:
        if not self.rate > 0 or self.misses < 0 or not 0 <= self.slow <= self.misses:
            raise ValueError(f"rate {self.rate}, misses {self.misses}, slow {self.slow}: they cannot be")


@dataclass(frozen=True)
class Phase:
    """Frames of one kind, and their course."""

    seconds: float  # with what lies between the frames
    spread: Spread
    distribution: Distribution
    intervals: tuple[Interval, ...]
    pacing: Pacing | Unavailable  # Unavailable flat out

    def __post_init__(self) -> None:
        if sum(self.distribution.counts) != self.spread.frames:
            raise ValueError(f"distribution: {sum(self.distribution.counts)} times, expected {self.spread.frames}")

    @property
    def frames_per_second(self) -> float:
        """Frames a second that could be computed, one right after another."""
        return 1e6 / self.spread.mean_us if self.spread.mean_us > 0 else 0.0


@dataclass(frozen=True)
class Latency:
    first_us: float  # the first frame after the stream was made
    warm_up: Spread
    flat: Phase | Unavailable
    paced: Phase | Unavailable
    soak: Phase | Unavailable
    overhead_us: float  # the part of every time that is the clock's

    def __post_init__(self) -> None:
        if isinstance(self.flat, Unavailable) and isinstance(self.paced, Unavailable):
            raise ValueError("flat and paced: neither was measured, expected at least one")

    @property
    def steady(self) -> Phase:
        """Flat out, or paced where that alone was asked for."""
        return next(phase for phase in (self.flat, self.paced) if not isinstance(phase, Unavailable))


class Measurement:
    """Measures one fresh stream: `warm_up()`, then `flat()`, `paced()` and `soak()` as the plan has it.

    They are apart so that a caller may look at memory between them: all that the loops write is taken on making
    the measurement. The frames are one signal that begins anew when it ends.

    frames: (T, features) float32 real values.
    rate: frames per second when paced; Unavailable where nobody knows.
    look: reads how things stand; called at the end of each interval, between frames.
    tell: is told each interval of the soak.
    """

    def __init__(
        self,
        stream: Stream,
        frames: NDArray[np.float32],
        plan: Plan,
        rate: float | Unavailable,
        *,
        look: Callable[[], Moment],
        tell: Callable[[Interval], None] = lambda _: None,
    ):
        if not len(frames) or frames.shape[1:] != stream.input.shape:
            raise ValueError(f"frames: shape {frames.shape}, expected (T, {stream.input.size}), T at least 1")
        self._plan, self._rate, self._look, self._tell = plan, rate, look, tell
        self._loop = _Loop(stream, list(frames))
        self._whole, self._part = Histogram(), Histogram()
        self._whole.add(_times(BLOCK))  # what numpy takes for the first visit is taken now
        self._whole.spread()
        self._whole.distribution()

    def warm_up(self) -> tuple[float, Spread]:
        """(µs of the first frame, those right after it)."""
        first = self._phase(1, self._plan.seconds, None).spread
        return first.max_us, self._phase(self._plan.warm_up, self._plan.seconds * WARM_UP_SHARE, None).spread

    def flat(self) -> Phase | Unavailable:
        if self._plan.pace == "paced":
            return Unavailable("not asked for (pace paced)")
        seconds = self._plan.seconds * (1 - WARM_UP_SHARE)
        return self._phase(self._plan.frames, seconds, None, interval_seconds(seconds))

    def paced(self) -> Phase | Unavailable:
        if self._plan.pace == "flat":
            return Unavailable("not asked for (pace flat)")
        if isinstance(self._rate, Unavailable):
            return self._rate
        seconds = self._plan.paced_seconds
        return self._phase(None, seconds, self._rate, interval_seconds(seconds))

    def soak(self) -> Phase | Unavailable:
        seconds = self._plan.duration
        if not seconds:
            return Unavailable("not asked for (no duration)")
        rate = self._rate if self._plan.pace == "paced" else None
        if isinstance(rate, Unavailable):
            return rate
        return self._phase(None, seconds, rate, interval_seconds(seconds), self._tell)

    def _phase(
        self,
        frames: int | None,
        seconds: float,
        rate: float | None,
        interval: float | None = None,
        tell: Callable[[Interval], None] = lambda _: None,
    ) -> Phase:
        """At least one frame, then until `frames` or `seconds` are over. Without `interval` it has no course."""
        clock, loop, whole, part = time.perf_counter_ns, self._loop, self._whole, self._part
        whole.clear()
        intervals: list[Interval] = []
        begin = clock()
        end, step = begin + round(seconds * 1e9), max(1, round((interval or seconds) * 1e9))
        loop.begin(rate, begin)
        number, over = 0, False
        while not over:
            part.clear()
            number = max(number, (clock() - begin) // step) + 1
            until, misses, is_time = min(end, begin + number * step), loop.misses, False
            while not over and not is_time:
                left = BLOCK if frames is None else min(BLOCK, frames - whole.count)
                times, is_time = loop.run(left, until)
                whole.add(times)
                part.add(times)
                over = whole.count == frames or (is_time and until == end)
            if interval is not None and part.count:  # slow sensors leave intervals without a frame
                seen = Interval((clock() - begin) / 1e9, part.spread(), loop.misses - misses, self._look())
                intervals.append(seen)
                tell(seen)
        return Phase(
            seconds=(clock() - begin) / 1e9,
            spread=whole.spread(),
            distribution=whole.distribution(),
            intervals=tuple(intervals),
            pacing=loop.pacing(),
        )


class _Loop:
    """The loops over frames, flat out or paced, and the memory that they write to."""

    def __init__(self, stream: Stream, rows: list[NDArray[np.float32]]):
        self._stream, self._rows, self._at = stream, rows, 0
        self._times, self._late = _times(BLOCK), _times(BLOCK)
        self._lateness = Histogram()
        self.begin(None, 0)

    def begin(self, rate: float | None, now: int) -> None:
        """Start a phase; `now` is when its first frame is due."""
        self._rate = rate
        self._due, self._period = now, round(1e9 / rate) if rate else 0
        self.misses, self._slow = 0, 0
        self._lateness.clear()

    def pacing(self) -> Pacing | Unavailable:
        if self._rate is None:
            return Unavailable("flat out: frames come one right after another")
        none = Unavailable("no frame was slept for: each was due before the one before it was done")
        late = self._lateness.spread() if self._lateness.count else none
        return Pacing(self._rate, self.misses, self._slow, late)

    def run(self, count: int, until: int) -> tuple[NDArray[np.int64], bool]:
        """(nanoseconds of at most `count` frames, whether `until` has come). Flat out it takes at least one frame."""
        done, is_time = (self._flat if self._rate is None else self._paced)(count, until)
        self._at += done
        return np.frombuffer(self._times, np.int64)[:done], is_time

    def _flat(self, count: int, until: int) -> tuple[int, bool]:
        clock, step = time.perf_counter_ns, self._stream.step
        rows, size, at, times = self._rows, len(self._rows), self._at, self._times
        for n in range(count):
            row = rows[(at + n) % size]
            start = clock()
            step(row)
            end = clock()
            times[n] = end - start
            if end >= until:
                return n + 1, True
        return count, False

    def _paced(self, count: int, until: int) -> tuple[int, bool]:
        clock, sleep, step = time.perf_counter_ns, time.sleep, self._stream.step
        rows, size, at, times = self._rows, len(self._rows), self._at, self._times
        due, period, late = self._due, self._period, self._late
        done = slept = misses = 0
        for n in range(count):
            if due >= until:
                break
            row = rows[(at + n) % size]
            start = clock()
            if start < due:
                sleep((due - start) / 1e9)
                start = clock()
                late[slept] = start - due
                slept += 1
            step(row)
            end = clock()
            times[n] = end - start
            done += 1
            due += period
            if end > due:
                misses += 1
                if end >= until:
                    break
        self._due = due
        self.misses += misses
        self._slow += int((np.frombuffer(times, np.int64)[:done] > period).sum())
        self._lateness.add(np.frombuffer(late, np.int64)[:slept])
        return done, due >= until or clock() >= until


def interval_seconds(seconds: float) -> float:
    """How long figures of a phase's course are gathered: a minute; a tenth of a phase that is shorter than ten.

    A course has at most 1,440 points, as many as a day has minutes, so that holding them costs little memory.
    """
    return max(min(60.0, max(0.5, seconds / 10)), seconds / 1440)


def overhead_us() -> float:
    """The median of the timing loop around nothing: what the clock adds to each time, in microseconds."""
    times, clock = _times(1_000), time.perf_counter_ns
    for n in range(len(times)):
        start = clock()
        end = clock()
        times[n] = end - start
    return spread(times).p50_us


def _times(count: int) -> array[int]:
    return array("q", [1]) * count  # written, so that its pages are there
