"""What the inputs of a layer's weights are like together: what rounding these weights by error feedback asks for.

Statistics of calibration, kept in `model.npz`; no recording can be made from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers.layer import Float32, checked_array

MAX_COLUMNS = 1024
"""Of a layer: the packed matrix takes 2 · columns² bytes in a file, and the feedback columns² · rows steps."""


@dataclass(frozen=True, eq=False)
class Covariance:
    """Mean and covariance of the n columns that meet a layer's weights, over runs of the float model."""

    frames: int  # runs that it was taken over
    mean: Float32  # (n,)
    packed: Float32  # (n·(n + 1)/2,): the upper triangle, row after row

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", checked_array("Covariance", "mean", self.mean, (None,)))
        n = self.mean.size
        if n > MAX_COLUMNS:
            raise ValueError(f"Covariance.mean: {n} columns, expected at most {MAX_COLUMNS}")
        packed = np.asarray(self.packed)
        if packed.dtype != np.float32 or packed.shape != (n * (n + 1) // 2,) or not np.isfinite(packed).all():
            raise ValueError(
                f"Covariance.packed: {packed.dtype} {packed.shape}, expected {n * (n + 1) // 2} finite float32 "
                f"numbers for {n} columns"
            )
        packed = packed.copy()
        packed.flags.writeable = False
        object.__setattr__(self, "packed", packed)
        if self.frames < 1:
            raise ValueError(f"Covariance.frames: {self.frames}, expected at least 1")

    @property
    def columns(self) -> int:
        return int(self.mean.size)

    def matrix(self) -> NDArray[np.float64]:
        """(n, n), symmetric."""
        n = self.columns
        full = np.zeros((n, n))
        upper = np.triu_indices(n)
        full[upper] = self.packed
        full.T[upper] = self.packed
        return full

    @classmethod
    def of_sums(cls, frames: int, sums: NDArray[np.float64], squares: NDArray[np.float64]) -> Covariance:
        """From sums (n,) of columns and (n, n) of their products over `frames` runs."""
        mean = sums / frames
        full = squares / frames - np.outer(mean, mean)
        return cls(frames, mean.astype(np.float32), full[np.triu_indices(len(mean))].astype(np.float32))
