"""The layers that imported models bring, in TFLite's primitive operators and float32.

A result of rows × channels lies flat between layers, (runs, rows · channels); here it is (runs, rows, channels) where
it has several rows. Parts of a result go by the layer's name and what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from edgelstm.export.tflite.graph import Operator, Tensor
from edgelstm.export.tflite.schema import Op
from edgelstm.export.tflite.writer import Write, Writer, reshaped
from edgelstm.export.walk import Kind
from edgelstm.layers import (
    L2,
    Activation,
    Add,
    Affine,
    Concat,
    Last,
    LayerNorm,
    Log,
    Magnitude,
    Mean,
    Multiply,
    Shape,
)
from edgelstm.layers.l2 import SHORTEST
from edgelstm.layers.log import LEAST
from edgelstm.road import Placed

_PLAIN = {"relu": Op.RELU, "tanh": Op.TANH, "sigmoid": Op.LOGISTIC}
_HARD = {"hard_sigmoid": 0.2, "hard_sigmoid6": 1 / 6}


class _Layer:
    """Writes the operators of one layer. x: what it takes."""

    def __init__(self, writer: Writer, at: Placed, x: Tensor):
        self.writer, self.at, self.runs = writer, at, x.shape[0]
        self.x = self.parted(x, at.source, "source")

    def parted(self, x: Tensor, shape: Shape, name: str) -> Tensor:
        sides = (self.runs, shape.rows, shape.channels)
        return x if shape.rows == 1 else reshaped(self.writer, x, self._new(name, sides))

    def given(self, y: Tensor) -> Tensor:
        """What the layer gives, from what it computed: flat, and by the name of the scores where it is the last."""
        name = "scores" if self.writer.is_last(self.at) else self.at.name
        return reshaped(self.writer, y, Tensor(name, (self.runs, self.at.result.size), np.float32))

    def add(self, name: str, op: Op, *inputs: Tensor, shape: Sequence[int] = (), **options: float) -> Tensor:
        y = self._new(name, shape or inputs[0].shape)
        self.writer.operators.append(Operator(op, inputs, (y,), 1, options))
        return y

    def mean(self, name: str, x: Tensor, side: int, keeps: bool = True) -> Tensor:
        sides = list(x.shape)
        sides[side] = 1
        axis = Tensor.constant(f"{self.at.name}_{name}_axis", np.array([side], np.int32))
        shape = sides if keeps else [*sides[:side], *sides[side + 1 :]]
        return self.add(name, Op.MEAN, x, axis, shape=shape, KeepDims=keeps)

    def constant(self, name: str, values: ArrayLike) -> Tensor:
        return Tensor.constant(f"{self.at.name}_{name}", np.asarray(values, np.float32))

    def _new(self, name: str, shape: Sequence[int]) -> Tensor:
        return Tensor(f"{self.at.name}_{name}", tuple(shape), np.float32)


def _activation(to: _Layer, layer: Activation) -> Tensor:
    if layer.function in _PLAIN:
        return to.add("each", _PLAIN[layer.function], to.x)
    if layer.function == "softmax":
        return to.add("each", Op.SOFTMAX, to.x, Beta=1.0)
    if layer.slope is not None:
        zero = to.constant("zero", 0)
        above, below = to.add("above", Op.MAXIMUM, to.x, zero), to.add("below", Op.MINIMUM, to.x, zero)
        return to.add("each", Op.ADD, above, to.add("sloped", Op.MUL, below, to.constant("slope", layer.slope)))
    x, low, high = to.x, layer.low, layer.high
    if layer.function in _HARD:
        x = to.add("steep", Op.MUL, x, to.constant("steepness", _HARD[layer.function]))
        x, low, high = to.add("raised", Op.ADD, x, to.constant("half", 0.5)), 0.0, 1.0
    held = to.add("held", Op.MAXIMUM, x, to.constant("low", low))
    return to.add("each", Op.MINIMUM, held, to.constant("high", high))


def _scaled(to: _Layer, x: Tensor, factor: ArrayLike, offset: ArrayLike) -> Tensor:
    scaled = to.add("scaled", Op.MUL, x, to.constant("factor", factor))
    return to.add("each", Op.ADD, scaled, to.constant("offset", offset))


def _affine(to: _Layer, layer: Affine) -> Tensor:
    return _scaled(to, to.x, layer.scale, layer.offset)


def _layer_norm(to: _Layer, layer: LayerNorm) -> Tensor:
    side = len(to.x.shape) - 1
    centred = to.add("centred", Op.SUB, to.x, to.mean("mean", to.x, side))
    spread = to.mean("variance", to.add("squared", Op.SQUARE, centred), side)
    root = to.add("root", Op.SQRT, to.add("raised", Op.ADD, spread, to.constant("epsilon", layer.epsilon)))
    return _scaled(to, to.add("normed", Op.DIV, centred, root), layer.gamma, layer.beta)


def _l2(to: _Layer, _: L2) -> Tensor:
    mean = to.mean("mean", to.add("squared", Op.SQUARE, to.x), len(to.x.shape) - 1)
    total = to.add("sum", Op.MUL, mean, to.constant("count", to.at.source.channels))
    length = to.add("length", Op.MAXIMUM, to.add("root", Op.SQRT, total), to.constant("shortest", SHORTEST))
    return to.add("each", Op.DIV, to.x, length)


def _log(to: _Layer, layer: Log) -> Tensor:
    raised = _scaled(to, to.x, layer.scale, layer.floor)
    return to.add("log", Op.LOG, to.add("held", Op.MAXIMUM, raised, to.constant("least", LEAST)))


def _mean(to: _Layer, layer: Mean) -> Tensor:
    if layer.over == "rows":
        return to.x if to.at.source.rows == 1 else to.mean("mean", to.x, 1, keeps=False)
    return to.mean("mean", to.x, len(to.x.shape) - 1)


def _last(to: _Layer, _: Last) -> Tensor:
    rows, channels = to.at.source.rows, to.at.source.channels
    if rows == 1:
        return to.x
    begin, size = (
        Tensor.constant(f"{to.at.name}_{name}", np.array(values, np.int32))
        for name, values in (("begin", (0, rows - 1, 0)), ("size", (to.runs, 1, channels)))
    )
    return to.add("newest", Op.SLICE, to.x, begin, size, shape=(to.runs, 1, channels))


def _magnitude(to: _Layer, _: Magnitude) -> Tensor:
    *sides, channels = to.x.shape
    half = (*sides, channels // 2)
    parts = tuple(Tensor(f"{to.at.name}_{name}", half, np.float32) for name in ("real", "imaginary"))
    axis = Tensor.constant(f"{to.at.name}_axis", np.array(len(sides), np.int32))
    to.writer.operators.append(Operator(Op.SPLIT, (axis, to.x), parts, 1, {"NumSplits": 2}))
    squares = [to.add(f"{name}_squared", Op.SQUARE, part) for name, part in zip(("real", "imaginary"), parts)]
    return to.add("each", Op.SQRT, to.add("power", Op.ADD, *squares))


def _beside(to: _Layer, parts: Sequence[Tensor], name: str) -> Tensor:
    sides = parts[0].shape[:-1]
    shape = (*sides, sum(part.shape[-1] for part in parts))
    return to.add(name, Op.CONCATENATION, *parts, shape=shape, Axis=len(sides))


def _joined(to: _Layer, layer: Add | Multiply, other: Tensor) -> Tensor:
    """With another result, whose one row stands for all, and whose channels repeat."""
    assert to.at.other is not None
    shape, times, y = to.at.other, to.at.source.channels // to.at.other.channels, other
    if to.at.source.rows > 1:
        sides = (to.runs, shape.rows, shape.channels)
        y = reshaped(to.writer, other, Tensor(f"{to.at.name}_other", sides, np.float32))
    y = _beside(to, [y] * times, "repeated") if times > 1 else y
    minus = isinstance(layer, Add) and layer.sign == "minus"
    return to.add("each", Op.SUB if minus else Op.ADD if isinstance(layer, Add) else Op.MUL, to.x, y)


def _concat(to: _Layer, _: Concat, other: Tensor) -> Tensor:
    assert to.at.other is not None
    return _beside(to, [to.x, to.parted(other, to.at.other, "other")], "each")


def _write(make: Callable[..., Tensor]) -> Write:
    def write(writer: Writer, at: Placed, layer: object, x: Tensor, *others: Tensor) -> Tensor:
        to = _Layer(writer, at, x)
        return to.given(make(to, layer, *others))

    return write


ONLY_FLOATS: Mapping[str, Write] = {
    "activation": _write(_activation),
    "add": _write(_joined),
    "affine": _write(_affine),
    "concat": _write(_concat),
    "l2": _write(_l2),
    "last": _write(_last),
    "layer_norm": _write(_layer_norm),
    "log": _write(_log),
    "magnitude": _write(_magnitude),
    "mean": _write(_mean),
    "multiply": _write(_joined),
}
KINDS = {name: Kind({"float32-explicit": write}) for name, write in ONLY_FLOATS.items()}
KINDS["add"] = replace(KINDS["add"], extras={"float32-explicit": ("sign",)})
