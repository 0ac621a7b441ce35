"""`classify`: one of several classes, for each recording or window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
        truth = np.repeat(dataset.y, [len(one.at) for one in said])
        decided = np.concatenate([one.answers.argmax(axis=1) for one in said])
        return decisions(precision, streamed, dataset.labels, truth, decided)


CLASSIFY = Classify()
"""The task of those who name none."""
