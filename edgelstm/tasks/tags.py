"""`tags`: several labels at once, each true or not, for each recording or for every frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.labelled import from_recordings
from edgelstm.data.numbers import change_within, numbers
from edgelstm.data.recordings import Recordings
from edgelstm.data.store import chunked
from edgelstm.data.tag_lists import tag_lists
from edgelstm.data.targets import Kept
from edgelstm.judging import Evaluation, Said
from edgelstm.judging.evaluation import check_finite
from edgelstm.judging.gathering import joined, true_parts
from edgelstm.judging.tagging import best_thresholds, tagging
from edgelstm.plain import printable
from edgelstm.records import Distinct, Length, Line
from edgelstm.tasks.task import Task

Column = Annotated[str, Line(1000)]


@dataclass(frozen=True)
class Tags(Task):
    """Columns of 0 and 1, which are no features then, or labels that list names."""

    kind = "tags"
    summary = "several labels at once, each true or not"
    activation = "sigmoid"
    criteria = ("binary",)

    columns: Annotated[tuple[Column, ...], Distinct()] = ()  # of 0 and 1, and no features; empty = labels list names
    separator: Annotated[str, Length(1, 8)] = "|"  # between the names that a label lists; alone: none of them
    per: Literal["recording", "frame"] = "recording"  # one set of tags for each
    thresholds: Literal["half", "f1"] = "half"  # 0.5, or of each what is best for its F1 in the validation

    @property
    def each_frame(self) -> bool:
        return self.per == "frame"

    @property
    def columns_to_tell(self) -> tuple[str, ...]:
        return self.columns

    @property
    def chooses_thresholds(self) -> bool:
        return self.thresholds == "f1"

    def proposed(self, recordings: Recordings) -> Task:
        return replace(self, per="frame") if change_within(recordings, self.columns) else self

    def dataset(self, recordings: Recordings) -> Dataset:
        if self.columns or recordings.target_names:
            found = numbers(recordings, self.columns, self.each_frame)
            recordings, names, targets = found.recordings, found.names, found.targets
            _check_truths(recordings, names, targets)
        else:
            names, targets = tag_lists(recordings, self.separator, self.each_frame)
        return from_recordings(recordings, _combinations(targets), names, Kept(targets))

    def judge(self, precision: str, streamed: bool, dataset: Dataset, said: Sequence[Said]) -> Evaluation:
        check_finite(precision, said)
        thresholds = next((one.thresholds for one in said if one.thresholds), ())
        unnamed = self._unnamed(dataset, said)
        return tagging(precision, streamed, dataset.labels, lambda: self._parts(dataset, said, unnamed), thresholds)

    def find_thresholds(self, dataset: Dataset, said: Sequence[Said]) -> tuple[float, ...]:
        return best_thresholds(*self.both(dataset, said))

    def both(self, dataset: Dataset, said: Sequence[Said]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Answers and truths (answers, labels), NaN = not known. A name that no list of the data has is
        false in all of them."""
        return joined(self._parts(dataset, said, self._unnamed(dataset, said)))

    def _parts(
        self, dataset: Dataset, said: Sequence[Said], unnamed: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        assert dataset.targets is not None  # `dataset` gave them
        for answers, truth in true_parts(said, dataset.targets):
            listed = ~np.isnan(truth).all(axis=1, keepdims=True)
            yield answers, np.where(unnamed & listed, np.float32(0), truth)

    def _unnamed(self, dataset: Dataset, said: Sequence[Said]) -> NDArray[np.bool_]:
        """(labels,): names that no list of the data has."""
        assert dataset.targets is not None  # `dataset` gave them
        found = np.full(len(dataset.labels), not self.columns)
        for _, truth in true_parts(said, dataset.targets) if found.any() else ():
            found &= np.isnan(truth).all(axis=0)
        return found


def _check_truths(recordings: Recordings, names: tuple[str, ...], targets: tuple[NDArray[np.float32], ...]) -> None:
    for recording, values in zip(recordings.recordings, targets):
        for part in chunked(values):
            wrong = np.argwhere(~(np.isnan(part) | (part == 0) | (part == 1)))
            if wrong.size:
                row, column = wrong[0]
                raise ValueError(
                    f"{recording.name}: {printable(names[column], 40)}: {part[row, column]:g}, expected 0 or 1"
                )


def _combinations(targets: tuple[NDArray[np.float32], ...]) -> NDArray[np.int64]:
    """(sequences,): a number for each set of tags that sequences have, which splits keep in proportion."""
    rows = np.array([np.any([(part == 1).any(axis=0) for part in chunked(target)], axis=0) for target in targets])
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
