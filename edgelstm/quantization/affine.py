"""Real numbers as integers: `real = scale * (q - zero_point)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int8] | NDArray[np.int16]

InputCodes = Literal["int8", "int16"]
"""What frames become. int16: the first layer's products take 16-bit values; all else stays as it is."""

Granularity = Literal["per-row", "per-gate"]
"""`per-row`: every row of a matrix has its own scale (more accurate). `per-gate`: the rows of one gate share
one, dense layers have one for all rows: what TFLite's fused operator can hold."""


@dataclass(frozen=True)
class Affine:
    """Quantization of an int8 activation, or of an int16 input."""

    scale: np.float32
    zero_point: int  # -128 to 127; 0 in 16 bits
    bits: Literal[8, 16] = 8

    @property
    def lowest(self) -> int:
        return -(1 << self.bits - 1)

    @property
    def furthest(self) -> int:
        """Largest |q - zero point|."""
        return max(-1 - self.lowest - self.zero_point, self.zero_point - self.lowest)

    def of_reals(self, values: NDArray[np.floating[Any]]) -> Codes:
        """Real numbers → the codes nearest to them."""
        return self.codes(np.rint(values.astype(np.float64) / float(self.scale)) + self.zero_point)

    @property
    def inverse(self) -> np.float32:
        """Codes of a unit."""
        return np.float32(1) / self.scale

    def rounded(self, values: NDArray[np.float32]) -> NDArray[np.int64]:
        """float32 results of the layer before → codes: two float32 roundings, then ties to even."""
        places = values * self.inverse + np.float32(self.zero_point)
        return self.codes(np.rint(places)).astype(np.int64)

    def reals(self, codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Codes → float32 results for the layers behind."""
        found: NDArray[np.float32] = (codes - self.zero_point).astype(np.float32) * self.scale
        return found

    def codes(self, rounded: NDArray[np.floating[Any]]) -> Codes:
        """Whole numbers → the codes nearest to them."""
        clipped: NDArray[np.floating[Any]] = np.clip(rounded, self.lowest, -1 - self.lowest)
        return clipped.astype(np.int8) if self.bits == 8 else clipped.astype(np.int16)


def holds_nothing(low: float, high: float) -> bool:
    """Whether [low, high] is so small that no scale follows from it: `affine_from_range` makes one up."""
    return not np.float32((max(high, 0.0) - min(low, 0.0)) / 255) > np.finfo(np.float32).tiny


def affine_from_range(low: float, high: float) -> Affine:
    """The int8 quantization of [low, high] widened to include 0, so that 0 has an exact code."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32(1 / 255 if holds_nothing(low, high) else (high - low) / 255)
    return Affine(scale, int(np.clip(round(-128 - low / float(scale)), -128, 127)))


def around(span: tuple[float, float], values: NDArray[np.floating[Any]] | None) -> tuple[float, float]:
    """`span`, widened to hold `values` too."""
    if values is None:
        return span
    return min(span[0], float(values.min())), max(span[1], float(values.max()))


WIDE_HEADROOM = 4
"""An int16 input holds so many times the range that calibration found, since its bits suffice for what lies outside
it, too."""


def wide_affine_from_range(low: float, high: float) -> Affine:
    """The int16 quantization of [low, high], with headroom: symmetric, so that sums need no room for a zero point."""
    scale = np.float32(WIDE_HEADROOM * max(-low, high, 0.0) / ((1 << 15) - 1))
    if not scale > np.finfo(np.float32).tiny:
        scale = np.float32(2.0**-15)
    return Affine(scale, 0, 16)
