"""`classify`: one of several classes, for each recording or window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.labelled import labelled
from edgelstm.data.recordings import Recordings
from edgelstm.judging import Evaluation, Said
from edgelstm.judging.decisions import decisions
from edgelstm.judging.evaluation import check_finite
from edgelstm.tasks.task import Task


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
        return decisions(precision, streamed, dataset.labels, [self.both(dataset, said)])

    def both(self, dataset: Dataset, said: Sequence[Said]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Truth and decisions (answers,), places in the labels."""
        truth = np.repeat(dataset.y, [len(one.at) for one in said])
        return truth, np.concatenate([one.answers.argmax(axis=1) for one in said])


CLASSIFY = Classify()
"""The task of those who name none."""
