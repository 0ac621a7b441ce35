"""Labels that list several names: `rain|wind`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.frame_labels import FrameLabels
from edgelstm.data.labels import in_order
from edgelstm.data.recordings import Recordings
from edgelstm.data.store import chunked, joined, split

Float32 = NDArray[np.float32]


def tag_lists(
    recordings: Recordings, separator: str, each_frame: bool
) -> tuple[tuple[str, ...], tuple[Float32, ...]]:
    """All names that labels list, and of each recording which it has: (1 or frames, names), 1 or 0, NaN for a frame
    without a label. The separator alone lists none.

    ValueError for a recording without a label, for one whose label changes where one set is to be told of it, and
    where no label lists a name.
    """
    listed = []
    for recording in recordings.recordings:
        if recording.frame_labels is not None:
            if not each_frame:
                raise ValueError(f'{recording.name}: its label changes within it, expected one, or per = "frame"')
            listed.append(FrameLabels.of(recording.frame_labels))
        elif recording.label is None:
            raise ValueError(
                f"{recording.name}: has no label, expected names with {separator!r} between them, {separator!r} "
                "alone for none of them, or task.columns that name columns of 0 and 1"
            )
        else:
            rows = len(recording.frames) if each_frame else 1
            listed.append(FrameLabels((recording.label,), np.zeros(rows, np.int32)))
    names = in_order(name for labels in listed for text in labels.names for name in _names(text, separator))
    if not names:
        raise ValueError(f"{recordings.name}: no label lists a name, expected some with {separator!r} between them")
    truths = joined(
        (part for labels in listed for part in _truths(labels, names, separator)), (len(names),), np.float32
    )
    return names, split(truths, [len(labels.codes) for labels in listed])


def _names(text: str, separator: str) -> list[str]:
    return [name for part in text.split(separator) if (name := part.strip())]


def _truths(labels: FrameLabels, names: Sequence[str], separator: str) -> Iterator[Float32]:
    """Some frames at a time."""
    of_text = np.zeros((len(labels.names) + 1, len(names)), np.float32)
    for place, text in enumerate(labels.names):
        of_text[place, [names.index(name) for name in _names(text, separator)]] = 1
    of_text[-1] = np.nan
    return (of_text[codes] for codes in chunked(labels.codes))
