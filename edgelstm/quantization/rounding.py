"""Rounding weights to int8: each to the nearest, or with error feedback where it is known what they are to meet.

Error feedback: columns are rounded one after another, those first whose inputs vary most; what a column's rounding
changes in a row's sum is made good, as far as inputs vary together, by the columns still to come, and last by the
bias, which takes the mean. (GPTQ, Frantar et al. 2023, over [x h] jointly; in the form of Babai's nearest plane.)

The same model gives the same integers on every machine: all is element by element in float64, multiplications and
subtractions apart, with no sum whose order a processor or a library chooses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.covariance import Covariance

FRAMES_PER_COLUMN = 8
"""Runs for each column below which a covariance says too little, and weights are rounded to the nearest."""

DAMPING, SCARCITY = 0.01, 0.5
"""Added to the diagonal, as a share of its mean: at least DAMPING, as inputs are not only what calibration saw, and
SCARCITY over the runs for each column: what few runs say of how columns vary together is mostly chance. With DAMPING
alone, models became worse below about 20 runs for each column."""

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6)
"""Of the scale that a row's largest weight asks for: what `fitted` tries."""

_ROWS = 256  # side by side: what they need stays in a processor's cache
_LARGEST = 127


@dataclass(frozen=True, eq=False)
class Scaled:
    """Weights and the scale of each of their rows."""

    weights: NDArray[np.float32]  # (rows, columns)
    scale: NDArray[np.float32]  # (rows,)
    step: int = 1  # integers are multiples of this: 16 for four bits
    least: NDArray[np.float32] | None = None  # (rows,) what `fitted` may make of the scales; None: nothing else

    def rows(self, some: slice) -> Scaled:
        return Scaled(
            self.weights[some], self.scale[some], self.step, None if self.least is None else self.least[some]
        )

    def cut(self, share: float) -> Scaled:
        """With scales of that share, as far as these may be."""
        if self.least is None:
            return self
        scale = (share * self.scale.astype(np.float64)).astype(np.float32)
        return replace(self, scale=np.maximum(scale, self.least))

    @property
    def unit(self) -> NDArray[np.float64]:
        """(rows, 1) what a step of an integer stands for."""
        return self.scale[:, None].astype(np.float64) * self.step

    @property
    def most(self) -> int:
        """The steps of the largest integer."""
        return _LARGEST // self.step


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
    return (np.clip(np.rint(part.weights / part.unit), -part.most, part.most) * part.step).astype(np.int8)


def rounded(
    parts: tuple[Scaled, ...], inputs: Inputs | None
) -> tuple[tuple[NDArray[np.int8], ...], NDArray[np.float64]]:
    """(the integers of each of `parts`, what the bias of each row is to gain).

    The parts stand side by side: their columns together are those of `inputs`, and their products are summed. Without
    inputs, or with too few runs of them, each weight is rounded to the nearest, and the bias gains nothing.
    """
    if inputs is None or inputs.runs_per_column < FRAMES_PER_COLUMN:
        return tuple(nearest(part) for part in parts), np.zeros(len(parts[0].weights))
    found, gained, _ = _feedback(parts, _Course.over(inputs))
    ends = np.cumsum([part.weights.shape[1] for part in parts])[:-1]
    return tuple(np.ascontiguousarray(some.T) for some in np.split(parts[0].step * found, ends)), gained


def fitted(parts: tuple[Scaled, ...], inputs: Inputs | None) -> tuple[Scaled, ...]:
    """`parts` as in `rounded`, of few steps, with the scale of each row cut where that leaves the least error of its
    sum, by squares: weights beyond are at the end of their range, and all others have finer steps. The same share for
    all parts, or where it is not known how inputs vary, one for each. Others' scales stay."""
    if parts[0].least is None:
        return parts
    if inputs is None or inputs.runs_per_column < FRAMES_PER_COLUMN:
        return tuple(_cut((part,), _Course.of_like_columns(part.weights.shape[1]))[0] for part in parts)
    return _cut(parts, _Course.over(inputs))


def _cut(parts: tuple[Scaled, ...], course: _Course) -> tuple[Scaled, ...]:
    best, least = parts, np.full(len(parts[0].weights), np.inf)
    for share in SHARES:
        tried = tuple(part.cut(share) for part in parts)
        error = _feedback(tried, course)[2]
        scales = [np.where(error < least, new.scale, old.scale) for new, old in zip(tried, best)]
        best, least = (
            tuple(replace(part, scale=scale) for part, scale in zip(parts, scales)),
            np.minimum(error, least),
        )
    return best


@dataclass(frozen=True, eq=False)
class _Course:
    """The columns of weights in the order in which they are rounded, and what that does to those still to come."""

    order: NDArray[np.intp]  # (n,)
    back: NDArray[np.float64]  # (n, n), of `unit_factor`
    spread: NDArray[np.float64]  # (n,), the same
    mean: NDArray[np.float64]  # (n,), of inputs, in this order

    @classmethod
    def over(cls, inputs: Inputs) -> _Course:
        order = np.argsort(-np.diag(inputs.covariance), kind="stable")
        damping = max(DAMPING, SCARCITY / inputs.runs_per_column)
        back, spread = unit_factor(inputs.covariance[np.ix_(order, order)], damping)
        return cls(order, back, spread, inputs.mean[order])

    @classmethod
    def of_like_columns(cls, n: int) -> _Course:
        """Each by itself: to the nearest."""
        return cls(np.arange(n), np.eye(n), np.ones(n), np.zeros(n))


def _feedback(
    parts: tuple[Scaled, ...], course: _Course
) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.float64]]:
    """(steps (n, rows) of the columns of `parts` side by side, what the bias of each row is to gain, the square of
    the error of its sum, as far as it varies)."""
    weights = np.concatenate([part.weights for part in parts], axis=1).astype(np.float64).T[course.order]
    units = np.concatenate([np.broadcast_to(part.unit, part.weights.shape) for part in parts], axis=1).T[course.order]
    most, columns = parts[0].most, weights.shape[1]
    codes, gained, errors = np.empty(weights.shape, np.int8), np.zeros(columns), np.zeros(columns)
    for start in range(0, columns, _ROWS):
        rows = slice(start, start + _ROWS)
        wanted, some, unit = weights[:, rows].copy(), weights[:, rows], units[:, rows]
        for j in range(len(wanted)):
            codes[j, rows] = np.clip(np.rint(wanted[j] / unit[j]), -most, most)
            got = codes[j, rows] * unit[j]
            lost, off = some[j] - got, wanted[j] - got
            errors[rows] += course.spread[j] * (off * off)
            wanted[j + 1 :] += course.back[j, j + 1 :, None] * lost
            gained[rows] += course.mean[j] * lost
    placed = np.empty_like(codes)
    placed[course.order] = codes
    return placed, gained, errors


def unit_factor(covariance: NDArray[np.float64], damping: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N (n, n), upper triangular with ones on its diagonal, D (n,), positive), such that N·diag(D)·Nᵀ is the
    covariance, damped: N[j, k] is how much of a change in column j column k makes good, and D[j] the variance of what
    no later column does. `damping`: a share of the diagonal's mean."""
    n = len(covariance)
    left = covariance.copy()
    added = damping * math.fsum(np.diag(left)) / n
    left[np.arange(n), np.arange(n)] += added if added > 0 else 1.0
    factor = np.eye(n)
    for k in range(n - 1, 0, -1):
        factor[:k, k] = left[:k, k] / left[k, k]
        left[:k, :k] -= factor[:k, k, None] * left[k, :k]
    return factor, np.diag(left).copy()
