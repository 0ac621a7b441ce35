"""What a model is to say along sequences, where one class for each does not tell it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.pieces import Cut, Piece, Pieces

Values = NDArray[Any]
Sequences = Sequence[NDArray[np.float32]]

_PART = 1 << 15  # frames

NONE_NOW = -1
"""In the place of a column: what the output tells is nothing now, such as a change."""


class Targets(ABC):
    """Of each sequence an array whose rows belong to its frames, or which has one row for all of them.

    Classes are (rows,) int64, places in the labels, -1 where none is known. Values are (rows, outputs) float32, NaN
    where none is known.
    """

    @abstractmethod
    def __getitem__(self, place: int) -> Values:
        """Of all frames of the sequence at `place`, or one row for all."""

    @abstractmethod
    def at(self, place: int, frames: NDArray[np.int64]) -> Values:
        """Of these frames of it, or one row for all."""

    @property
    def columns_now(self) -> tuple[int, ...] | None:
        """For each output the column that it tells ahead, or `NONE_NOW`; None where outputs tell something else."""
        return None

    def parts(self, place: int, frames: int) -> Iterator[Values]:
        """`self[place]`, of a sequence of so many frames, a part at a time."""
        for start in range(0, frames, _PART):
            stop = min(start + _PART, frames)
            found = self.at(place, np.arange(start, stop))
            yield found
            if len(found) < stop - start:
                return  # one row for all

    @abstractmethod
    def pieces(self, pieces: Sequence[Piece], sequences: Sequences) -> Targets:
        """Those of `sequences`, which are these pieces of the sequences here. None looks beyond its piece."""

    def paced(self, step: Fraction, lengths: Sequence[int]) -> Targets:  # noqa: ARG002
        """Those of frames that are `step` frames here, so many in each sequence: what is true of their middle.
        ValueError where what is to be told is the frames themselves."""
        raise ValueError("what is to be told is in the frames themselves, expected labels for features of sound")

    @abstractmethod
    def reordered(self, order: Sequence[int], sequences: Sequences) -> Targets:
        """Those of the same sequences with columns `order` of theirs."""

    @abstractmethod
    def relabelled(self, places: NDArray[np.int64], outputs: int) -> Targets:
        """The same for a model of `outputs` outputs, where label n here is label `places[n]`."""


def _middles(step: Fraction, count: int, length: int) -> NDArray[np.int64]:
    """Where the middles of `count` frames lie that are `step` of `length` others."""
    found = (2 * np.arange(count, dtype=np.int64) + 1) * step.numerator // (2 * step.denominator)
    return np.minimum(found, length - 1)


@dataclass(frozen=True, eq=False)
class Kept(Targets):
    """Targets that the data brought along: classes as any whole numbers, values as float32."""

    arrays: Sequence[Values]
    places: NDArray[np.int64] | None = None  # label n of the arrays is label places[n], the last stands for -1
    outputs: int = 0  # of values whose labels have other places

    def __getitem__(self, place: int) -> Values:
        return self._relabelled(self.arrays[place])

    def at(self, place: int, frames: NDArray[np.int64]) -> Values:
        found = self.arrays[place]
        return self._relabelled(found if len(found) == 1 else found[frames])

    def pieces(self, pieces: Sequence[Piece], _sequences: Sequences) -> Kept:
        return replace(self, arrays=Cut(self.arrays, Pieces.of(pieces)))

    def paced(self, step: Fraction, lengths: Sequence[int]) -> Kept:
        whole = zip(self.arrays, lengths)
        return replace(
            self, arrays=tuple(x if len(x) == 1 else x[_middles(step, count, len(x))] for x, count in whole)
        )

    def reordered(self, _order: Sequence[int], _sequences: Sequences) -> Kept:
        return self

    def relabelled(self, places: NDArray[np.int64], outputs: int) -> Kept:
        further = np.append(places, -1)
        return replace(self, places=further if self.places is None else further[self.places], outputs=outputs)

    def _relabelled(self, array: Values) -> Values:
        if array.ndim == 1:
            return array.astype(np.int64) if self.places is None else self.places[array]
        if self.places is None:
            return array
        found = np.full((len(array), self.outputs), np.nan, np.float32)
        found[:, self.places[:-1]] = array
        return found


@dataclass(frozen=True, eq=False)
class Ahead(Targets):
    """What some columns will be, so many frames later: for each step every column, each `repeats` times. Of columns
    that sequences hold as changes from frame to frame it is by how much they will have changed."""

    sequences: Sequences
    columns: tuple[int, ...]
    steps: tuple[int, ...]  # frames; 0 = the frame itself
    repeats: int = 1  # outputs that are to say the same
    changes: tuple[bool, ...] = ()  # which columns are held as changes; none where none is
    measured: Sequences = ()  # where some are: the columns as they were, each (frames, columns)

    def __getitem__(self, place: int) -> Values:
        return self.at(place, np.arange(len(self.sequences[place])))

    def measured_at(self, place: int, frames: NDArray[np.int64]) -> Values:
        """(*frames, columns): what was measured at these frames."""
        if self.changes:
            return self.measured[place][frames]
        return self.sequences[place][frames][..., list(self.columns)]

    def now(self, place: int, frames: NDArray[np.int64]) -> Values:
        """(rows, outputs): what is known at these frames of what outputs tell the change of; 0 for the others."""
        known = self.measured_at(place, frames) * np.array(self.changes or False)
        return self._of_outputs(np.repeat(known[:, None], len(self.steps), axis=1))

    def at(self, place: int, frames: NDArray[np.int64]) -> Values:
        length = len(self.sequences[place])
        later = frames[:, None] + np.array(self.steps)
        found = self.measured_at(place, np.minimum(later, length - 1))
        found[later >= length] = np.nan
        return self._of_outputs(found) - self.now(place, frames) if self.changes else self._of_outputs(found)

    def _of_outputs(self, values: Values) -> Values:
        """values (rows, steps, columns)."""
        return np.repeat(values.reshape(len(values), -1), self.repeats, axis=1)

    @property
    def columns_now(self) -> tuple[int, ...] | None:
        if min(self.steps) < 1:
            return None
        changes = self.changes or (False,) * len(self.columns)
        now = [NONE_NOW if change else column for column, change in zip(self.columns, changes)]
        return tuple(np.repeat(np.tile(now, len(self.steps)), self.repeats).tolist())

    def pieces(self, pieces: Sequence[Piece], sequences: Sequences) -> Ahead:
        measured = Cut(self.measured, Pieces.of(pieces)) if self.changes else ()
        return replace(self, sequences=sequences, measured=measured)

    def reordered(self, order: Sequence[int], sequences: Sequences) -> Ahead:
        columns = tuple(list(order).index(column) for column in self.columns)
        return replace(self, sequences=sequences, columns=columns)

    def relabelled(self, places: NDArray[np.int64], outputs: int) -> Ahead:
        if places.tolist() != list(range(outputs)):
            raise ValueError("what is predicted has other names than the model's outputs")
        return self
