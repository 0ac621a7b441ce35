"""Numbers that are to be told of recordings: columns that become no features, or labels that are numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.recordings import Recording, Recordings
from edgelstm.data.store import chunked, select_columns
from edgelstm.plain import printable

Float32 = NDArray[np.float32]

MEASURED = "value"
"""The name of numbers that have none."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """Recordings without the columns that are to be told, and these."""

    recordings: Recordings
    names: tuple[str, ...]
    units: tuple[str, ...]
    targets: tuple[Float32, ...]  # of each recording (1 or frames, names), NaN = not known


def numbers(recordings: Recordings, columns: Sequence[str], each_frame: bool) -> Numbers:
    """What is to be told: these columns, or else the targets that the data have, or the numbers that labels are.

    each_frame: a row for each frame, else one for each recording. ValueError for a column that is not there, one that
    changes within a recording where one number is to be told of it, and for labels that are no numbers.
    """
    if columns:
        return _from_columns(recordings, places_of(recordings, columns), each_frame)
    if recordings.target_names:
        names, targets = recordings.target_names, [r.targets for r in recordings.recordings]
        found = [t for t in targets if t is not None]
        rows = tuple(_rows(r, t, each_frame) for r, t in zip(recordings.recordings, found, strict=True))
        return Numbers(recordings, names, (), rows)
    labels = tuple(_label(r, each_frame) for r in recordings.recordings)
    return Numbers(recordings, (MEASURED,), (), labels)


def change_within(recordings: Recordings, columns: Sequence[str]) -> bool:
    """Whether what `numbers` tells changes within a recording. ValueError for a column that is not there."""
    if columns:
        told = select_columns([r.frames for r in recordings.recordings], places_of(recordings, columns))
        return not all(map(_is_constant, told))
    if recordings.target_names:
        return not all(_is_constant(r.targets) for r in recordings.recordings if r.targets is not None)
    return any(r.frame_labels is not None for r in recordings.recordings)


def places_of(recordings: Recordings, columns: Sequence[str]) -> tuple[int, ...]:
    """The places of columns, by their names, or by their numbers from 0 where they have none."""
    names = recordings.column_names
    for name in columns:
        if name not in names:
            listed = ", ".join(printable(n, 40) for n in names[:12]) + (", …" if len(names) > 12 else "")
            raise ValueError(
                f"{recordings.name}: no column {printable(name, 40)!r} of numbers, expected one of {listed}"
            )
    return tuple(names.index(name) for name in columns)


def _from_columns(recordings: Recordings, places: tuple[int, ...], each_frame: bool) -> Numbers:
    kept = [n for n in range(recordings.columns) if n not in places]
    if not kept:
        raise ValueError(f"{recordings.name}: every column is to be told, expected others to tell it from")
    names = recordings.column_names
    units = recordings.units
    whole = recordings.recordings
    all_frames = [r.frames for r in whole]
    rest = replace(
        recordings,
        recordings=tuple(replace(r, frames=x) for r, x in zip(whole, select_columns(all_frames, kept))),
        names=tuple(recordings.names[n] for n in kept) if recordings.names else (),
        units=tuple(units[n] for n in kept) if units else (),
    )
    told = select_columns(all_frames, places)
    targets = tuple(_rows(r, values, each_frame) for r, values in zip(whole, told))
    return Numbers(rest, tuple(names[n] for n in places), tuple(units[n] for n in places) if units else (), targets)


def _rows(recording: Recording, values: Float32, each_frame: bool) -> Float32:
    """`values` (1 or frames, n) as so many rows as are wanted."""
    if each_frame:
        return np.broadcast_to(values, (len(recording.frames), values.shape[1])) if len(values) == 1 else values
    if not _is_constant(values):
        raise ValueError(
            f'{recording.name}: what is to be told changes within it, expected one number, or per = "frame"'
        )
    return values[:1]


def _is_constant(values: Float32) -> bool:
    return all(np.array_equal(v, np.broadcast_to(values[:1], v.shape), equal_nan=True) for v in chunked(values))


def _label(recording: Recording, each_frame: bool) -> Float32:
    texts = (recording.label,) if recording.frame_labels is None else recording.frame_labels
    found = np.empty((len(texts), 1), np.float32)
    for n, text in enumerate(texts):
        try:
            found[n] = np.nan if text == "" else float(text or "")
        except ValueError:
            what = "has no label" if text is None else f"label {printable(text, 40)!r}"
            raise ValueError(
                f"{recording.name}: {what}, expected a number, or task.columns that name what is to be told"
            ) from None
        if np.isinf(found[n]):
            raise ValueError(f"{recording.name}: label {text}, expected a finite number")
    return _rows(recording, found, each_frame)
