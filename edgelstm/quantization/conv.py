"""The integer convolution: a dense product over each window of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import Conv, Shape
from edgelstm.layers.layer import Activation, Floats
from edgelstm.layers.padding import padded
from edgelstm.model import Ranges
from edgelstm.quantization.affine import Affine, Granularity, affine_from_range
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
class QuantizedConv(DenseProduct):
    kind = "conv"
    takes_wide = True

    layer: Conv  # for its shape: taps, stride, dilation
    W: NDArray[np.int8]  # (outputs, taps · channels)
    bias: NDArray[np.int32]  # (outputs,), in units of input.scale * W_scale
    W_scale: NDArray[np.float32]  # (outputs,); all equal when per-gate
    input: Affine
    output: Affine

    @property
    def activation(self) -> Activation:
        return self.layer.activation

    def walker(self, batch: int, source: Shape) -> Walker:  # noqa: ARG002 - it has no state
        return _Walker(self, source)


def columns(layer: Conv, at: Placed, x: Floats, states: Mapping[str, Floats]) -> Floats:  # noqa: ARG001
    """What meets its weights (runs · rows, n), from its input x (runs, values) in one sequence."""
    rows = padded(x.reshape(len(x), 1, at.source.rows, at.source.channels), layer.before, layer.after, layer.fill)
    return rows[:, 0, layer.windows(at.source)].reshape(-1, layer.columns)


def quantize(
    layer: Conv,
    at: Placed,
    x: Affine,
    ranges: Ranges,
    granularity: Granularity,
    inputs: Inputs | None,
    four_bits: bool = False,
) -> QuantizedConv:
    """`layer` in integers over inputs of the affine `x`."""
    groups = 1 if granularity == "per-gate" else len(layer.b)
    (W,) = fitted((scaled(layer.matrix, groups, smallest_scale(layer.b, x, layer.columns), four_bits),), inputs)
    (codes,), gained = rounded((W,), inputs)
    bias = quantize_bias(layer.b + gained, x, W.scale)
    return QuantizedConv(layer, codes, bias, W.scale, x, affine_from_range(*ranges[at.name]), four_bits=four_bits)


class _Walker(Walker):
    def __init__(self, layer: QuantizedConv, source: Shape):
        self.layer, self.source = layer, source
        self.windows = layer.layer.windows(source)

    def run(self, x: Int64) -> IntegerRun:
        layer = self.layer
        conv, zero = layer.layer, layer.input.zero_point
        rows = (x - zero).astype(np.float64).reshape(*x.shape[:2], self.source.rows, self.source.channels)
        seen = padded(rows, conv.before, conv.after, conv.fill)[:, :, self.windows]
        side_by_side = seen.reshape(*seen.shape[:3], layer.W.shape[1]).astype(np.int64)
        sums = product(layer.W, side_by_side, 0) + layer.bias
        size = len(self.windows) * layer.outputs
        return IntegerRun(layer.finished(sums, conv.activation).reshape(*x.shape[:2], size))
