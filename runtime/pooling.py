"""From scores to answers: what a stream does after its engine, in numpy, step for step as the C core does.

`edgelstm.model.Answer` says what pooling, window and hop mean. A block is `hop` frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Activation = Literal["softmax", "sigmoid", "linear"]
PoolingKind = Literal["last", "mean"]
Float32 = NDArray[np.float32]

MAX_SUM = 1e300
"""The largest size of a restored sum, as in the C core."""


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
    count runs. pooling `last`: the newest scores. pooling `mean`: scores are added to a float64 block sum; a window
    is a ring of the sums of its complete blocks, so the cost of a run does not depend on the window.
    """

    def __init__(self, pooling: PoolingKind, window: int, hop: int, outputs: int):
        self.hop = hop
        self.runs = 0  # since reset
        self._last = np.zeros(outputs, np.float32) if pooling == "last" else None
        self._block = np.zeros(outputs)  # the sum of the block that is being filled; of all runs without a window
        self._ring = np.zeros((window // hop if window else 0, outputs))  # block n lies in row n % len(ring)

    @property
    def _blocks(self) -> int:
        """Complete blocks since reset."""
        return self.runs // self.hop if len(self._ring) else 0

    def add(self, scores: Float32) -> bool:
        """Take the scores (outputs,) of the next run; True when an answer is due."""
        self.runs += 1
        due = self.hop > 0 and self.runs % self.hop == 0
        if self._last is not None:
            self._last[:] = scores
            return due
        self._block += scores
        if due and len(self._ring):
            self._ring[(self._blocks - 1) % len(self._ring)] = self._block
            self._block[:] = 0
        return due

    def scores(self) -> Float32:
        """The pooled scores (outputs,) now. Between two answers of a window, the block that is being filled
        stands in for the oldest complete one. ValueError before the first run."""
        if not self.runs:
            raise ValueError("no scores since reset, expected some before asking for an answer")
        if self._last is not None:
            return self._last.copy()
        if not len(self._ring):
            return (self._block / self.runs).astype(np.float32)
        partial = self.runs % self.hop
        complete = min(self._blocks, len(self._ring) - (partial > 0))
        total = np.zeros_like(self._block)
        for n in range(self._blocks - complete, self._blocks):
            total += self._ring[n % len(self._ring)]
        if partial:
            total += self._block
        return (total / (complete * self.hop + partial)).astype(np.float32)

    def reset(self) -> None:
        self.runs = 0
        for array in self.arrays().values():
            array[...] = 0

    def arrays(self) -> dict[str, NDArray[np.floating]]:
        """All that it holds besides the number of runs, by name: the arrays themselves."""
        if self._last is not None:
            return {"scores": self._last}
        return {"sums": self._block, "blocks": self._ring} if len(self._ring) else {"sums": self._block}

    def restore(self, runs: int, arrays: Mapping[str, NDArray[np.floating]]) -> None:
        """Go on after `runs` runs from copies of `arrays`. ValueError, with nothing changed, for what no pooling of
        finite scores comes to."""
        for name, given in arrays.items():
            if not (np.abs(given.astype(np.float64)) <= MAX_SUM).all():
                raise ValueError(f"{name}: NaN, infinity or a sum that no scores come to")
        self.runs = runs
        for name, array in self.arrays().items():
            array[...] = arrays[name]
