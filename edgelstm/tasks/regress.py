"""`regress`: numbers, for each recording or for every frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np

from edgelstm.data.dataset import Dataset
from edgelstm.data.labelled import from_recordings
from edgelstm.data.numbers import change_within, numbers
from edgelstm.data.recordings import Recordings
from edgelstm.data.targets import Kept
from edgelstm.judging import Evaluation, Said
from edgelstm.judging.errors import Told
from edgelstm.judging.evaluation import check_finite, pairs
from edgelstm.records import Distinct, Line
from edgelstm.tasks.task import Task

Column = Annotated[str, Line(1000)]


@dataclass(frozen=True)
class Regress(Task):
    """Columns of the data that are told from the others, or the numbers that labels are."""

    kind = "regress"
    summary = "numbers, of each recording or frame"
    says = "values"
    activation = "linear"
    criteria = ("mse", "huber")
    scaled = True

    columns: Annotated[tuple[Column, ...], Distinct()] = ()  # to be told, and no features; empty = the label's number
    per: Literal["recording", "frame"] = "recording"  # one set of numbers for each

    @property
    def each_frame(self) -> bool:
        return self.per == "frame"

    @property
    def columns_to_tell(self) -> tuple[str, ...]:
        return self.columns

    def proposed(self, recordings: Recordings) -> Task:
        return replace(self, per="frame") if change_within(recordings, self.columns) else self

    def dataset(self, recordings: Recordings) -> Dataset:
        found = numbers(recordings, self.columns, self.each_frame)
        y = np.zeros(len(found.targets), np.int64)
        return from_recordings(found.recordings, y, found.names, Kept(found.targets), found.units)

    def judge(self, precision: str, streamed: bool, dataset: Dataset, said: Sequence[Said]) -> Evaluation:
        check_finite(precision, said)
        return self.told(dataset, said).errors(precision, streamed, dataset.labels, dataset.label_units)

    def told(self, dataset: Dataset, said: Sequence[Said]) -> Told:
        """Answers `said` along the sequences of `dataset` beside the truth and its mean."""
        assert dataset.targets is not None  # `dataset` gave them
        truths = [dataset.targets[place] for place in range(len(dataset))]
        both = list(pairs(said, truths))
        answers, truth = (np.concatenate([pair[n] for pair in both]) for n in (0, 1))
        mean = np.nanmean(truth, axis=0, keepdims=True) if np.isfinite(truth).any(axis=0).all() else truth[:1]
        return Told(answers, truth, {"their mean": np.broadcast_to(mean, truth.shape)})
