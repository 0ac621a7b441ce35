"""What threads gain that share a frame: beside one thread, in turns."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.devices.profiling.measure import Stream

SECONDS = 0.5
WARM_CALLS, CALLS = 16, 48
"""Of a round; the first wake threads that sleep."""


@dataclass(frozen=True)
class Sharing:
    """Frames flat out, called from Python: medians of rounds."""

    threads: int
    p50_us: float
    alone_p50_us: float  # of one thread, in turns with them

    def __post_init__(self) -> None:
        if self.threads < 2 or not (self.p50_us > 0 and self.alone_p50_us > 0):
            raise ValueError(f"threads {self.threads}, p50_us {self.p50_us}, alone_p50_us {self.alone_p50_us}")

    @property
    def words(self) -> str:
        gain = self.alone_p50_us / self.p50_us
        told = f"{gain:.2f} times as fast as one" if gain >= 1 else f"one is {1 / gain:.2f} times as fast"
        return f"{self.threads}, {told}"


def beside_one(streams: Mapping[int, Stream], frames: NDArray[np.float32]) -> Sharing:
    """streams: by their threads, one of them with 1; frames: (T, features), given again and again."""
    rows, clock = list(frames[: WARM_CALLS + CALLS]), time.perf_counter
    times: dict[int, list[float]] = {threads: [] for threads in streams}
    end = clock() + SECONDS
    while not times[1] or clock() < end:
        for threads, stream in streams.items():
            step = stream.step
            for n in range(WARM_CALLS):
                step(rows[n % len(rows)])
            start = clock()
            for n in range(CALLS):
                step(rows[n % len(rows)])
            times[threads].append((clock() - start) / CALLS)
    found = {threads: 1e6 * float(np.median(some)) for threads, some in times.items()}
    return Sharing(max(found), found[max(found)], found[1])
