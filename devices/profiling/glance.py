"""A quick look at what a frame takes, for a line beside other figures; profiles measure with care."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SECONDS = 0.1
MOST_FRAMES = 2_000


def frame_us(path: Path, frames: NDArray[np.float32]) -> float:
    """Median microseconds of a frame in the file's engine, called from Python, for a tenth of a second.

    frames: (T, features), given again and again. Where layers run every s-th frame, the median of the means of s.
    Errors as `open_model`.
    """
    from edgelstm.runtime.engines.open import open_model

    model = open_model(path)
    step, clock = model.stream().step, time.perf_counter
    times: list[float] = []
    end = clock() + SECONDS
    while len(times) < MOST_FRAMES and (clock() < end or not times):
        frame = frames[len(times) % len(frames)]
        start = clock()
        step(frame)
        times.append(clock() - start)
    return 1e6 * typical(np.array(times), model.stride)


def typical(times: NDArray[np.float64], stride: int) -> float:
    """The median of the means of `stride` times that follow each other; of fewer, their mean."""
    whole = len(times) - len(times) % stride
    return float(np.median(times[:whole].reshape(-1, stride).mean(axis=1)) if whole else times.mean())
