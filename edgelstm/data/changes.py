"""Columns by how they change from frame to frame: of what has a trend, values of today were never trained on, and
what has momentum is best told from where it is now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.recordings import Recordings
from edgelstm.data.store import chunked, chunks, joined, split

Frames = NDArray[np.float32]

_LAST = 0.2  # of each recording, held beside all that came before
_OUTSIDE = 0.1  # of these frames beyond what was there, from which on a column has a trend


def by_change(recordings: Recordings, places: Sequence[int]) -> Recordings:
    """`recordings` in which these columns hold the difference to the frame before, 0 in the first of each."""
    if not places:
        return recordings
    whole = recordings.recordings
    rows = (part for r in whole for part in _differences(r.frames, list(places)))
    frames = split(joined(rows, (recordings.columns,), np.float32), [len(r.frames) for r in whole])
    return replace(recordings, recordings=tuple(replace(r, frames=x) for r, x in zip(whole, frames)))


def _differences(frames: Frames, places: list[int]) -> Iterator[Frames]:
    before = frames[:1, places]
    for part in chunked(frames):
        now = part[:, places]
        changed = part.copy()
        changed[:, places] = now - np.concatenate([before, now[:-1]])
        before = now[-1:]
        yield changed


def with_a_trend(dataset: Dataset) -> tuple[int, ...]:
    """The columns that leave what was known of them: more than a tenth of the last fifth of the recordings lies
    beyond all values of their first four fifths."""
    middles = [len(x) - round(_LAST * len(x)) for x in dataset.sequences]
    if not any(middles):
        return ()
    earlier = [part for x, middle in zip(dataset.sequences, middles) for part in chunked(x[:middle])]
    low, high = (edge([edge(part, axis=0) for part in earlier], axis=0) for edge in (np.min, np.max))
    count, outside = 0, np.zeros(dataset.features)
    for x, middle in zip(dataset.sequences, middles):
        for part in chunked(x[middle:]):
            count += len(part)
            outside += ((part < low) | (part > high)).sum(axis=0)
    return tuple(np.flatnonzero(outside > _OUTSIDE * max(count, 1)).tolist())


def momentum(dataset: Dataset) -> NDArray[np.float64]:
    """(features,): how much of a change comes again in the next frame, by the correlation of the two about 0: near 1
    of what is smooth, below 0 of noise; 0 of what never changes."""
    both, alone = np.zeros((2, dataset.features))
    for x in dataset.sequences:
        for part in chunks(len(x) - 2, x.strides[0]):
            changes = np.diff(x[part.start : part.stop + 2].astype(np.float64), axis=0)
            both += (changes[1:] * changes[:-1]).sum(axis=0)
            alone += (changes[1:] ** 2).sum(axis=0)
    return both / np.where(alone > 0, alone, 1)
