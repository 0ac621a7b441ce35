"""Labels of a recording's frames: the few that there are, and which of them each frame has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.store import chunked, joined


@dataclass(frozen=True, eq=False)
class FrameLabels(Sequence[str]):
    """Equal to any sequence of the same labels. A frame without one has the empty label."""

    names: tuple[str, ...]  # none of them empty
    codes: NDArray[np.integer[Any]]  # (frames,) places in names; -1 = none

    @classmethod
    def of(cls, labels: Sequence[str]) -> FrameLabels:
        """Those of so many frames."""
        if isinstance(labels, FrameLabels):
            return labels
        places = {name: place for place, name in enumerate(dict.fromkeys(label for label in labels if label))}
        codes = np.array([places.get(label, -1) for label in labels], np.int32)
        return cls(tuple(places), codes)

    def places_in(self, labels: Sequence[str]) -> NDArray[np.integer[Any]]:
        """(frames,): the place in `labels` of each frame's, -1 = none. `labels` has all of them."""
        if self.names == tuple(labels[: len(self.names)]):
            return self.codes
        places = np.array([list(labels).index(name) for name in self.names] + [-1], np.int32)
        return joined((places[part] for part in chunked(self.codes)), (), np.int32)

    def counts(self) -> dict[str, int]:
        """How many frames have each label; "" are those that have none."""
        counts = np.zeros(len(self.names) + 1, np.int64)
        for part in chunked(self.codes):
            counts += np.bincount(part + 1, minlength=len(counts))
        return {name: int(n) for name, n in zip(("", *self.names), counts) if n}

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> FrameLabels: ...

    def __getitem__(self, place: int | slice) -> str | FrameLabels:
        if isinstance(place, slice):
            return FrameLabels(self.names, self.codes[place])
        code = int(self.codes[place])
        return self.names[code] if code >= 0 else ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str) or len(other) != len(self):
            return NotImplemented if not isinstance(other, Sequence) else False
        return all(one == another for one, another in zip(self, other))

    __hash__ = None  # type: ignore[assignment]  # as of other things that are compared by what they hold
