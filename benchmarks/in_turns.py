"""Streams stepped in turns, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from edgelstm.runtime import Stream

Way = TypeVar("Way")


def in_turns(ways: Mapping[Way, Stream], frames: np.ndarray, *, rounds: int, warm: int) -> dict[Way, np.ndarray]:
    """(rounds,) µs of a frame by `step(frame)`, of each way. frames: of a round; the first `warm` are not timed."""
    rows, clock = list(frames), time.perf_counter
    times: dict[Way, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, stream in ways.items():
            step = stream.step
            for frame in rows[:warm]:
                step(frame)
            began = clock()
            for frame in rows[warm:]:
                step(frame)
            times[way].append((clock() - began) / (len(rows) - warm))
    return {way: 1e6 * np.array(some) for way, some in times.items()}
