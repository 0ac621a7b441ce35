"""Recordings into an NPZ file; `edgelstm.data.dataset_file` explains its arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.frame_labels import FrameLabels
from edgelstm.data.labels import labels_of, whole_numbers
from edgelstm.data.npz import write_npz
from edgelstm.data.npz_texts import Arrays
from edgelstm.data.numbers import numbers
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.data.store import joined
from edgelstm.delimited import number


def save_recordings(recordings: Recordings, path: Path | str) -> None:
    """Write `recordings` so that reading gives them back, but for their notes and columns that were left out. The
    same recordings give the same bytes."""
    whole = recordings.recordings
    arrays: Arrays = {
        "X": joined((r.frames for r in whole), (recordings.columns,), np.float32),
        "lengths": np.array([len(r.frames) for r in whole], np.int64),
        **_truth(recordings),
        "sample_rate": np.array(recordings.sample_rate, np.float64),
        "name": np.array(recordings.name, np.str_),
        "source": np.array(recordings.source, np.str_),
    }
    if any(r.group is not None for r in whole):
        groups = [r.group or "" for r in whole]
        numbers = whole_numbers(groups)
        arrays["group"] = np.array(groups, np.str_) if numbers is None else np.array(numbers, np.int64)
    if all(r.test is not None for r in whole):
        arrays["test"] = np.array([r.test for r in whole], np.bool_)
    if any(r.name != f"sequence {place}" for place, r in enumerate(whole)):
        arrays["recording_names"] = np.array([r.name for r in whole], np.str_)
    for name, texts in (("feature_names", recordings.names), ("feature_units", recordings.units)):
        if texts:
            arrays[name] = np.array(texts, np.str_)
    write_npz(path, arrays)


def _truth(recordings: Recordings) -> Arrays:
    if recordings.target_names:
        return {"y": _targets(recordings), "target_names": np.array(recordings.target_names, np.str_)}
    labels = labels_of(recordings)
    if not labels:
        return {}
    if recordings.are_measured and None not in map(number, [r.label or "" for r in recordings.recordings]):
        return {"y": np.concatenate(numbers(recordings, (), False).targets)[:, 0]}
    each_frame = any(r.frame_labels is not None for r in recordings.recordings)
    y = joined((_classes(r, labels, each_frame) for r in recordings.recordings), (), np.int32)
    return {"y": y, "labels": np.array(labels, np.str_)}


def _targets(recordings: Recordings) -> NDArray[np.float32]:
    found = [(r, r.targets) for r in recordings.recordings if r.targets is not None]  # all have some
    if all(len(targets) == 1 for _, targets in found):
        return np.concatenate([targets for _, targets in found])
    rows = (np.broadcast_to(targets, (len(r.frames), targets.shape[1])) for r, targets in found)
    return joined(rows, (len(recordings.target_names),), np.float32)


def _classes(recording: Recording, labels: tuple[str, ...], each_frame: bool) -> NDArray[np.integer[Any]]:
    if recording.frame_labels is not None:
        return FrameLabels.of(recording.frame_labels).places_in(labels)
    place = -1 if recording.label is None else labels.index(recording.label)
    return np.broadcast_to(np.int32(place), (len(recording.frames) if each_frame else 1,))
