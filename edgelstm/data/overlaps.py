"""Recordings that hold frames of one another: a beginning, a part, or windows that overlap.

Each is looked for by its first 16 changes in all others, where a hash finds them in one walk; what follows is then
compared frame by frame, to the end of one of the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.store import chunked

_TELLING = 16  # changes in a row, of which no two are the same by chance
_DIFFERENT = 8  # frames among these that differ, or they come again by chance, as symbols and switches do
_LOOKED = 4096  # frames at a time
_MOST = 32  # recordings that begin alike, each looked for

Frames = NDArray[np.float32]
Hashes = NDArray[np.uint64]

_ODD = np.random.default_rng(0).integers(1 << 62, 1 << 63, _TELLING, np.uint64) * np.uint64(2) + np.uint64(1)


@dataclass(frozen=True)
class Shared:
    """The first `frames` frames of the recording at `place` are those of `other` from `start` on."""

    place: int
    other: int
    start: int
    frames: int


@dataclass(frozen=True)
class _Opening:
    """What a recording is looked for by."""

    place: int
    at: int  # frame of the first of its changes


def overlaps(sequences: Sequence[Frames]) -> Iterator[Shared]:
    """Every two that hold the same frames, once, where one of them begins or both end; texts and the like hold none,
    as phrases come again. Two that are the same, too (`edgelstm.data.twins`)."""
    openings = _openings(sequences)
    if not openings or len(sequences) < 2:
        return
    marks = np.array(sorted(openings), np.uint64)
    for other, x in enumerate(sequences):
        told: set[int] = set()
        for frame, mark in _found(x, marks):
            for opening in openings[mark]:
                start = frame - opening.at
                if opening.place in told or not _may(sequences, opening.place, other, start):
                    continue
                frames = min(len(x) - start, len(sequences[opening.place]))
                if _are_same(sequences[opening.place], x, start, frames):
                    told.add(opening.place)
                    yield Shared(opening.place, other, start, frames)


def _may(sequences: Sequence[Frames], place: int, other: int, start: int) -> bool:
    """Whether it may begin there; of two that begin together the shorter one, or the first, is told."""
    if place == other or start < 0:
        return False
    return start > 0 or (len(sequences[place]), place) < (len(sequences[other]), other)


def _are_same(x: Frames, other: Frames, start: int, frames: int) -> bool:
    steps = range(0, frames, _LOOKED)
    return all(
        np.array_equal(x[n : min(n + _LOOKED, frames)], other[start + n : start + min(n + _LOOKED, frames)])
        for n in steps
    )


def _openings(sequences: Sequence[Frames]) -> dict[int, list[_Opening]]:
    """By their marks; none of recordings that hardly ever change."""
    found: dict[int, list[_Opening]] = {}
    for place, x in enumerate(sequences):
        first = np.ascontiguousarray(x[:_LOOKED])
        # The frame that comes first may have come for a while elsewhere.
        changes = np.flatnonzero((first[1:] != first[:-1]).any(axis=1))[:_TELLING] + 1
        if len(changes) < _TELLING or np.isin(first[: changes[-1] + 1], (0, 1)).all():
            continue
        hashes = _hashes(first[changes])
        if len(np.unique(hashes)) >= _DIFFERENT:
            alike = found.setdefault(int(_marks(hashes)[0]), [])
            if len(alike) < _MOST:
                alike.append(_Opening(place, int(changes[0])))
    return found


def _found(x: Frames, marks: Hashes) -> Iterator[tuple[int, int]]:
    """(frame, mark) wherever one of `marks`, in order, is of the changes from that frame on."""
    kept, at = np.empty(0, np.uint64), np.empty(0, np.int64)
    before: Frames | None = None
    count = 0
    for part in chunked(x):
        moves = np.ones(len(part), np.bool_)
        moves[1:] = (part[1:] != part[:-1]).any(axis=1)
        if before is not None:
            moves[0] = bool((part[0] != before).any())
        kept = np.concatenate([kept, _hashes(part[moves])])
        at = np.concatenate([at, count + np.flatnonzero(moves)])
        before, count = part[-1], count + len(part)
        if len(kept) < _TELLING:
            continue
        here = _marks(kept)
        places = np.minimum(np.searchsorted(marks, here), len(marks) - 1)
        for n in np.flatnonzero(marks[places] == here).tolist():
            yield int(at[n]), int(here[n])
        kept, at = kept[1 - _TELLING :], at[1 - _TELLING :]


def _hashes(frames: Frames) -> Hashes:
    """(frames,): of each frame (frames, features)."""
    found = np.zeros(len(frames), np.uint64)
    for column in np.ascontiguousarray(frames + np.float32(0)).view(np.uint32).T:  # no zero is negative
        found = (found ^ column) * _ODD[0]
        found ^= found >> np.uint64(29)
    return found


def _marks(hashes: Hashes) -> Hashes:
    """(n - 15,): of every 16 hashes (n,) in a row."""
    count = len(hashes) - _TELLING + 1
    found = np.zeros(count, np.uint64)
    for n, odd in enumerate(_ODD):
        found += hashes[n : n + count] * odd
    return found
