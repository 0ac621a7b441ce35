"""What the array `y` of an NPZ file says: classes or numbers, of recordings or of their frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.frame_labels import FrameLabels
from edgelstm.data.npz_texts import Arrays, is_text, list_of_texts, texts
from edgelstm.data.numbers import MEASURED
from edgelstm.data.store import chunked, in_rows, joined
from edgelstm.plain import counted

MOST_LABELS = 1 << 16

_SHOWN = 40  # letters of a shape


@dataclass(frozen=True, eq=False)
class Truth:
    """Rows are those of all recordings in a row, or of all their frames."""

    labels: tuple[str, ...] = ()  # in their order
    target_names: tuple[str, ...] = ()
    each_frame: bool = False
    classes: NDArray[np.int32] | None = None  # (rows,) places in labels, -1 = none
    values: NDArray[np.float32] | None = None  # (rows, target_names), NaN = not known

    def of(self, place: int, start: int, stop: int) -> _OfRecording:
        """Of the recording at `place`, whose frames are those from `start` to `stop` of all."""
        rows = slice(start, stop) if self.each_frame else slice(place, place + 1)
        if self.values is not None:
            return _OfRecording(targets=self.values[rows])
        if self.classes is None:
            return _OfRecording()
        classes = self.classes[rows]
        if self.each_frame:
            return _OfRecording(frame_labels=FrameLabels(self.labels, classes))
        return _OfRecording(label=self.labels[classes[0]] if classes[0] >= 0 else None)


@dataclass(frozen=True, eq=False)
class _OfRecording:
    label: str | None = None
    frame_labels: FrameLabels | None = None
    targets: NDArray[np.float32] | None = None


NOTHING = Truth()


@dataclass(frozen=True)
class _Layout:
    each_frame: bool
    columns: int = field(default=0)  # 0 = one value in each row, without a side for it


def read_truth(arrays: Arrays, lengths: NDArray[np.int64]) -> Truth:
    """Of recordings of so many frames each. ValueError, by the array's name, for what fits neither them nor one
    another."""
    labels = list_of_texts(arrays, "labels", each_once=True)
    names = list_of_texts(arrays, "target_names", each_once=True)
    if "y" not in arrays:
        for name in ("labels", "target_names"):
            if name in arrays:
                raise ValueError(f"{name}: there is no y, expected both or neither")
        return NOTHING
    y = arrays["y"]
    if y.dtype.kind not in "biufUS":
        raise ValueError(f"y: dtype {y.dtype}, expected numbers, true or false, or text")
    layout = _layout(y, lengths, bool(names))
    if layout.columns or names or y.dtype.kind == "f":
        return _numbers(y, layout, labels, names)
    return _classes(y.reshape(-1), layout.each_frame, labels)


def _layout(y: NDArray[Any], lengths: NDArray[np.int64], named: bool) -> _Layout:
    """named: there are target_names, so that a second side is theirs where it could be of frames."""
    count, frames = len(lengths), int(lengths.sum())
    equal = int(lengths[0]) if (lengths == lengths[0]).all() else 0
    shape = y.shape
    if shape == (count,):
        return _Layout(each_frame=False)
    if shape == (frames,) or (equal and shape == (count, equal) and not named):
        return _Layout(each_frame=True)
    if len(shape) == 2 and shape[1] and shape[0] in (count, frames):
        return _Layout(shape[0] != count, shape[1])
    if equal and len(shape) == 3 and shape[:2] == (count, equal) and shape[2]:
        return _Layout(each_frame=True, columns=shape[2])
    raise ValueError(
        f"y: shape {str(shape)[:_SHOWN]}, expected a row for each of {counted(count, 'sequence')} or "
        f"{counted(frames, 'frame')} together"
    )


def _numbers(y: NDArray[Any], layout: _Layout, labels: tuple[str, ...], names: tuple[str, ...]) -> Truth:
    columns = layout.columns or 1
    if is_text(y):
        raise ValueError(f"y: text of shape {str(y.shape)[:_SHOWN]}, expected one for each sequence or frame")
    if labels and not layout.columns:
        raise ValueError(f"y: {y.dtype}, expected whole numbers: places in labels")
    for name, given in (("target_names", names), ("labels", labels)):
        if given and len(given) != columns:
            raise ValueError(f"{name}: {len(given)}, expected {columns}: a name for each column of y")
    with np.errstate(over="ignore"):  # becomes infinity
        values = in_rows(y, (columns,), np.float32)
    row = 0
    for part in chunked(values):
        if np.isinf(part).any():
            row += int(np.isinf(part).any(axis=1).argmax())
            raise ValueError(f"y: row {row} holds infinity as float32, expected finite numbers, or NaN for none")
        row += len(part)
    usual = (MEASURED,) if columns == 1 else tuple(str(n) for n in range(columns))
    return Truth((), names or labels or usual, layout.each_frame, values=values)


def _classes(y: NDArray[Any], each_frame: bool, labels: tuple[str, ...]) -> Truth:
    if not labels or is_text(y):
        found = _different(y)
        names = texts(found, "y") if is_text(y) else [str(label) for label in found.tolist()]
        order = labels or tuple(name for name in names if name)
        lost = next((name for name in names if name and name not in order), None)
        if lost is not None:
            raise ValueError(f"y: {lost[:40]!r}, expected one of labels")
        places = np.array([order.index(n) if n else -1 for n in names], np.int32)
        codes = joined((places[np.searchsorted(found, part)] for part in chunked(y)), (), np.int32)
        return Truth(order, (), each_frame, codes)
    least, most = int(y.min()), int(y.max())
    if least < -1 or most >= len(labels):
        raise ValueError(
            f"y: {least} to {most}, expected places in labels, 0 to {len(labels) - 1}, or -1 where there is none"
        )
    return Truth(labels, (), each_frame, in_rows(y, (), np.int32))


def _different(y: NDArray[Any]) -> NDArray[Any]:
    """The values of y (rows,), each once, in their order."""
    found = y[:0]
    for part in chunked(y):
        found = np.unique(np.concatenate([found, part]))
        if len(found) > MOST_LABELS:
            raise ValueError(
                f"y: more than {MOST_LABELS} different ones, expected classes; numbers to be told have target_names"
            )
    return found
