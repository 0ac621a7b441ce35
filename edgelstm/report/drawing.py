"""Numbers as a report keeps them for its drawings: rounded, and no more than a drawing can show."""

from __future__ import annotations

from collections.abc import Sequence
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
    return Course(name, hue % HUES, manner, rounded(at[kept]), rounded(values[kept]))


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
    sequences, start = dataset.sequences, 0
    group = f", group {dataset.group(place)}" if len(dataset.all_groups) > 1 else ""
    stop = int(dataset.lengths[place]) if last is None else last
    if isinstance(sequences, Cut):
        piece = sequences.pieces[place]
        place, start = piece.place, piece.start
    return f"recording {place + 1}{group}, frames {start + first + 1:,} to {start + stop:,}"


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
