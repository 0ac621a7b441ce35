"""An NPZ data set as recordings; `edgelstm.data.dataset_file` explains its arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.npz import map_npz
from edgelstm.data.npz_gaps import without_gaps
from edgelstm.data.npz_texts import Arrays, is_text, list_of_texts, one_text, texts
from edgelstm.data.npz_truth import read_truth
from edgelstm.data.numbers import MEASURED
from edgelstm.data.options import DEFAULTS, MAX_RATE, ReadOptions
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.data.store import in_rows
from edgelstm.plain import counted, printable

KNOWN = (
    "X", "lengths", "y", "labels", "target_names", "group", "subject", "feature_names", "feature_units", "test",
    "sample_rate", "recording_names", "name", "source",
)  # fmt: skip


def read_npz_file(path: Path, options: ReadOptions = DEFAULTS, max_bytes: int | None = None) -> Recordings:
    """Its sequences with what is true of them, NaN filled as the options say. `max_bytes` bounds what the file may
    unpack to; without it, the room on the disk does.

    Raises FileNotFoundError or OSError without the file, ValueError (one line: file, array, what was found,
    what would be right) for anything that is no data set.
    """
    arrays = map_npz(path, max_bytes)
    try:
        return _recordings(arrays, path.stem, options)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _recordings(arrays: Arrays, default_name: str, options: ReadOptions) -> Recordings:
    if "header" in arrays and "X" not in arrays:
        raise ValueError("a model, not a data set: expected an array X")
    if "X" not in arrays:
        raise ValueError(f"X: missing, found {printable(', '.join(sorted(arrays)), 80) or 'nothing'}")
    unknown = sorted(set(arrays) - set(KNOWN))
    if unknown:
        raise ValueError(f"{printable(unknown[0], 40)}: unknown, expected only {', '.join(sorted(KNOWN))}")
    frames, lengths = _frames(arrays)
    truth = read_truth(arrays, lengths)
    groups, tests = _groups(arrays, len(lengths)), _tests(arrays, len(lengths))
    names = list_of_texts(arrays, "recording_names") or tuple(f"sequence {n}" for n in range(len(lengths)))
    if len(names) != len(lengths):
        raise ValueError(f"recording_names: {len(names)}, expected {len(lengths)}: one for each sequence")
    recordings = []
    stop = 0
    for place, length in enumerate(lengths.tolist()):
        start, stop = stop, stop + length
        x, of = frames[start:stop], truth.of(place, start, stop)
        recordings.append(
            Recording(
                names[place],
                x,
                of.label,
                of.frame_labels,
                groups[place],
                tests[place],
                targets=of.targets,
            )
        )
    feature_names = _of_features(arrays, "feature_names", frames.shape[1])
    return Recordings(
        without_gaps(recordings, feature_names, options),
        feature_names,
        _of_features(arrays, "feature_units", frames.shape[1]),
        _rate(arrays),
        one_text(arrays, "name", default_name),
        one_text(arrays, "source", ""),
        target_names=truth.target_names,
        labels=truth.labels,
        are_measured=truth.target_names == (MEASURED,),
    )


def _frames(arrays: Arrays) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(frames of all sequences in a row, how many each has)."""
    X = arrays["X"]
    if X.dtype.kind not in "fiub":
        raise ValueError(f"X: dtype {X.dtype}, expected real numbers")
    if "lengths" not in arrays:
        if X.ndim != 3 or 0 in X.shape:
            raise ValueError(
                f"X: shape {X.shape}, expected (sequences, frames, features), 1 or more of each, or lengths beside it"
            )
        return _float32(X), np.full(len(X), X.shape[1], np.int64)
    lengths = arrays["lengths"]
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"X: shape {X.shape}, expected (all frames, features) because lengths is there")
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or not lengths.size or lengths.min() < 1:
        raise ValueError(f"lengths: {lengths.dtype} {lengths.shape}, expected whole numbers, 1 or larger")
    total = sum(lengths.tolist())
    if total != len(X):
        raise ValueError(f"lengths: they add up to {total}, expected the {counted(len(X), 'row')} of X")
    return _float32(X), lengths.astype(np.int64)


def _float32(X: NDArray[Any]) -> NDArray[np.float32]:
    """X (…, features) as frames in a row."""
    with np.errstate(over="ignore"):  # becomes infinity, which is refused
        return in_rows(X, X.shape[-1:], np.float32)


def _groups(arrays: Arrays, count: int) -> list[str | None]:
    """Of each sequence; none where each is its own."""
    if "group" in arrays and "subject" in arrays:
        raise ValueError("group: subject is there too, expected one of them")
    name = "subject" if "subject" in arrays else "group"
    if name not in arrays:
        return [None] * count
    groups = arrays[name]
    if groups.shape != (count,) or groups.dtype.kind not in "biuUS":
        raise ValueError(f"{name}: {groups.dtype} {groups.shape}, expected ({count},) whole numbers or text")
    found = texts(groups, name) if is_text(groups) else [str(group) for group in groups.tolist()]
    if not is_text(groups) and np.array_equal(groups, np.arange(count)):
        return [None] * count  # as files say it that name a group for each sequence whatever it is
    return [group or None for group in found]


def _tests(arrays: Arrays, count: int) -> list[bool | None]:
    if "test" not in arrays:
        return [None] * count
    test = arrays["test"]
    if test.shape != (count,) or test.dtype.kind not in "biu" or not np.isin(test, (0, 1)).all():
        raise ValueError(f"test: {test.dtype} {test.shape}, expected ({count},) true or false, or 1 and 0")
    return list(test.astype(np.bool_).tolist())


def _of_features(arrays: Arrays, name: str, count: int) -> tuple[str, ...]:
    found = list_of_texts(arrays, name, each_once=name == "feature_names")
    if found and len(found) != count:
        raise ValueError(f"{name}: {len(found)}, expected {count}: one for each feature of X")
    return found


def _rate(arrays: dict[str, NDArray[Any]]) -> float:
    rate = arrays.get("sample_rate", np.array(0.0))
    if rate.ndim or rate.dtype.kind not in "fiu":
        raise ValueError(f"sample_rate: {rate.dtype} {rate.shape}, expected one number")
    if not 0 <= float(rate) <= MAX_RATE:
        raise ValueError(f"sample_rate: {float(rate):g}, expected 0 to 1e9 frames per second, 0: unknown")
    return float(rate)
