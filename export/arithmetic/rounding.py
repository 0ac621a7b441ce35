"""int8 weights of float layers, and values that engines round to 8 bits on the fly, in the plainest way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.dequantize import Floats


def rows_to_int8(
    weights: NDArray[np.float32], groups: int | None = None
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(rows, columns) → integers in [-127, 127] and a scale for each row: weights ≈ integers · scale.

    `groups`: number of equal blocks of rows that share a scale; left out, each row has its own.
    """
    largest = np.abs(weights).max(axis=1).reshape(groups or len(weights), -1)
    shared = np.repeat(largest.max(axis=1), largest.shape[1]) / np.float32(127)
    scale = np.where(shared > np.finfo(np.float32).tiny, shared, np.float32(1 / 127)).astype(np.float32)
    return np.clip(np.rint(weights / scale[:, None]), -127, 127).astype(np.int8), scale


@dataclass(frozen=True)
class Rounding:
    """How weights and what meets them become 8 bits."""

    groups: bool  # one scale for each gate, not for each row
    values: Callable[[Floats], Floats]

    def rows(self, weights: NDArray[np.float32], gates: int) -> Floats:
        integers, scale = rows_to_int8(weights, gates if self.groups else None)
        rounded: Floats = integers * scale.astype(np.float64)[:, None]
        return rounded


def _rounded(x: Floats) -> Floats:
    """To 256 values from the smallest of `x` to its largest, 0 among them."""
    low, high = np.minimum(x.min(), 0.0), np.maximum(x.max(), 0.0)
    scale = (high - low) / 255 or 1.0
    zero = np.rint(-low / scale)
    rounded: Floats = (np.clip(np.rint(x / scale) + zero, 0, 255) - zero) * scale
    return rounded


def _rounded_symmetrically(x: Floats) -> Floats:
    """To 255 values, as many below 0 as above."""
    scale = np.abs(x).max() / 127 or 1.0
    rounded: Floats = np.rint(x / scale) * scale
    return rounded


PER_ROW, PER_GATE = Rounding(False, _rounded), Rounding(True, _rounded_symmetrically)
