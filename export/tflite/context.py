"""A context in each form that holds it."""

from __future__ import annotations

import numpy as np

from edgelstm.export.tflite.graph import Tensor
from edgelstm.export.tflite.integers import activation
from edgelstm.export.tflite.schema import Op
from edgelstm.export.tflite.writer import Value, Writer, joined, reshaped, version_of
from edgelstm.export.walk import Kind
from edgelstm.layers import Context
from edgelstm.quantization.context import QuantizedContext
from edgelstm.road import Placed


def _newest(writer: Writer, at: Placed, layer: Context, x: Tensor, value: Value) -> Tensor:
    """The newest rows side by side. Its state is those that the next call needs."""
    size, kept, came = at.source.size, layer.rows - layer.hop, x.shape[0]
    if kept:
        ((past, _), *_) = at.parts
        before = value(past, (kept, size))
        x = joined(writer, (before, x), value(f"{at.name}_joined", (kept + came, size)))
        newest = _slice(writer, x, came, value(f"{past}_out", (kept, size)))
        writer.states.append((before, newest))
    runs, width = came // layer.hop, layer.rows * size
    if runs > 1:  # one run takes all rows there are
        numbers = layer.hop * np.arange(runs, dtype=np.int32)[:, None] + np.arange(layer.rows, dtype=np.int32)
        places = Tensor.constant(f"{at.name}_places", numbers.astype(np.int32))
        seen = value(f"{at.name}_rows", (runs, layer.rows, size))
        x = writer.add(Op.GATHER, (x, places), seen, version=version_of(x))
    return reshaped(writer, x, value(at.name, (runs, width)))


def _slice(writer: Writer, x: Tensor, first: int, y: Tensor) -> Tensor:
    """Rows of `x` from `first`, as many as `y` has."""
    begin, size = (
        Tensor.constant(f"{y.name}_{name}", np.array(values, np.int32))
        for name, values in (("begin", (first, 0)), ("size", y.shape))
    )
    return writer.add(Op.SLICE, (x, begin, size), y, version=version_of(x))


def _floats(writer: Writer, at: Placed, layer: Context, x: Tensor) -> Tensor:
    return _newest(writer, at, layer, x, lambda name, shape: Tensor(name, shape, np.float32))


def _integers(writer: Writer, at: Placed, layer: QuantizedContext, x: Tensor) -> Tensor:
    return _newest(writer, at, layer.layer, x, lambda name, shape: activation(name, shape, layer.input))


KIND = Kind({"float32-explicit": _floats, "int8-dynamic": _floats, "int8-explicit": _integers})
