"""What frames tell of themselves: by how much they will have changed, or the newest of them, and which are normal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.pieces import Cut, Piece, Pieces
from edgelstm.data.targets import Sequences, Targets, Values


def runs(marked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(runs, 2): the first place and the last of every run of true ones."""
    return runs_of([marked])


def runs_of(parts: Iterable[NDArray[np.bool_]]) -> NDArray[np.int64]:
    """As `runs`, of what comes some at a time."""
    edges, is_in, count = [np.empty(0, np.int64)], False, 0
    for marked in parts:
        edges.append(count + np.flatnonzero(np.diff(marked, prepend=is_in)))
        is_in, count = bool(marked[-1]) if len(marked) else is_in, count + len(marked)
    edges.append(np.full(int(is_in), count))
    found = np.concatenate(edges)
    return np.stack([found[::2], found[1::2] - 1], axis=1)


@dataclass(frozen=True, eq=False)
class Own(Targets):
    """Targets that are the frames' own values. `truth`, of each sequence (frames,) int8, says what is the matter with
    them: 1 something, 0 nothing, -1 not known."""

    sequences: Sequences
    columns: tuple[int, ...]
    truth: Sequence[NDArray[np.int8]]
    ahead: int = 0  # frames from one to the other whose difference is told; 0: the `rows` newest frames themselves
    rows: int = 1

    def __getitem__(self, place: int) -> Values:
        return self.at(place, np.arange(len(self.sequences[place])))

    def at(self, place: int, frames: NDArray[np.int64]) -> Values:
        x, columns = self.sequences[place], list(self.columns)
        if self.ahead:
            later = frames + self.ahead
            change: Values = x[np.minimum(later, len(x) - 1)][:, columns] - x[frames][:, columns]
            change[later >= len(x)] = np.nan
            return change
        back = frames[:, None] - np.arange(self.rows)
        newest: Values = x[np.maximum(back, 0)][..., columns].reshape(len(frames), -1)
        newest[back[:, -1] < 0] = np.nan
        return newest

    def pieces(self, pieces: Sequence[Piece], sequences: Sequences) -> Own:
        return replace(self, sequences=sequences, truth=Cut(self.truth, Pieces.of(pieces)))

    def reordered(self, order: Sequence[int], sequences: Sequences) -> Own:
        columns = tuple(list(order).index(column) for column in self.columns)
        return replace(self, sequences=sequences, columns=columns)

    def relabelled(self, places: NDArray[np.int64], outputs: int) -> Own:
        if places.tolist() != list(range(outputs)):
            raise ValueError("what is told has other names than the model's outputs")
        return self
