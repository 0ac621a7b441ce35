"""The integer convolution: a dense product over each window of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import Conv, Shape
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
class QuantizedConv(DenseProduct):
    kind = "conv"

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
    return layer.seen(x[:, None], at.source).reshape(-1, layer.columns)


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

    def run(self, x: Int64) -> IntegerRun:
        layer = self.layer
        conv, zero = layer.layer, layer.input.zero_point
        sums = product(layer.W, conv.seen(x - zero, self.source), 0) + layer.bias
        results = layer.finished(sums, conv.activation)
        return IntegerRun(results.reshape(*x.shape[:2], sums.shape[2] * layer.outputs))


def _in_floats(layer: Conv, x: Float32) -> Float32:
    """With groups: the sum of a row tap after tap, channel after channel, behind its bias."""
    low = 0.0 if layer.activation == "relu" else -MOST
    seen = layer.seen(x.reshape(*x.shape[:2], -1), Shape(x.shape[2], x.shape[3]))
    if layer.groups == 1:
        return clamp(exact.product(layer.matrix, seen, layer.b), low, MOST)
    seen = seen.reshape(*seen.shape[:3], layer.taps, layer.groups, -1)  # (runs, batch, rows, taps, groups, channels)
    each = layer.outputs // layer.groups
    sums = np.broadcast_to(layer.b, (*seen.shape[:3], layer.outputs))
    for tap in range(layer.taps):
        for channel in range(seen.shape[5]):
            sums = sums + layer.W[:, tap, channel] * np.repeat(seen[:, :, :, tap, :, channel], each, axis=-1)
    return clamp(sums, low, MOST)


def _in_16_bits(at: Placed) -> Int16Layer:
    conv = at.layer
    assert isinstance(conv, Conv)
    return one_product(at, conv.matrix, conv.b, conv.activation)


KIND = Kind(
    computing(_in_floats),
    quantize,
    columns,
    _in_16_bits,
    takes_wide=True,
    extras=("before", "after", "fill"),
    float_extras=("groups",),
)
