"""Arrays one after another, as rows of one that nobody has to hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class EndToEnd:
    """The rows of all arrays, at least one, by slices."""

    def __init__(self, arrays: Sequence[NDArray[Any]]) -> None:
        self._arrays = arrays
        self._stops = np.cumsum([len(array) for array in arrays])

    def __len__(self) -> int:
        return int(self._stops[-1])

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, _ = rows.indices(len(self))
        first = int(np.searchsorted(self._stops, start, side="right"))
        last = int(np.searchsorted(self._stops, stop, side="left"))
        found = []
        for place in range(min(first, len(self._arrays) - 1), min(last, len(self._arrays) - 1) + 1):
            array = self._arrays[place]
            before = int(self._stops[place]) - len(array)
            found.append(array[max(start - before, 0) : max(stop - before, 0)])
        return found[0] if len(found) == 1 else np.concatenate(found)
