"""The integer dense layer: int8 products, int32 sums; int8 results if hidden, float32 scores if last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import Dense, Shape
from edgelstm.layers.layer import Activation, Floats
from edgelstm.model import Ranges
from edgelstm.quantization import exact
from edgelstm.quantization.affine import Affine, Granularity, affine_from_range
from edgelstm.quantization.exact import Float32, clamp
from edgelstm.quantization.float_layer import MOST, computing
from edgelstm.quantization.int16_layers import Int16Layer, one_product
from edgelstm.quantization.kind import Kind
from edgelstm.quantization.layer import Int64, IntegerRun, Walker
from edgelstm.quantization.matrix import (
    product,
    quantize_bias,
    scaled,
    smallest_scale,
)
from edgelstm.quantization.rounding import Inputs, fitted, rounded
from edgelstm.quantization.weighted import DenseProduct
from edgelstm.road import Placed


@dataclass(frozen=True, eq=False)
class QuantizedDense(DenseProduct):
    """One integer dense layer. A model's last gives float32 scores from its int32 sums in `.elstm` and ONNX."""

    kind = "dense"

    W: NDArray[np.int8]  # (outputs, inputs)
    bias: NDArray[np.int32]  # (outputs,), in units of input.scale * W_scale
    W_scale: NDArray[np.float32]  # (outputs,); all equal when per-gate
    input: Affine
    output: Affine  # int8 results of a hidden layer; for the last layer, the int8 scores of TFLite's form
    activation: Activation

    def sums(self, x: Int64) -> Int64:
        """int8 codes (…, inputs) → int32 sums (…, outputs)."""
        return product(self.W, x, self.input.zero_point) + self.bias

    def walker(self, batch: int, source: Shape) -> Walker:  # noqa: ARG002 - it has no state
        return _Walker(self)


def columns(layer: Dense, at: Placed, x: Floats, states: Mapping[str, Floats]) -> Floats:  # noqa: ARG001
    """What meets its weights (runs, n), from its input x (runs, values) in one sequence."""
    return x


def quantize(
    layer: Dense,
    at: Placed,
    x: Affine,
    ranges: Ranges,
    granularity: Granularity,
    inputs: Inputs | None,
    four_bits: bool = False,
) -> QuantizedDense:
    """`layer` in integers over inputs of the affine `x`."""
    groups = 1 if granularity == "per-gate" else len(layer.b)
    (W,) = fitted((scaled(layer.W, groups, smallest_scale(layer.b, x, layer.inputs), four_bits),), inputs)
    (codes,), gained = rounded((W,), inputs)
    output = affine_from_range(*ranges[at.name])
    return QuantizedDense(
        codes, quantize_bias(layer.b + gained, x, W.scale), W.scale, x, output, layer.activation, four_bits=four_bits
    )


class _Walker(Walker):
    def __init__(self, layer: QuantizedDense):
        self.layer = layer

    def run(self, x: Int64) -> IntegerRun:
        return IntegerRun(self.layer.finished(self.layer.sums(x), self.layer.activation))


def _in_floats(layer: Dense, x: Float32) -> Float32:
    sums = exact.product(layer.W, x.reshape(*x.shape[:2], 1, -1), layer.b)
    return clamp(sums, 0.0, MOST) if layer.activation == "relu" else sums


def _in_16_bits(at: Placed) -> Int16Layer:
    dense = at.layer
    assert isinstance(dense, Dense)
    return one_product(at, dense.W, dense.b, dense.activation)


KIND = Kind(computing(_in_floats), quantize, columns, _in_16_bits, takes_wide=True)
