"""`classify`: one of several classes, for each recording or window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.labelled import labelled
from edgelstm.data.recordings import Recordings
from edgelstm.judging import Evaluation, Said
from edgelstm.judging.decisions import decisions
from edgelstm.judging.evaluation import check_finite
from edgelstm.judging.gathering import parts
from edgelstm.tasks.task import Task

_MANY = 1 << 16  # answers


@dataclass(frozen=True)
class Classify(Task):
    """The label of a recording."""

    kind = "classify"
    summary = "one of the labels, for each recording"
    criteria = ("cross-entropy", "binary")

    def dataset(self, recordings: Recordings) -> Dataset:
        return labelled(recordings)

    def judge(self, precision: str, streamed: bool, dataset: Dataset, said: Sequence[Said]) -> Evaluation:
        check_finite(precision, said)
        return decisions(precision, streamed, dataset.labels, _some(dataset, said))

    def both(self, dataset: Dataset, said: Sequence[Said]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Truth and decisions (answers,), places in the labels."""
        truth = np.repeat(dataset.y, [len(one.at) for one in said])
        return truth, np.concatenate([one.answers.argmax(axis=1) for one in said])


def _some(dataset: Dataset, said: Sequence[Said]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """`Classify.both`, many answers at a time."""
    truth, decided, count = [], [], 0
    for place, _, answers in parts(said):
        truth.append(np.full(len(answers), dataset.y[place]))
        decided.append(answers.argmax(axis=1))
        count += len(answers)
        if count >= _MANY:
            yield np.concatenate(truth), np.concatenate(decided)
            truth, decided, count = [], [], 0
    if truth:
        yield np.concatenate(truth), np.concatenate(decided)


CLASSIFY = Classify()
"""The task of those who name none."""
