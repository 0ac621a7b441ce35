"""What every task says of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm import records
from edgelstm.data.dataset import Dataset
from edgelstm.data.options import ReadOptions
from edgelstm.data.read import read_recordings
from edgelstm.data.recordings import Recordings
from edgelstm.judging import Evaluation, Said

Criterion = Literal["cross-entropy", "binary", "mse", "huber", "quantile"]
Activation = Literal["softmax", "sigmoid", "linear"]


@dataclass(frozen=True)
class Task(ABC):
    """Its fields are the keys of a recipe's `[task]` beside `kind`."""

    kind: ClassVar[str]
    summary: ClassVar[str]  # in a few words
    says: ClassVar[str] = "labels"  # what answers are, in a word
    activation: ClassVar[Activation] = "softmax"
    normalizes: ClassVar[bool] = True  # features are brought to one mean and deviation
    criteria: ClassVar[tuple[Criterion, ...]] = ("cross-entropy",)  # what training may make small; the first is usual
    scaled: ClassVar[bool] = False  # learned in deviations of the targets
    carries_scale: ClassVar[bool] = True  # the last layer then carries these: answers are in the data's units
    pools: ClassVar[bool] = True  # a mean of answers has a meaning
    holds_out: ClassVar[float] = 0.0  # share that is held out of training where a recipe names none

    def suited(self, dataset: Dataset) -> Task:  # noqa: ARG002 - most have nothing to find in them
        """The same with settings that nobody gave and the data suggest, for a recipe that is proposed."""
        return self

    @property
    def usual_criterion(self) -> Criterion:
        """What training makes small where nobody says."""
        return self.criteria[0]

    @property
    def each_frame(self) -> bool:
        """Whether answers are judged as they come along the recordings, not one for each of them."""
        return False

    @property
    def decides(self) -> bool:
        """Whether the label that is most likely matters, rather than how likely each is."""
        return True

    @property
    def counts_classes(self) -> bool:
        """Whether classes of which there are few are worth a word."""
        return True

    def recordings(self, path: Path | str, options: ReadOptions) -> Recordings:
        """The recordings at `path`. Errors as of `edgelstm.data.read.read_recordings`."""
        return read_recordings(path, replace(options, measured=self.columns_to_tell))

    def taken(self, recordings: Recordings) -> Recordings:
        """Their frames as a model takes them. ValueError for a column that is not there."""
        return recordings

    @abstractmethod
    def dataset(self, recordings: Recordings) -> Dataset:
        """What is to be learned from `recordings`. ValueError, naming recording or column, where they do not have
        it."""

    @abstractmethod
    def judge(self, precision: str, streamed: bool, dataset: Dataset, said: Sequence[Said]) -> Evaluation:
        """How good answers are, `said` along each sequence of `dataset`. ValueError for one that is not finite."""

    def proposed(self, _recordings: Recordings) -> Task:
        """This task as it is proposed for `recordings`, where what is not said depends on them. ValueError for a
        column that is not there."""
        return self

    def to_learn(self, dataset: Dataset) -> Dataset:
        """What of the data for training can be learned from. ValueError where that is nothing."""
        return dataset

    def teaches(self, dataset: Dataset) -> NDArray[np.bool_]:
        """(sequences,): those with something to be learned; the others can only be tested on."""
        return np.ones(len(dataset), np.bool_)

    def finish(
        self, _mean: NDArray[np.float64], _std: NDArray[np.float64], _held_out: Dataset, _said: Sequence[Said]
    ) -> Task:
        """The task of a model that was trained, where answers stay in deviations: with what was found in its answers,
        `said` along what was held out, to targets of this mean and deviation (outputs,). ValueError where that does
        not suffice."""
        return self

    def limited(self, _asked: Sequence[str]) -> Task | None:
        """With another threshold, as `--threshold` asks for it; None where the task has none of its own. ValueError
        that begins with "threshold" for what is none."""
        return None

    def limited_as(self, _other: Task) -> Task:
        """With the threshold of `other`, a task that may have been `limited`; itself where it has none."""
        return self

    @property
    def chooses_thresholds(self) -> bool:
        """Whether `find_thresholds` is asked after training, of what was held out."""
        return False

    def find_thresholds(self, _dataset: Dataset, _said: Sequence[Said]) -> tuple[float, ...]:
        """(outputs,): from which probability on labels are best said; none: where 0.5 will do."""
        return ()

    @property
    def columns_to_tell(self) -> tuple[str, ...]:
        """Names of columns that data have to have beside the features, or among them."""
        return ()

    def levels(self, _outputs: int) -> NDArray[np.float64] | None:
        """(outputs,): the quantile that each of so many outputs is of; None where they are of none."""
        return None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for files."""
        return {"kind": self.kind, **records.to_json(self)}
