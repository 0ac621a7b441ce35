"""Long recordings side by side: each column of a batch walks through recordings piece by piece, so that a state can
be carried from one piece to the next.

Recordings that would keep one column busy when all others have ended are cut into stretches, which begin anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Piece:
    """Frames `start` to `stop` of a recording. `begins`: nothing comes before it, of a stretch."""

    place: int
    start: int
    stop: int
    begins: bool = True


def steps(lengths: NDArray[np.int64], frames: int, stride: int, columns: int) -> int:
    """Batches of an epoch, the same in each."""
    stretches = _stretches(lengths, frames, stride, columns)
    return max(sum(_count(one, frames) for one in column) for column in _fill(stretches, frames, columns))


def walk(
    lengths: NDArray[np.int64], frames: int, stride: int, columns: int, rng: np.random.Generator
) -> Iterator[list[Piece]]:
    """One epoch over recordings of these lengths, in a new random order: batch by batch, a piece of at most `frames`
    frames for every column. A batch has as many columns as the one before, or fewer: the last of them have ended.

    frames: a multiple of `stride`, as all pieces are; what is left of a recording is dropped.
    """
    stretches = _stretches(lengths, frames, stride, columns)
    filled = _fill([stretches[n] for n in rng.permutation(len(stretches))], frames, columns)
    walks = [_cut([column[n] for n in rng.permutation(len(column))], frames) for column in filled]
    walks.sort(key=len, reverse=True)
    for step in range(len(walks[0])):
        yield [pieces[step] for pieces in walks if step < len(pieces)]


def _stretches(lengths: NDArray[np.int64], frames: int, stride: int, columns: int) -> list[Piece]:
    """All recordings, the longest in parts: none longer than what one of `columns` has to walk, in whole pieces."""
    whole = lengths // stride * stride
    longest = max(-(-int(whole.sum()) // (columns * frames)), 1) * frames
    found = []
    for place in np.flatnonzero(whole).tolist():
        length = int(whole[place])
        parts = -(-length // longest)
        ends = [length // stride * n // parts * stride for n in range(parts + 1)]
        found += [Piece(place, start, stop) for start, stop in pairwise(ends)]
    return found


def _fill(stretches: list[Piece], frames: int, columns: int) -> list[list[Piece]]:
    """Stretches in columns of like length: the longest first, each to the column that has least."""
    filled: list[list[Piece]] = [[] for _ in range(min(columns, len(stretches)))]
    loads = np.zeros(len(filled), np.int64)
    for one in sorted(stretches, key=lambda stretch: -_count(stretch, frames)):
        column = int(loads.argmin())
        filled[column].append(one)
        loads[column] += _count(one, frames)
    return filled


def _count(stretch: Piece, frames: int) -> int:
    return -(-(stretch.stop - stretch.start) // frames)


def _cut(stretches: list[Piece], frames: int) -> list[Piece]:
    return [
        Piece(one.place, start, min(start + frames, one.stop), start == one.start)
        for one in stretches
        for start in range(one.start, one.stop, frames)
    ]
