"""What follows: of each frame with one 1 among zeros, the place of the 1 in the frame after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.pieces import Piece
from edgelstm.data.targets import Sequences, Targets


@dataclass(frozen=True, eq=False)
class NextSymbol(Targets):
    """Classes, places in the columns; of the last frame none is known."""

    sequences: Sequences
    labels: NDArray[np.int64] | None = None  # (columns,): the label of each column; None: of the same place

    def __getitem__(self, place: int) -> NDArray[np.int64]:
        return self.at(place, np.arange(len(self.sequences[place])))

    def at(self, place: int, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        x = self.sequences[place]
        later = frames + 1
        found: NDArray[np.int64] = x[np.minimum(later, len(x) - 1)].argmax(axis=1).astype(np.int64)
        if self.labels is not None:
            found = self.labels[found]
        found[later >= len(x)] = -1
        return found

    def pieces(self, _pieces: Sequence[Piece], sequences: Sequences) -> NextSymbol:
        return replace(self, sequences=sequences)

    def reordered(self, order: Sequence[int], sequences: Sequences) -> NextSymbol:
        labels = np.arange(len(order)) if self.labels is None else self.labels
        return replace(self, sequences=sequences, labels=labels[list(order)])

    def relabelled(self, places: NDArray[np.int64], _outputs: int) -> NextSymbol:
        return replace(self, labels=places if self.labels is None else places[self.labels])
