"""Integers as the numbers that they stand for, in float64: what references of rounding forms compute with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.quantization import Affine

Floats = NDArray[np.floating[Any]]

SIGMOID, TANH = Affine(np.float32(1 / 256), -128), Affine(np.float32(1 / 128), 0)
"""What engines want of the results of LOGISTIC and TANH."""

Ranges = Mapping[str, Affine]
"""Of one layer, by the name of the quantity, as its kind names what is inside."""


def real(codes: Floats, affine: Affine) -> Floats:
    return (codes - affine.zero_point) * float(affine.scale)


def rounded(values: Floats, affine: Affine) -> Floats:
    """To the nearest of the 256 values that `affine` has."""
    codes = np.rint(values.astype(np.float64) / float(affine.scale)) + affine.zero_point
    return real(np.clip(codes, -128, 127), affine)


def rows(integers: NDArray[np.int8] | NDArray[np.int32], scale: NDArray[np.float32]) -> Floats:
    """Rows of weights, or a bias for each."""
    return (integers.T.astype(np.float64) * scale.astype(np.float64)).T
