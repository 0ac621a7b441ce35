"""From scores to answers: what a stream does after its engine, in numpy, step for step as the C core does.

`edgelstm.model.Answer` says what pooling, window and hop mean. A block is `hop` frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Activation = Literal["softmax", "sigmoid", "linear"]
PoolingKind = Literal["last", "mean", "mean+max"]
Float32 = NDArray[np.float32]

POOLINGS: tuple[PoolingKind, ...] = get_args(PoolingKind)
"""In the order of their numbers in files, snapshots and the C core."""

MAX_SCORE = 3.4e38
"""No score is larger, as in the C core: a restored sum is held to so much for each run that it stands for."""

_FAN = 16
"""Rows that a total stands for, as in the C core."""


def activate(scores: Float32, activation: Activation) -> Float32:
    """Scores (…, outputs) → float32 answers of the same shape; softmax is over the last axis."""
    if activation == "softmax":
        exponentials: Float32 = np.exp(scores - np.maximum.reduce(scores, axis=-1, keepdims=True))
        exponentials /= np.add.reduce(exponentials, axis=-1, keepdims=True)
        return exponentials
    if activation == "sigmoid":
        one = np.float32(1)
        return one / (one + np.exp(-np.maximum(scores, np.float32(-88))))  # exp(88) still fits float32
    return scores.copy()


class Pooling:
    """Gathers the scores of one stream, run by run, and says when an answer is due.

    A run is what the last layer makes of a frame, or of several where it does not run at every one: window and hop
    count runs. pooling `last`: the newest scores. pooling `mean`: scores are added to a row of float64 sums; a window
    is a ring of such rows, one for each block of `hop` runs, where a new block takes the place of the oldest. pooling
    `mean+max`: the largest score of each output in the block stands behind its sums, and goes the same way. Above the
    rows stand totals, a row for every 16 below, until at most 16 are left, which an answer adds up: a run costs
    little more for a long window than for a short one. All is added in the order of the C core, to the same bits.
    """

    def __init__(self, pooling: PoolingKind, window: int, hop: int, outputs: int):
        self.hop = hop
        self.runs = 0  # since reset
        self._last = np.zeros(outputs, np.float32) if pooling == "last" else None
        self._windowed = window > 0
        self._outputs = outputs
        self._has_most = pooling == "mean+max"
        values = values_of_row(pooling, outputs)
        self._levels = [np.zeros((rows, values)) for rows in rows_of_levels(window, hop)]  # the sums, then totals

    def _block(self) -> tuple[int, int]:
        """The block that took the newest run, from 0, and the runs that it has."""
        if not self._windowed:
            return 0, self.runs
        block = (self.runs - 1) // self.hop
        return block, self.runs - block * self.hop

    def add(self, scores: Float32) -> bool:
        """Take the scores (outputs,) of the next run; True when an answer is due."""
        self.runs += 1
        due = self.hop > 0 and self.runs % self.hop == 0
        if self._last is not None:
            self._last[:] = scores
            return due
        block, runs = self._block()
        row = block % len(self._levels[0])
        values = self._levels[0][row]
        sums = values[: self._outputs]
        np.add(0.0 if runs == 1 else sums, scores, out=sums)
        if self._has_most:
            score = np.add(0.0, scores, dtype=np.float64)  # one zero, not two: which is larger?
            most = values[self._outputs :]
            np.maximum(score if runs == 1 else most, score, out=most)
        if due and self._windowed:
            self._renew_above(row)
        return due

    def _renew_above(self, row: int) -> None:
        """Make the totals that row `row` of the sums is part of."""
        used = self._used()
        for below, totals in pairwise(self._levels):
            row //= _FAN
            totals[row] = self._total(below[row * _FAN : min((row + 1) * _FAN, used)])
            used = -(-used // _FAN)

    def _used(self) -> int:
        """Rows of the sums that blocks have come to, the first ones."""
        return min(self._block()[0] + 1, len(self._levels[0])) if self.runs else 0

    def _total(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of rows (n, values), at least one: sums, the first of them first, and maxima."""
        # A reduction may choose another order.
        total: NDArray[np.float64] = np.add.accumulate(rows[:, : self._outputs], axis=0)[-1]
        return np.concatenate([total, rows[:, self._outputs :].max(axis=0)]) if self._has_most else total

    def scores(self) -> Float32:
        """The pooled scores (outputs,) now. Between two answers of a window, the block that is being filled
        stands in for the oldest complete one. ValueError before the first run."""
        if not self.runs:
            raise ValueError("no scores since reset, expected some before asking for an answer")
        if self._last is not None:
            return self._last.copy()
        block, runs = self._block()
        rows = len(self._levels[0])
        if self._windowed and runs < self.hop:
            self._renew_above(block % rows)
        covered = min(block, rows - 1) * self.hop + runs
        used = self._used()
        for _ in self._levels[1:]:
            used = -(-used // _FAN)
        total = self._total(self._levels[-1][:used])
        pooled = total[: self._outputs] / covered
        if self._has_most:
            pooled = (pooled + total[self._outputs :]) * 0.5
        return pooled.astype(np.float32)

    def reset(self) -> None:
        self.runs = 0
        for array in [*self.arrays().values(), *self._levels]:
            array[...] = 0

    def arrays(self) -> dict[str, NDArray[np.floating]]:
        """All that it holds besides the number of runs, and what follows from it: the arrays themselves."""
        return {"sums": self._levels[0]} if self._last is None else {"scores": self._last}

    def restore(self, runs: int, arrays: Mapping[str, NDArray[np.floating]]) -> None:
        """Go on after `runs` runs from copies of `arrays`. ValueError, with nothing changed, for what no pooling of
        finite scores comes to."""
        held = self.arrays()
        limits = {"scores": np.array([[MAX_SCORE]]), "sums": self._limits(runs)}
        for name in held:
            if not (np.abs(arrays[name].astype(np.float64)) <= limits[name]).all():
                raise ValueError(f"{name}: NaN, infinity or a value that {runs} runs of scores do not come to")
        self.runs = runs
        for name, array in held.items():
            array[...] = arrays[name]
        used = self._used()
        for below, totals in pairwise(self._levels):
            for row in range(-(-used // _FAN)):
                totals[row] = self._total(below[row * _FAN : min((row + 1) * _FAN, used)])
            used = -(-used // _FAN)

    def _limits(self, runs: int) -> NDArray[np.float64]:
        """(rows, values): how large each value of the sums may be after `runs` in all."""
        in_rows = self._runs_in_rows(runs)
        sums = np.tile(MAX_SCORE * in_rows[:, None], (1, self._outputs))
        return np.concatenate([sums, np.minimum(sums, MAX_SCORE)], axis=1) if self._has_most else sums

    def _runs_in_rows(self, runs: int) -> NDArray[np.float64]:
        """Runs whose scores lie in each row of the sums, after `runs` in all."""
        rows = len(self._levels[0])
        if not self._windowed or not runs:
            return np.full(rows, float(runs))
        block = (runs - 1) // self.hop
        found = np.where(np.arange(rows) < block, float(self.hop), 0.0)
        found[block % rows] = runs - block * self.hop
        return found


def values_of_row(pooling: PoolingKind, outputs: int) -> int:
    """Of the sums: as many again where maxima stand behind them, none where there are no sums."""
    return {"last": 0, "mean": outputs, "mean+max": 2 * outputs}[pooling]


def rows_of_levels(window: int, hop: int) -> list[int]:
    """Rows of the sums, then of each level of totals above them."""
    rows = [window // hop if window else 1]
    while rows[-1] > _FAN:
        rows.append(-(-rows[-1] // _FAN))
    return rows


def additions(pooling: PoolingKind, window: int, hop: int, outputs: int) -> tuple[int, float]:
    """Of float64 sums, a maximum counted as an addition: in the dearest run there is, one that ends a block; and in a
    run on average. Window and hop count runs."""
    values = values_of_row(pooling, outputs)
    *below, top = rows_of_levels(window, hop)
    answer = values * (_FAN * len(below) + top)
    return values + answer, values + (answer / hop if hop else 0.0)
