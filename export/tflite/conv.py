"""A convolution in each form that holds it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgelstm.export.tflite.graph import Tensor
from edgelstm.export.tflite.integers import IntegerWriter, activation, scales
from edgelstm.export.tflite.schema import ACTIVATION, VALID, Op
from edgelstm.export.tflite.writer import Value, Writer, reshaped
from edgelstm.export.walk import Kind
from edgelstm.layers import Conv
from edgelstm.quantization import QuantizedConv
from edgelstm.road import Placed


def _convolved(
    writer: Writer, at: Placed, layer: Conv, x: Tensor, weights: tuple[Tensor, Tensor], value: Value, version: int = 1
) -> Tensor:
    """x (runs, rows · channels) as pictures one column wide, through CONV_2D.

    weights: W (outputs, taps, 1, channels) and its bias. `value` makes tensors of the result's type.
    """
    source = replace(x, name=f"{at.name}_source", shape=(x.shape[0], at.source.rows, 1, at.source.channels))
    picture = reshaped(writer, x, source)
    options = {
        "Padding": VALID,
        "StrideW": 1,
        "StrideH": layer.stride,
        "FusedActivationFunction": ACTIVATION[layer.activation],
        "DilationWFactor": 1,
        "DilationHFactor": layer.dilation,
    }
    y = value(f"{at.name}_picture", (x.shape[0], at.result.rows, 1, at.result.channels))
    writer.add(Op.CONV_2D, (picture, *weights), y, version=version, **options)
    return reshaped(writer, y, value(at.name, (x.shape[0], at.result.size)))


def _floats(writer: Writer, at: Placed, layer: Conv, x: Tensor) -> Tensor:
    """A convolution in floats."""
    W = Tensor.constant(f"{at.name}_W", layer.W[:, :, None])
    b = Tensor.constant(f"{at.name}_b", layer.b)
    return _convolved(writer, at, layer, x, (W, b), lambda name, shape: Tensor(name, shape, np.float32))


def _integers(writer: IntegerWriter, at: Placed, layer: QuantizedConv, x: Tensor) -> Tensor:
    """A convolution in int8."""
    scale, conv = scales(writer, layer.W_scale), layer.layer
    integers = layer.W.reshape(conv.outputs, conv.taps, 1, conv.channels)
    W = Tensor.constant(f"{at.name}_W", integers, scale)
    b = Tensor.constant(f"{at.name}_b", layer.bias, layer.input.scale * scale)
    return _convolved(
        writer, at, conv, x, (W, b), lambda name, shape: activation(name, shape, layer.output), version=3
    )


KIND = Kind({"float32-explicit": _floats, "int8-dynamic": _floats, "int8-explicit": _integers})
