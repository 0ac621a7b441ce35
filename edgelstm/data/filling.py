"""Values that are not there, filled from those around them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.store import Growing
from edgelstm.data.times import Missing, fill_gaps

REMEDY = "--missing, or data.missing in a recipe, fills what lacks: interpolate or hold"


def filled(
    parts: Iterable[NDArray[np.floating]], columns: int, missing: Missing
) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """A recording that comes some (frames, columns) at a time, its NaN filled; and the columns that have no value at
    all, which are zeros. The recording may be larger than memory."""
    growing = Growing((columns,), np.float64)
    for part in parts:
        growing.add(part)
    frames = growing.done(writable=True)
    fill_gaps(frames, missing)
    empty = np.flatnonzero(np.isnan(frames[0]))
    frames[:, empty] = 0
    return frames, tuple(empty.tolist())
