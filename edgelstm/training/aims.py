"""What training aims at: targets of rows of scores, how much each class weighs, how values are scaled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.targets import NONE_NOW, Targets
from edgelstm.layers import Dense, Layer
from edgelstm.plain import counted
from edgelstm.training.config import Config
from edgelstm.training.losses import Objective

Floats = NDArray[Any]

_HEAVIEST = 1000.0
"""A weight of a class is not larger: a handful of its frames would be all that is learned of."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """Values are learned as `(value - mean) / std`, each output by its own; the last layer then carries it."""

    mean: NDArray[np.float64]  # (outputs,)
    std: NDArray[np.float64]  # (outputs,)

    def down(self, values: Floats) -> Floats:
        """Values (…, outputs) as they are learned."""
        learned: Floats = (values - self.mean.astype(values.dtype)) / self.std.astype(values.dtype)
        return learned

    def up(self, learned: Floats) -> Floats:
        """The inverse of `down`."""
        values: Floats = learned * self.std.astype(learned.dtype) + self.mean.astype(learned.dtype)
        return values

    def carried(self, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        """`layers`, the last of which gives values where it gave learned ones."""
        *rest, last = layers
        assert isinstance(last, Dense)  # of every model
        std, mean = self.std.astype(np.float32), self.mean.astype(np.float32)
        return (*rest, replace(last, W=last.W * std[:, None], b=last.b * std + mean))


@dataclass(frozen=True, eq=False)
class Aims:
    """Of one run, for its data."""

    objective: Objective
    outputs: int
    stride: int  # frames from one row of scores to the next
    smoothing: float = 0.0  # of classes
    scaling: Scaling | None = None

    def rows(self, dataset: Dataset, place: int, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """What each output should say in the rows of scores that these `frames` of a sequence give: (rows, outputs),
        or (1, outputs) for all of them; NaN = not known."""
        if dataset.targets is None:
            return self._of_classes(dataset.y[place : place + 1])
        found = dataset.targets.at(place, frames[self.stride - 1 :: self.stride])
        if found.ndim == 1:
            return self._of_classes(found)
        return found if self.scaling is None else self.scaling.down(found)

    def _of_classes(self, classes: NDArray[np.int64]) -> NDArray[np.float32]:
        found = np.full((len(classes), self.outputs), self.smoothing / self.outputs, np.float32)
        found[np.arange(len(classes)), classes] += 1 - self.smoothing
        found[classes < 0] = np.nan
        return found


def find_aims(fit: Dataset, config: Config) -> Aims:
    """Of a configuration, over the data that are learned from. ValueError where they have one class alone."""
    task, outputs, training = config.task, len(fit.labels), config.training
    weights = None
    counts = class_counts(fit)
    if counts is not None:
        if (counts > 0).sum() < 2:
            label = fit.labels[int(counts.argmax())]
            raise ValueError(f"{fit.name}: all that is trained on is {label[:40]!r}, expected two classes or more")
        if training.balance == "weights":
            weights = np.minimum(counts.sum() / (np.maximum(counts, 1) * (counts > 0).sum()), _HEAVIEST)
    scaling = _fit_scaling(fit) if task.scaled else None
    if counts is None and training.balance == "weights":  # of what is true for each output by itself
        share = _fit_scaling(fit).mean
        weights = np.minimum((1 - share) / np.maximum(share, 1 / _HEAVIEST), _HEAVIEST)
    skip = training.skip // config.model.stride
    objective = Objective(config.criterion, training.loss, skip, weights, task.levels(outputs))
    return Aims(objective, outputs, config.model.stride, training.smoothing, scaling)


def class_counts(dataset: Dataset) -> NDArray[np.int64] | None:
    """(labels,): sequences, or frames where these have classes, of each class; None where outputs are no classes."""
    if dataset.targets is None:
        return np.bincount(dataset.y, minlength=len(dataset.labels))
    counts = np.zeros(len(dataset.labels), np.int64)
    for found in _all_targets(dataset):
        if found.ndim > 1:
            return None
        counts += np.bincount(found[found >= 0], minlength=len(counts))
    return counts


def _all_targets(dataset: Dataset) -> Iterator[Floats]:
    """Those of all sequences, a part at a time."""
    assert dataset.targets is not None  # of every task with values
    for place, length in enumerate(dataset.lengths.tolist()):
        yield from dataset.targets.parts(place, length)


def _fit_scaling(fit: Dataset) -> Scaling:
    """Mean and standard deviation of each output's targets, of a constant one 1.

    Where an output tells a column ahead it is the deviation from the column now, if that is less: what differs by a
    tenth as much after one step as after a hundred is learned in units of a tenth, or its errors would hardly count.
    """
    assert fit.targets is not None  # of every task with values
    count, total = np.zeros(len(fit.labels)), np.zeros(len(fit.labels))
    for part in _all_targets(fit):
        found = part.astype(np.float64)
        count += np.isfinite(found).sum(axis=0)
        total += np.nansum(found, axis=0)
    if not count.all():
        why = "expected some"
        if fit.targets.columns_now is not None:
            longest = max(len(x) for x in fit.sequences)
            why = f"the longest recording has {counted(longest, 'frame')} there, expected more than it looks ahead"
        raise ValueError(f"{fit.name}: {fit.labels[int(count.argmin())]}: no value to learn from, {why}")
    mean = total / count
    squares = sum((np.nansum((part - mean) ** 2, axis=0) for part in _all_targets(fit)), np.zeros_like(mean))
    std = np.sqrt(squares / count)
    if fit.targets.columns_now is not None:
        changes = _changes(fit, fit.targets, list(fit.targets.columns_now))
        change = np.sqrt(sum((np.nansum(c**2, axis=0) for c in changes), np.zeros_like(mean)) / count)
        std = np.where(change > 0, np.minimum(change, std), std)
    return Scaling(mean, np.where(std > 0, std, 1.0))


def _changes(fit: Dataset, targets: Targets, columns: list[int]) -> Iterator[Floats]:
    """How far each output's target is from its column now, in all frames, a part at a time."""
    for place, x in enumerate(fit.sequences):
        start = 0
        for part in targets.parts(place, len(x)):
            now = np.where(np.array(columns) == NONE_NOW, 0, x[start : start + len(part), columns])
            yield part.astype(np.float64) - now
            start += len(part)
