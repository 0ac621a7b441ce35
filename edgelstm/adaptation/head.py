"""A last layer, and how it is learned: multinomial logistic regression, or one for each label, from integer features.

All in float64 in a fixed order (`ordered.py`): the same clips give the same bits on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.adaptation import ordered
from edgelstm.adaptation.clips import Heard
from edgelstm.adaptation.ordered import Float64

Activation = Literal["softmax", "sigmoid"]

STEPS, ROUNDS = 60, 3
"""Of the optimizer at most; and how often it is asked anew which row is the largest, where scores are pooled by
that."""
_PACE = 12  # steps over the square root of the condition, after which hardly anything is left
_POWER_STEPS = 12
_PART = 256  # rows at once


@dataclass(frozen=True, eq=False)
class Head:
    """scores = W · features + b."""

    W: Float64  # (outputs, inputs)
    b: Float64  # (outputs,)

    def row_scores(self, rows: Float64) -> Float64:
        """(rows, outputs) of (rows, inputs)."""
        return np.concatenate([self._some_scores(rows[n : n + _PART]) for n in range(0, len(rows), _PART)])

    def _some_scores(self, rows: Float64) -> Float64:
        found: Float64 = ordered.total(rows.T[:, :, None] * self.W.T[:, None, :]) + self.b
        return found

    def scores(self, heard: Heard) -> Float64:
        """(clips, outputs): of each clip the final answer's, before the output activation."""
        return np.array([self._pooled(rows * heard.unit, heard.pooling) for rows in heard.clips])

    def _pooled(self, rows: Float64, pooling: str) -> Float64:
        found = self.row_scores(rows)
        if pooling == "last":
            newest: Float64 = found[-1]
            return newest
        mean: Float64 = ordered.total(found) / len(found)
        return (mean + found.max(axis=0)) / 2 if pooling == "mean+max" else mean

    def features(self, heard: Heard) -> Float64:
        """(inputs, clips, 1 or outputs): what W is multiplied with to come to `scores`, but for b; of outputs each
        its own where the largest of its rows counts."""
        return np.stack([self._of_clip(rows * heard.unit, heard.pooling) for rows in heard.clips], axis=1)

    def _of_clip(self, rows: Float64, pooling: str) -> Float64:
        if pooling == "last":
            newest: Float64 = rows[-1][:, None]
            return newest
        mean: Float64 = (ordered.total(rows) / len(rows))[:, None]
        if pooling == "mean":
            return mean
        largest = self.row_scores(rows).argmax(axis=0)
        found: Float64 = (mean + rows[largest].T) / 2
        return found


def losses(scores: Float64, truth: Float64, activation: Activation) -> Float64:
    """(clips,): what each clip's scores (clips, outputs) cost; truth as of `fit`."""
    if activation == "softmax":
        chances = np.maximum(ordered.softmax(scores), 1e-300)
        return -ordered.total((truth * ordered.log(chances)).T)
    magnitude = np.abs(scores)
    of_each = np.maximum(scores, 0.0) - scores * truth + ordered.log(1.0 + ordered.exp(-magnitude))
    return ordered.total(np.where(np.isnan(truth), 0.0, of_each).T)


def fit(old: Head, heard: Heard, truth: Float64, activation: Activation, strength: float) -> Head:
    """The head that costs least on these clips, where being far from `old` costs as well.

    truth: (clips, outputs), 1 what is true, 0 what is not, NaN what is not known (sigmoid alone). strength: how much
    the distance costs, as a share of the largest curvature of the clips: at 1 hardly anything is learned.
    """
    head = old
    for _ in range(ROUNDS if heard.pooling == "mean+max" else 1):
        head = _descended(old, head, with_ones(head, heard), truth, activation, strength)
    return head


def with_ones(head: Head, heard: Heard) -> Float64:
    """`Head.features` with a row of ones behind them, which b is multiplied with."""
    found = head.features(heard)
    return np.concatenate([found, np.ones((1, *found.shape[1:]))])


def _descended(
    old: Head, start: Head, features: Float64, truth: Float64, activation: Activation, strength: float
) -> Head:
    """Nesterov's steps from `start`."""
    anchor, weights = _joined(old), _joined(start)
    curve = _curvature(features) / (2.0 if activation == "softmax" else 4.0)
    pull = strength * curve
    step, ratio = 1.0 / (curve + pull), math.sqrt(strength / (1.0 + strength))
    momentum = (1.0 - ratio) / (1.0 + ratio)
    ahead = weights
    for _ in range(min(STEPS, math.ceil(_PACE / ratio))):
        scores = ordered.total(features * ahead[:, None, :])
        said = ordered.softmax(scores) if activation == "softmax" else ordered.sigmoid(scores)
        wrong = np.where(np.isnan(truth), 0.0, said - truth)
        slope = ordered.total((features * wrong).swapaxes(0, 1)) + pull * (ahead - anchor)
        after = ahead - step * slope
        ahead = after + momentum * (after - weights)
        weights = after
    return Head(np.ascontiguousarray(weights[:-1].T), weights[-1].copy())


def _joined(head: Head) -> Float64:
    """(inputs + 1, outputs): b behind W."""
    return np.concatenate([head.W.T, head.b[None]])


def _curvature(features: Float64) -> float:
    """The largest eigenvalue of the features' second moment, over outputs the largest, from a few steps of the power
    iteration, and a little more."""
    largest = 0.0
    for output in range(features.shape[2]):
        x = features[:, :, output]
        direction = np.ones(len(x))
        for _ in range(_POWER_STEPS):
            moved = ordered.total((x * ordered.total(x * direction[:, None])).T)
            length = float(np.sqrt(ordered.total(moved * moved)))
            direction = moved / max(length, 1e-300)
        largest = max(largest, length)
    return 1.1 * largest


def truth_of_classes(y: NDArray[np.int64], outputs: int) -> Float64:
    """(clips, outputs) of the classes (clips,)."""
    found: Float64 = (y[:, None] == np.arange(outputs)).astype(np.float64)
    return found
