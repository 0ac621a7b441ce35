"""A dense layer in each form that holds it."""

from __future__ import annotations

import numpy as np

from edgelstm.export.tflite.graph import Operator, Tensor
from edgelstm.export.tflite.integers import IntegerWriter, activation, scales
from edgelstm.export.tflite.schema import ACTIVATION, Op
from edgelstm.export.tflite.writer import Writer
from edgelstm.export.walk import Kind
from edgelstm.layers import Dense
from edgelstm.layers.layer import Activation
from edgelstm.quantization import QuantizedDense
from edgelstm.road import Placed


def _fully_connected(x: Tensor, W: Tensor, bias: Tensor, y: Tensor, activation: Activation, version: int) -> Operator:
    options = {"FusedActivationFunction": ACTIVATION[activation]}
    return Operator(Op.FULLY_CONNECTED, (x, W, bias), (y,), version, options)


def _floats(writer: Writer, at: Placed, layer: Dense, x: Tensor) -> Tensor:
    """A dense layer in floats; the last gives `scores`."""
    W, b = Tensor.constant(f"{at.name}_W", layer.W), Tensor.constant(f"{at.name}_b", layer.b)
    y = Tensor("scores" if writer.is_last(at) else at.name, (_runs(x), layer.outputs), np.float32)
    writer.operators.append(_fully_connected(x, W, b, y, layer.activation, version=1))
    return y


def _runs(x: Tensor) -> int:
    """How many rows of values `x` has."""
    return int(np.prod(x.shape[:-1]))


def _integers(writer: IntegerWriter, at: Placed, layer: QuantizedDense, x: Tensor) -> Tensor:
    """A dense layer in int8; the last gives `scores8`, or `scores` where integers go out."""
    scale = scales(writer, layer.W_scale)
    W = Tensor.constant(f"{at.name}_W", layer.W, scale)
    b = Tensor.constant(f"{at.name}_b", layer.bias, layer.input.scale * scale)
    last = "scores" if writer.io == "int8" else "scores8"
    y = activation(last if writer.is_last(at) else at.name, (_runs(x), layer.outputs), layer.output)
    writer.operators.append(_fully_connected(x, W, b, y, layer.activation, version=4))
    return y


KIND = Kind(
    {
        **dict.fromkeys(("float32", "hybrid", "float32-explicit", "int8-dynamic"), _floats),
        **dict.fromkeys(("int8", "int8-explicit"), _integers),
    }
)
