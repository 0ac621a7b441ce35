"""Products of int8 weights and int8 activations: what every layer with weights is made of.

Weights are symmetric (zero point 0) in [-127, 127], with a scale for each row or for each block of rows; biases are
int32 in units of the input's scale times the row's. Sums leave int32 by a multiplier for each row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.quantization.affine import Affine
from edgelstm.quantization.fixed_point import Multiplier, multiplier_from_real
from edgelstm.quantization.rounding import Scaled

Int64 = NDArray[np.int64]

GATE_FRACTION_BITS = 12
"""Gate pre-activations are int16 in Q3.12: one unit is 2^-12."""

BIAS_LIMIT = 1 << 28
"""Largest |bias| as an integer. A row whose bias dominates its weights gets a larger scale, so that bias and
products together stay inside int32 with room for zero points."""


@dataclass(frozen=True, eq=False)
class Multipliers:
    """One real factor per row as (mantissa, shift): see `fixed_point.multiplier_from_real`."""

    mantissa: NDArray[np.int32]  # (rows,)
    shift: NDArray[np.int32]  # (rows,)

    @classmethod
    def from_reals(cls, reals: NDArray[np.floating[Any]]) -> Multipliers:
        """ValueError where one is no number: products of weights and a scale that float32 does not hold."""
        over = np.flatnonzero(~np.isfinite(reals))
        if over.size:
            raise ValueError(f"row {over[0]}: weights so large that int8 cannot hold them, expected far smaller ones")
        pairs = np.array([multiplier_from_real(float(real)) for real in reals], np.int32).reshape(-1, 2)
        return cls(pairs[:, 0].copy(), pairs[:, 1].copy())

    def apply(self, sums: Int64) -> Int64:
        """`sums` (…, rows) scaled row by row."""
        return self._ready.times(sums)

    @cached_property
    def _ready(self) -> Multiplier:
        return Multiplier(self.mantissa, self.shift)


def gate_multipliers(scale: NDArray[np.float32], x: Affine) -> Multipliers:
    """From sums of int8 products to gate pre-activations in Q3.12. Formed in float32, in this order."""
    return Multipliers.from_reals((scale * x.scale) / np.float32(2.0**-GATE_FRACTION_BITS))


def result_multipliers(scale: NDArray[np.float32], x: Affine, output: Affine) -> Multipliers:
    """From sums of int8 products to int8 results of another scale."""
    effective = x.scale.astype(np.float64) * scale.astype(np.float64)
    return Multipliers.from_reals(effective / float(output.scale))


FOUR_BITS = 16
"""int8 weights of four bits are multiples of 16, -7·16 to 7·16: what is said of int8 weights holds for them, too."""


def scaled(
    weights: NDArray[np.float32], groups: int, smallest: NDArray[np.float64] | None = None, four_bits: bool = False
) -> Scaled:
    """As `with_scales`; of four bits, whose rows each have their own, as `with_four_bits`."""
    return with_four_bits(weights, smallest) if four_bits else with_scales(weights, groups, smallest)


def with_four_bits(weights: NDArray[np.float32], smallest: NDArray[np.float64] | None = None) -> Scaled:
    """Float weights and a scale for each row, which brings its largest to 7·16, for `fitted` to choose finer ones."""
    plain = with_scales(weights, len(weights), smallest)
    scale = plain.scale.astype(np.float64) * (127 / (FOUR_BITS * (127 // FOUR_BITS)))
    least = np.zeros(len(weights)) if smallest is None else smallest
    return Scaled(weights, scale.astype(np.float32), FOUR_BITS, least.astype(np.float32))


def with_scales(weights: NDArray[np.float32], groups: int, smallest: NDArray[np.float64] | None = None) -> Scaled:
    """Float weights and one float32 scale per row, which brings the largest of them to 127.

    `groups`: number of equal blocks of rows that share a scale; as many as rows = each its own.
    `smallest`: (rows,) floor of the scale.
    """
    rows = len(weights)
    largest = np.abs(weights).max(axis=1).astype(np.float64) / 127
    if smallest is not None:
        largest = np.maximum(largest, smallest)
    shared = np.repeat(largest.reshape(groups, -1).max(axis=1), rows // groups)
    # A row of zeros has no scale of its own; any positive one serves.
    return Scaled(weights, np.where(shared > np.finfo(np.float32).tiny, shared, 1 / 127).astype(np.float32))


def smallest_scale(bias: NDArray[np.float32], x: Affine, columns: int) -> NDArray[np.float64]:
    """(rows,) the scale below which a row's bias would leave its integers, or the room that 16-bit products of so
    many columns leave."""
    limit = BIAS_LIMIT if x.bits == 8 else min(BIAS_LIMIT, (1 << 31) - (1 << 20) - columns * 127 * (1 << 15))
    return np.abs(bias.astype(np.float64)) / (float(x.scale) * limit)


def quantize_bias(bias: NDArray[np.floating[Any]], x: Affine, scale: NDArray[np.float32]) -> NDArray[np.int32]:
    return np.rint(bias / (float(x.scale) * scale.astype(np.float64))).astype(np.int32)


def real_bias(bias: NDArray[np.int32], x: Affine, scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """A bias as the real numbers (rows,) that its integers stand for."""
    return (bias * (float(x.scale) * scale.astype(np.float64))).astype(np.float32)


def product(weights: NDArray[np.int8] | NDArray[np.float64], x: Int64, zero_point: int) -> Int64:
    """weights · (x - zero_point). Exact: the sums of a row stay below 2^53. Who multiplies often gives the weights'
    integers as float64."""
    return ((x - zero_point).astype(np.float64) @ weights.T.astype(np.float64, copy=False)).astype(np.int64)


def refuse_overflow(
    name: str, weights: NDArray[np.int8], x: Affine, by: Multipliers | None, bias: NDArray[np.int32]
) -> None:
    """The arithmetic shifts int32 sums left where a row's multiplier is larger than 1, and wraps. A trained model
    is far from that; one that could get there would answer wrongly without a word. ValueError, of `name`. No `by`:
    the sums become float32."""
    of_weights = np.abs(weights.astype(np.int64)).sum(axis=1)
    if x.bits == 16:  # the C core has no room for sums that other weights could reach
        of_weights = np.full(len(weights), 127 * weights.shape[1])
    largest = of_weights * x.furthest + np.abs(bias.astype(np.int64))
    left = 0 if by is None else np.maximum(by.shift, 0)
    over = np.flatnonzero(largest * 2.0**left >= 2.0**31)
    if over.size:
        raise ValueError(
            f"{name} row {over[0]}: weights or bias so large that int8 arithmetic could overflow, "
            "expected gate sums far below 100,000"
        )
