"""Time stamps: the rate that they tell, holes between them, and what is put where nothing was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.stamps import date_seconds

Missing = Literal["refuse", "interpolate", "hold"]
"""What becomes of values and frames that are not there: an error, a straight line between their neighbours, or the
value before."""

_HOLE = 1.5  # steps; a longer one lacks frames
_COARSE = 0.1  # share of stamps like the one before, above which they only count coarse time
_EPOCH_UNITS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))  # since 1970, in nano-, micro- and milliseconds


@dataclass(frozen=True, eq=False)
class Timing:
    """What the time stamps of one recording say."""

    rate: float  # frames per second by the median step; 0 = unknown
    order: NDArray[np.int64]  # places of the frames as time goes
    holes: tuple[tuple[int, int], ...]  # (place in order, frames that lack before it)
    back: int  # steps back in time
    repeated: int  # stamps like one before, where stamps are not coarser than frames


def number_times(values: NDArray[np.float64], unit: float | None = None) -> NDArray[np.float64]:
    """Times in seconds of numbers that count `unit` seconds each; where that is None, seconds, or with very large
    ones what they count since 1970. ValueError("…", place) for the first that lacks."""
    lacking = np.flatnonzero(np.isnan(values))
    if lacking.size:
        raise ValueError("no time, expected one in each row", int(lacking[0]))
    if unit is None:
        unit = next((f for least, f in _EPOCH_UNITS if abs(values[0]) > least), 1.0)
    return values * unit


def text_times(cells: Sequence[str]) -> NDArray[np.float64]:
    """Times in seconds since 1970 of ISO 8601 texts, such as 2024-05-01 13:00. ValueError("…", place) for the first
    that is none."""
    stamps = np.empty(len(cells))
    for place, cell in enumerate(cells):
        seconds = date_seconds(cell)
        if seconds is None:
            reason = f"time {cell[:40]!r}, expected seconds or ISO 8601 such as 2024-05-01 13:00:00"
            raise ValueError(reason, place)
        stamps[place] = seconds
    return stamps


def read_timing(seconds: NDArray[np.float64]) -> Timing:
    """Rate, holes and disorder."""
    order = np.argsort(seconds, kind="stable")
    steps = np.diff(seconds)
    back = int((steps < 0).sum())
    steps = np.diff(seconds[order])
    repeated = int((steps == 0).sum())
    if not steps.size or not steps.any():
        return Timing(0.0, order, (), back, repeated)
    if repeated > _COARSE * len(steps):  # such as whole seconds at 50 Hz: no single step can be trusted
        return Timing(_rounded(len(steps) / float(seconds[order[-1]] - seconds[order[0]])), order, (), back, 0)
    step = float(np.median(steps[steps > 0]))
    places = np.flatnonzero(steps > _HOLE * step)
    holes = tuple((int(place) + 1, max(round(float(steps[place]) / step) - 1, 1)) for place in places)
    return Timing(_rounded(1 / step), order, holes, back, repeated)


def _rounded(rate: float) -> float:
    return float(f"{rate:.6g}")


def fill_values(frames: NDArray[np.float64], missing: Missing) -> NDArray[np.float64]:
    """`frames` (frames, columns) with its NaN filled. A column without any value stays as it is."""
    filled = frames.copy()
    at = np.arange(len(frames))
    for column in filled.T:
        known = np.isfinite(column)
        if known.all() or not known.any():
            continue
        if missing == "interpolate":
            column[~known] = np.interp(at[~known], at[known], column[known])
        else:
            latest = np.maximum.accumulate(np.where(known, at, -1))
            column[:] = column[np.where(latest < 0, at[known][0], latest)]
    return filled


def open_holes(
    frames: NDArray[np.float64], holes: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """`frames` with rows of NaN where some lack, and for each row the place it came from (-1: none)."""
    pieces, places = [], []
    start = 0
    for place, count in holes:
        pieces += [frames[start:place], np.full((count, frames.shape[1]), np.nan)]
        places += [np.arange(start, place), np.full(count, -1)]
        start = place
    pieces.append(frames[start:])
    places.append(np.arange(start, len(frames)))
    return np.concatenate(pieces), np.concatenate(places)
