"""Time stamps: the rate that they tell, holes between them, and what is put where nothing was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.store import chunks
from edgelstm.stamps import calendar_seconds, date_seconds

Missing = Literal["refuse", "interpolate", "hold"]
"""What becomes of values and frames that are not there: an error, a straight line between their neighbours, or the
value before."""

_HOLE = 1.5  # steps; a longer one lacks frames
_COARSE = 0.1  # share of stamps like the one before, above which they only count coarse time
_MEDIAN_OF = 1 << 20  # steps
_EPOCH_UNITS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))  # since 1970, in nano-, micro- and milliseconds


@dataclass(frozen=True, eq=False)
class Timing:
    """What the time stamps of one recording say."""

    rate: float  # frames per second by the median step; 0 = unknown
    order: NDArray[np.int64] | None  # places of the frames as time goes; None = as they are
    holes: tuple[tuple[int, int], ...]  # (place in order, frames that lack before it)
    back: int  # steps back in time
    repeated: int  # stamps like one before, where stamps are not coarser than frames


def number_times(values: NDArray[np.float64], unit: float | None = None) -> NDArray[np.float64]:
    """Times in seconds of numbers that count `unit` seconds each; where that is None, seconds, or with very large
    ones what they count since 1970. ValueError("…", place) for the first that lacks."""
    lacking = np.flatnonzero(np.isnan(values))
    if lacking.size:
        raise ValueError("no time, expected one in each row", int(lacking[0]))
    return values * (unit_of_numbers(float(values[0])) if unit is None else unit)


def unit_of_numbers(first: float) -> float:
    """Seconds that a time counts by its size: very large ones are parts of a second since 1970."""
    return next((unit for least, unit in _EPOCH_UNITS if abs(first) > least), 1.0)


def calendar_times(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times in seconds since 1970 of numbers with the digits of dates, such as 20240501. ValueError("…", place) for
    the first that is none."""
    stamps = np.empty(len(values))
    for place, value in enumerate(values.tolist()):
        seconds = calendar_seconds(value)
        if seconds is None:
            raise ValueError(f"time {value:.15g}, expected a date such as 20240501, as the first is", place)
        stamps[place] = seconds
    return stamps


def text_times(cells: Sequence[str]) -> NDArray[np.float64]:
    """Times in seconds since 1970 of ISO 8601 texts, such as 2024-05-01 13:00. ValueError("…", place) for the first
    that is none."""
    stamps = np.empty(len(cells))
    for place, cell in enumerate(cells):
        seconds = date_seconds(cell)
        if seconds is None:
            reason = (
                f"time {cell[:40]!r}, expected seconds or ISO 8601 such as 2024-05-01 13:00:00 (2024/05/01, "
                "01.05.2024 and 1-May-2024 will do; a column that tells no times needs another name)"
            )
            raise ValueError(reason, place)
        stamps[place] = seconds
    return stamps


def read_timing(seconds: NDArray[np.float64]) -> Timing:
    """Rate, holes and disorder. Stamps in order may be more than memory holds; the median is that of every n-th step
    then."""
    back = sum(int((steps < 0).sum()) for _, steps in _steps(seconds))
    order = np.argsort(seconds, kind="stable") if back else None
    if order is not None:
        seconds = seconds[order]
    count, span = len(seconds) - 1, float(seconds[-1] - seconds[0])
    repeated = sum(int((steps == 0).sum()) for _, steps in _steps(seconds))
    if repeated == count:
        return Timing(0.0, order, (), back, repeated)
    if repeated > _COARSE * count:  # such as whole seconds at 50 Hz: no single step can be trusted
        return Timing(_rounded(count / span), order, (), back, 0)
    every = -(-count // _MEDIAN_OF)
    some = np.concatenate([steps[-start % every :: every] for start, steps in _steps(seconds)])
    step = float(np.median(some[some > 0]))
    holes = [
        (start + int(place) + 1, max(round(float(steps[place]) / step) - 1, 1))
        for start, steps in _steps(seconds)
        for place in np.flatnonzero(steps > _HOLE * step)
    ]
    return Timing(_rate_of(step), order, tuple(holes), back, repeated)


def _steps(seconds: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """(place of the first, steps) of all steps between stamps, some at a time."""
    for part in chunks(len(seconds) - 1, 8):
        yield part.start, np.diff(seconds[part.start : part.stop + 1])


def _rate_of(step: float) -> float:
    """Rounded as people say it: frames per second, or seconds per frame where that is the larger number."""
    return _rounded(1 / step) if step < 1 else 1 / _rounded(step)


def _rounded(rate: float) -> float:
    return float(f"{rate:.6g}")


def fill_values(frames: NDArray[np.float64], missing: Missing) -> NDArray[np.float64]:
    """`frames` (frames, columns) with its NaN filled. A column without any value stays as it is."""
    filled = frames.copy()
    fill_gaps(filled, missing)
    return filled


def fill_gaps(frames: NDArray[np.float64], missing: Missing) -> None:
    """The same in place, some frames at a time: they may lie in a file."""
    last = np.full(frames.shape[1], -1)  # the newest frame with a value of each column
    for part in chunks(len(frames), 8 * frames.shape[1]):
        for n, column in enumerate(frames[part].T):
            known = np.flatnonzero(np.isfinite(column))
            if len(known):
                _fill(frames[:, n], int(last[n]), part.start + int(known[0]), missing)
                _fill_between(column[known[0] : known[-1] + 1], missing)
                last[n] = part.start + known[-1]
    for n, place in enumerate(last.tolist()):
        if place >= 0:
            frames[place + 1 :, n] = frames[place, n]


def _fill(column: NDArray[np.float64], before: int, after: int, missing: Missing) -> None:
    """Frames between two with values, or before the first of all: `before` is -1 then."""
    if before < 0:
        column[:after] = column[after]
    elif missing == "hold":
        column[before + 1 : after] = column[before]
    else:
        ends = [float(column[before]), float(column[after])]
        column[before + 1 : after] = np.interp(np.arange(before + 1, after), [before, after], ends)


def _fill_between(column: NDArray[np.float64], missing: Missing) -> None:
    """Frames of a column whose first and last have values."""
    known = np.isfinite(column)
    if known.all():
        return
    at = np.arange(len(column))
    if missing == "interpolate":
        column[~known] = np.interp(at[~known], at[known], column[known])
    else:
        column[:] = column[np.maximum.accumulate(np.where(known, at, 0))]


def open_holes(
    parts: Iterable[NDArray[np.float64]], holes: Sequence[tuple[int, int]]
) -> Iterator[NDArray[np.float64]]:
    """Frames that come some at a time, with rows of NaN where some lack: (place, how many) in order."""
    left, count = list(reversed(holes)), 0
    for part in parts:
        start = 0
        while left and left[-1][0] < count + len(part):
            place, lack = left.pop()
            yield part[start : place - count]
            for rows in chunks(lack, 8 * part.shape[1]):
                yield np.full((rows.stop - rows.start, part.shape[1]), np.nan)
            start = place - count
        yield part[start:]
        count += len(part)


def places_about(holes: Sequence[tuple[int, int]], count: int) -> NDArray[np.int64]:
    """For each frame of `count` that were recorded and those that lack the place it came from (-1: none)."""
    pieces, start = [], 0
    for place, lack in holes:
        pieces += [np.arange(start, place), np.full(lack, -1)]
        start = place
    return np.concatenate([*pieces, np.arange(start, count)])
