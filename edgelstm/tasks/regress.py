"""`regress`: numbers, for each recording or for every frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np

from edgelstm.data.dataset import Dataset
from edgelstm.data.labelled import from_recordings
from edgelstm.data.numbers import change_within, numbers
from edgelstm.data.recordings import Recordings
from edgelstm.data.targets import Kept
from edgelstm.judging import Evaluation, Said
from edgelstm.judging.errors import Told, errors, joined
from edgelstm.judging.evaluation import check_finite
from edgelstm.judging.gathering import true_parts
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
        return errors(precision, streamed, dataset.labels, dataset.label_units, lambda: self._parts(dataset, said))

    def told(self, dataset: Dataset, said: Sequence[Said]) -> Told:
        """Answers `said` along the sequences of `dataset` beside the truth and its mean."""
        return joined(self._parts(dataset, said))

    def _parts(self, dataset: Dataset, said: Sequence[Said]) -> Iterator[Told]:
        assert dataset.targets is not None  # `dataset` gave them
        count, total = np.zeros(len(dataset.labels)), np.zeros(len(dataset.labels))
        for _, truth in true_parts(said, dataset.targets):
            count += np.isfinite(truth).sum(axis=0)
            total += np.nansum(truth, axis=0, dtype=np.float64)
        mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
        for answers, truth in true_parts(said, dataset.targets):
            yield Told(answers, truth, {"their mean": np.broadcast_to(mean, truth.shape)})
