"""Real numbers as integers: `real = scale * (q - zero_point)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Granularity = Literal["per-row", "per-gate"]
"""`per-row`: every row of a matrix has its own scale (more accurate). `per-gate`: the rows of one gate share
one, dense layers have one for all rows: what TFLite's fused operator can hold."""


@dataclass(frozen=True)
class Affine:
    """Quantization of an int8 activation."""

    scale: np.float32
    zero_point: int  # -128 to 127


def affine_from_range(low: float, high: float) -> Affine:
    """The int8 quantization of [low, high] widened to include 0, so that 0 has an exact code."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / 255)
    if not scale > np.finfo(np.float32).tiny:
        scale = np.float32(1 / 255)
    return Affine(scale, int(np.clip(round(-128 - low / float(scale)), -128, 127)))
