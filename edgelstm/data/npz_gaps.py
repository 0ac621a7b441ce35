"""NaN among the frames of an NPZ data set: counted, filled, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.filling import REMEDY, filled
from edgelstm.data.options import ReadOptions
from edgelstm.data.recordings import FrameStore, Recording
from edgelstm.data.store import chunked, is_finite
from edgelstm.plain import counted


def without_gaps(
    recordings: Sequence[Recording], names: Sequence[str], options: ReadOptions
) -> tuple[Recording, ...]:
    """The recordings with frames that are finite, filled as the options say and with a note of it.

    names: of the columns; none where they have numbers. ValueError for infinity, for NaN that nobody said how to
    fill, and for a column of NaN alone.
    """
    if all(is_finite(recording.frames) for recording in recordings):
        return tuple(recordings)
    columns = _Columns(tuple(names))
    store = FrameStore()
    found = []
    for place, recording in enumerate(recordings):
        lacking = _lacking(recording.frames, place, columns)
        if not any(lacking):
            store.add(chunked(recording.frames))
            found.append(recording)
            continue
        if options.missing == "refuse" and not options.looks:
            raise ValueError(_refused(recording.frames, place, columns, sum(lacking)))
        how = "hold" if options.looks else options.missing
        frames, empty = filled(chunked(recording.frames), len(lacking), how)
        if empty and not options.looks:
            raise ValueError(f"X: sequence {place}, {columns.told(empty[0])}: no value at all")
        store.add(chunked(frames))
        found.append(_noted(recording, lacking, options))
    return store.given_to(found)


@dataclass(frozen=True)
class _Columns:
    names: tuple[str, ...]

    def told(self, column: int) -> str:
        return f"feature {column}" + (f" ({self.names[column]})" if self.names else "")


def _lacking(frames: NDArray[np.float32], place: int, columns: _Columns) -> tuple[int, ...]:
    """How many values of each column are NaN."""
    count = np.zeros(frames.shape[1], np.int64)
    start = 0
    for part in chunked(frames):
        infinite = np.isinf(part)
        if infinite.any():
            frame, column = np.argwhere(infinite)[0].tolist()
            told = columns.told(column)
            raise ValueError(f"X: sequence {place} holds infinity at frame {start + frame}, {told}; expected numbers")
        count += np.isnan(part).sum(axis=0)
        start += len(part)
    return tuple(count.tolist())


def _refused(frames: NDArray[np.float32], place: int, columns: _Columns, lost: int) -> str:
    start = 0
    for part in chunked(frames):
        lacks = np.argwhere(np.isnan(part))
        if len(lacks):
            frame, column = lacks[0].tolist()
            break
        start += len(part)
    more = f" and {counted(lost - 1, 'more value')} of this sequence" if lost > 1 else ""
    return f"X: sequence {place} holds NaN at frame {start + frame}, {columns.told(column)}{more} ({REMEDY})"


def _noted(recording: Recording, lacking: tuple[int, ...], options: ReadOptions) -> Recording:
    if options.looks:
        return replace(recording, lacking=lacking)
    note = f"{counted(sum(lacking), 'value')} lacked; filled ({options.missing})"
    return replace(recording, notes=(*recording.notes, note))
