"""`frames`: one of several classes for every frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.frame_labels import FrameLabels
from edgelstm.data.labelled import from_recordings
from edgelstm.data.labels import labels_of
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.data.targets import Kept
from edgelstm.judging import Evaluation, Said
from edgelstm.judging.decisions import decisions
from edgelstm.judging.evaluation import check_finite
from edgelstm.judging.gathering import joined, true_parts
from edgelstm.tasks.task import Task


@dataclass(frozen=True)
class Frames(Task):
    """The label of each frame; frames without one teach nothing and do not count."""

    kind = "frames"
    summary = "one of the labels, for every frame"

    @property
    def each_frame(self) -> bool:
        return True

    def dataset(self, recordings: Recordings) -> Dataset:
        whole = recordings.recordings
        lost = next((r for r in whole if r.label is None and r.frame_labels is None), None)
        if lost is not None:
            raise ValueError(
                f"{lost.name}: has no label, expected one for each frame: a label column (--label NAME), or label "
                "tracks beside WAV files"
            )
        labels = labels_of(recordings)
        targets = tuple(_classes(r, labels) for r in whole)
        most = np.array([_most(r, labels) for r in whole], np.int64)
        return from_recordings(recordings, most, labels, Kept(targets))

    def judge(self, precision: str, streamed: bool, dataset: Dataset, said: Sequence[Said]) -> Evaluation:
        check_finite(precision, said)
        return decisions(precision, streamed, dataset.labels, _parts(dataset, said))

    def both(self, dataset: Dataset, said: Sequence[Said]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Truth and decisions (answers,), places in the labels; -1 = not known."""
        return joined(_parts(dataset, said))


def _parts(dataset: Dataset, said: Sequence[Said]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    assert dataset.targets is not None  # the task gave them
    for answers, truth in true_parts(said, dataset.targets):
        yield truth, answers.argmax(axis=1)


def _classes(recording: Recording, labels: tuple[str, ...]) -> NDArray[np.integer[Any]]:
    if recording.frame_labels is None:
        return np.broadcast_to(np.int32(labels.index(str(recording.label))), (len(recording.frames),))
    return FrameLabels.of(recording.frame_labels).places_in(labels)


def _most(recording: Recording, labels: tuple[str, ...]) -> int:
    """The label that most of its frames have."""
    if recording.frame_labels is None:
        return labels.index(str(recording.label))
    counts = FrameLabels.of(recording.frame_labels).counts()
    return max(range(len(labels)), key=lambda place: counts.get(labels[place], 0), default=0)
