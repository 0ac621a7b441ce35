"""Rounding weights to int8: each to the nearest, or with error feedback where it is known what they are to meet.

Error feedback: columns are rounded one after another, those first whose inputs vary most; what a column's rounding
changes in a row's sum is made good, as far as inputs vary together, by the columns still to come, and last by the
bias, which takes the mean. (GPTQ, Frantar et al. 2023, over [x h] jointly; in the form of Babai's nearest plane.)

The same model gives the same integers on every machine: all is element by element in float64, multiplications and
subtractions apart, with no sum whose order a processor or a library chooses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.covariance import Covariance

FRAMES_PER_COLUMN = 8
"""Runs for each column below which a covariance says too little, and weights are rounded to the nearest."""

DAMPING, SCARCITY = 0.01, 0.5
"""Added to the diagonal, as a share of its mean: at least DAMPING, as inputs are not only what calibration saw, and
SCARCITY over the runs for each column: what few runs say of how columns vary together is mostly chance. With DAMPING
alone, models became worse below about 20 runs for each column."""

_ROWS = 256  # side by side: what they need stays in a processor's cache
_LARGEST = 127


@dataclass(frozen=True, eq=False)
class Scaled:
    """Weights and the scale of each of their rows."""

    weights: NDArray[np.float32]  # (rows, columns)
    scale: NDArray[np.float32]  # (rows,)
    step: int = 1  # integers are multiples of this: 16 for four bits

    def rows(self, some: slice) -> Scaled:
        return Scaled(self.weights[some], self.scale[some], self.step)


@dataclass(frozen=True, eq=False)
class Inputs:
    """Mean (n,) and covariance (n, n) of the columns that weights are multiplied with, over `frames` runs."""

    frames: int
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def of(cls, found: Covariance) -> Inputs:
        return cls(found.frames, found.mean.astype(np.float64), found.matrix())

    def of_columns(self, places: NDArray[np.intp]) -> Inputs:
        return Inputs(self.frames, self.mean[places], self.covariance[places][:, places])

    def over(self, factors: NDArray[np.float64]) -> Inputs:
        """Of columns that are divided by `factors` (n,)."""
        return Inputs(self.frames, self.mean / factors, self.covariance / factors / factors[:, None])

    @property
    def runs_per_column(self) -> float:
        return self.frames / len(self.mean)


def nearest(part: Scaled) -> NDArray[np.int8]:
    """(rows, columns) in [-127, 127]."""
    codes = np.rint(part.weights / (part.scale[:, None].astype(np.float64) * part.step))
    most = _LARGEST // part.step
    return (np.clip(codes, -most, most) * part.step).astype(np.int8)


def rounded(
    parts: tuple[Scaled, ...], inputs: Inputs | None
) -> tuple[tuple[NDArray[np.int8], ...], NDArray[np.float64]]:
    """(the integers of each of `parts`, what the bias of each row is to gain).

    The parts stand side by side: their columns together are those of `inputs`, and their products are summed. Without
    inputs, or with too few runs of them, each weight is rounded to the nearest, and the bias gains nothing.
    """
    if inputs is None or inputs.runs_per_column < FRAMES_PER_COLUMN:
        return tuple(nearest(part) for part in parts), np.zeros(len(parts[0].weights))
    order = np.argsort(-np.diag(inputs.covariance), kind="stable")
    weights = np.concatenate([part.weights for part in parts], axis=1).astype(np.float64).T[order]
    step = parts[0].step  # of all
    scales = [np.broadcast_to(step * part.scale.astype(np.float64)[:, None], part.weights.shape) for part in parts]
    steps = np.concatenate(scales, axis=1).T[order]
    damping = max(DAMPING, SCARCITY / inputs.runs_per_column)
    back = unit_factor(inputs.covariance[np.ix_(order, order)], damping)
    codes, gained = np.empty(weights.shape, np.int8), np.empty(weights.shape[1])
    for start in range(0, weights.shape[1], _ROWS):
        rows = slice(start, start + _ROWS)
        found, gained[rows] = _feedback(weights[:, rows], steps[:, rows], back, inputs.mean[order], _LARGEST // step)
        codes[:, rows] = step * found
    placed = np.empty_like(codes)
    placed[order] = codes
    ends = np.cumsum([part.weights.shape[1] for part in parts])[:-1]
    return tuple(np.ascontiguousarray(some.T) for some in np.split(placed, ends)), gained


def _feedback(
    weights: NDArray[np.float64],
    steps: NDArray[np.float64],
    back: NDArray[np.float64],
    mean: NDArray[np.float64],
    most: int,
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """`rounded` for weights (n, rows) in steps of these, -most to most; `back` as `unit_factor` gives it."""
    codes, gained = np.empty(weights.shape, np.int8), np.zeros(weights.shape[1])
    wanted = weights.copy()
    for j in range(len(weights)):
        codes[j] = np.clip(np.rint(wanted[j] / steps[j]), -most, most)
        lost = weights[j] - codes[j] * steps[j]
        wanted[j + 1 :] += back[j, j + 1 :, None] * lost
        gained += mean[j] * lost
    return codes, gained


def unit_factor(covariance: NDArray[np.float64], damping: float) -> NDArray[np.float64]:
    """N (n, n), upper triangular with ones on its diagonal, such that N·D·Nᵀ is the covariance, damped, with a D that
    is diagonal and positive: N[j, k] is how much of a change in column j column k makes good. `damping`: a share of
    the diagonal's mean."""
    n = len(covariance)
    left = covariance.copy()
    added = damping * math.fsum(np.diag(left)) / n
    left[np.arange(n), np.arange(n)] += added if added > 0 else 1.0
    factor = np.eye(n)
    for k in range(n - 1, 0, -1):
        factor[:k, k] = left[:k, k] / left[k, k]
        left[:k, :k] -= factor[:k, k, None] * left[k, :k]
    return factor
