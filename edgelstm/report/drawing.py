"""Numbers as a report keeps them for its drawings: rounded, and no more than a drawing can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.pieces import Cut
from edgelstm.report.record import Chart, Course, Numbers

COLUMNS = 240
"""Of a drawing: of each at most the lowest and the highest value is kept."""

MOST_CHANNELS = 8
"""Of a recording, that are drawn."""

_ON_ONE = 4  # courses in a chart of input
HUES = 5


def rounded(values: Sequence[float] | NDArray[Any]) -> Numbers:
    """Six digits each: more than can be seen, fewer than can be written."""
    return tuple(float(f"{value:.6g}") for value in np.asarray(values, np.float64).tolist())


def course(
    name: str,
    hue: int,
    manner: Literal["float", "int8", "truth", "plain"],
    at: NDArray[Any],
    values: NDArray[Any],
) -> Course:
    """Of values (n,) at frames (n,), rising; those that are not finite are left out."""
    known = np.flatnonzero(np.isfinite(values))
    kept = known[thinned(at[known], values[known])]
    frames = tuple(float(frame) for frame in at[kept].tolist())  # whole, and far into a long recording too
    return Course(name, hue % HUES, manner, frames, rounded(values[kept]))


def thinned(at: NDArray[Any], values: NDArray[Any]) -> NDArray[np.int64]:
    """Places of what is kept, rising: of each column the lowest and the highest; all where that is no fewer."""
    if len(at) <= 2 * COLUMNS:
        return np.arange(len(at))
    edges = np.linspace(at[0], at[-1], COLUMNS + 1)[1:-1]
    starts = np.searchsorted(at, edges)
    kept = set()
    for column in np.split(np.arange(len(at)), starts):
        if column.size:
            kept |= {int(column[values[column].argmin()]), int(column[values[column].argmax()])}
    return np.array(sorted(kept), np.int64)


def title(dataset: Dataset, place: int, first: int = 0, last: int | None = None) -> str:
    """Where a sequence lies in the data that it was cut out of, or its frames from `first` to before `last`."""
    group = f", group {dataset.group(place)}" if len(dataset.all_groups) > 1 else ""
    stop = int(dataset.lengths[place]) if last is None else last
    recording, start = origin(dataset, place)
    return f"recording {recording + 1}{group}, frames {start + first + 1:,} to {start + stop:,}"


def origin(dataset: Dataset, place: int) -> tuple[int, int]:
    """(place of the recording that a sequence was cut out of, the frame of it that the sequence begins with)."""
    sequences = dataset.sequences
    if not isinstance(sequences, Cut):
        return place, 0
    piece = sequences.pieces[place]
    return piece.place, piece.start


def moved(chart: Chart, frames: int) -> Chart:
    """`chart`, of a sequence, over the frames of the recording that it begins so many frames into."""
    courses = [replace(one, at=tuple(at + frames for at in one.at)) for one in chart.courses]
    stretches = [replace(one, first=one.first + frames, last=one.last + frames) for one in chart.stretches]
    return replace(chart, courses=tuple(courses), stretches=tuple(stretches))


def input_charts(
    frames: NDArray[np.float32], first: int, names: Sequence[str], units: Sequence[str]
) -> tuple[Chart, ...]:
    """Charts of the first channels of `frames` (n, features), which begin at frame `first`; channels beside one
    another in the same unit share one."""
    shown = min(frames.shape[1], MOST_CHANNELS)
    names = names or [f"channel {n}" for n in range(shown)]
    charts: list[tuple[str, list[int]]] = []
    for n in range(shown):
        unit = units[n] if units else ""
        if charts and charts[-1][0] == unit and len(charts[-1][1]) < _ON_ONE:
            charts[-1][1].append(n)
        else:
            charts.append((unit, [n]))
    at = first + np.arange(len(frames))
    return tuple(
        Chart(
            "input",
            unit,
            tuple(course(names[n], hue, "plain", at, frames[:, n]) for hue, n in enumerate(together)),
        )
        for unit, together in charts
    )
