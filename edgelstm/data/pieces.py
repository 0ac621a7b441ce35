"""Pieces of sequences, as many as there may be: a few numbers for each, and its array when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    """Frames `start` to `stop` of the sequence at a place."""

    place: int
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Pieces(Sequence[Piece]):
    """Some of them; three numbers each."""

    places: Numbers
    starts: Numbers
    stops: Numbers

    @classmethod
    def of(cls, pieces: Iterable[Piece]) -> Pieces:
        if isinstance(pieces, Pieces):
            return pieces
        table = np.array([(p.place, p.start, p.stop) for p in pieces], np.int64).reshape(-1, 3)
        return cls(*np.ascontiguousarray(table.T))

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, at: int) -> Piece: ...

    @overload
    def __getitem__(self, at: slice) -> Pieces: ...

    def __getitem__(self, at: int | slice) -> Piece | Pieces:
        if isinstance(at, slice):
            return Pieces(self.places[at], self.starts[at], self.stops[at])
        return Piece(int(self.places[at]), int(self.starts[at]), int(self.stops[at]))

    def within(self, outer: Pieces) -> Pieces:
        """These pieces of pieces as pieces of what `outer` are pieces of."""
        starts = outer.starts[self.places]
        return Pieces(outer.places[self.places], starts + self.starts, starts + self.stops)


class Cut(Sequence[Array]):
    """The rows of pieces: views. An array of one row stands for all rows, and stays as it is."""

    def __init__(self, arrays: Sequence[Array], pieces: Pieces):
        self.arrays: Sequence[Array] = arrays.arrays if isinstance(arrays, Cut) else arrays
        self.pieces: Pieces = pieces.within(arrays.pieces) if isinstance(arrays, Cut) else pieces

    def __len__(self) -> int:
        return len(self.pieces)

    @overload
    def __getitem__(self, at: int) -> Array: ...

    @overload
    def __getitem__(self, at: slice) -> Cut: ...

    def __getitem__(self, at: int | slice) -> Array | Cut:
        if isinstance(at, slice):
            return Cut(self.arrays, self.pieces[at])
        piece = self.pieces[at]
        array = self.arrays[piece.place]
        return array if len(array) == 1 else array[piece.start : piece.stop]


def even_pieces(lengths: Numbers, piece: int, least: int, most: int) -> Pieces:
    """Sequences of these lengths in pieces of `piece` rows, the last of each shorter, but no shorter than `least`; as
    many of them, evenly chosen, as are about `most` rows together."""
    counts = lengths // piece + (lengths % piece >= least)
    places = np.repeat(np.arange(len(lengths)), counts.astype(np.intp))
    starts = piece * (np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts.astype(np.intp)))
    stops = np.minimum(starts + piece, lengths[places])
    every = max(int((stops - starts).sum()) / most, 1.0)
    chosen = (np.arange(int(len(places) / every)) * every).astype(np.int64)
    return Pieces(places[chosen], starts[chosen], stops[chosen])
