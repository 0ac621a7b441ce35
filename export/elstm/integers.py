"""What layers of integers have in common in a file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.elstm.blocks import blocks, packed, records
from edgelstm.quantization.affine import Affine
from edgelstm.quantization.layer import QuantizedLayer
from edgelstm.quantization.matrix import Multipliers
from edgelstm.quantization.weighted import DenseProduct


def affines(x: Affine, y: Affine) -> dict[str, Any]:
    return {
        "input_zero_point": x.zero_point,
        "output_zero_point": y.zero_point,
        "output_scale": float(y.scale),
    }


def codes(values: NDArray[np.signedinteger[Any]] | None) -> bytes:
    """Little-endian; none for none."""
    return b"" if values is None else values.astype(values.dtype.newbyteorder("<")).tobytes()


def matrix_rows(bias: NDArray[np.int32], W: NDArray[np.int8], by: Multipliers, gates: int = 1) -> bytes:
    fields = {"bias": bias, "sum_w": W.sum(axis=1, dtype=np.int32), "multiplier_w": by.mantissa, "shift_w": by.shift}
    return records(fields, gates).tobytes()


def integer_blocks(layer: QuantizedLayer, weights: NDArray[np.int8], gates: int = 1) -> NDArray[Any]:
    made = blocks(weights, gates)
    return packed(made) if layer.four_bits else made


def product_rows(layer: DenseProduct) -> bytes:
    return matrix_rows(layer.bias, layer.W, to_reals(layer) if layer.gives_floats else layer.multipliers)


def to_reals(layer: DenseProduct) -> Multipliers:
    """Of scores, and of results that are float32: int32 sums times a float32 scale."""
    scales = layer.score_scales.astype("<f4").view("<i4")
    return Multipliers(scales, np.zeros_like(scales))
