"""The layers that imported models bring, and what they have beyond plain ones, as nodes of a float32 graph.

A result of rows × channels lies flat between layers, (runs, rows · channels); here it is (runs, rows, channels) where
it has several rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.onnx.flow import Flow, Write, is_last, mirrored, rows, whole
from edgelstm.export.onnx.graph import Graph
from edgelstm.export.walk import Kind
from edgelstm.layers import (
    L2,
    Activation,
    Add,
    Affine,
    Concat,
    InverseSpectrum,
    Last,
    LayerNorm,
    Log,
    Magnitude,
    Mean,
    Multiply,
    Shape,
    Spectrum,
)
from edgelstm.layers.l2 import SHORTEST
from edgelstm.layers.log import LEAST
from edgelstm.road import Placed

_PLAIN = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}
_HARD = {"hard_sigmoid": 0.2, "hard_sigmoid6": 1 / 6}


def _parted(graph: Graph, at: Placed, flow: Flow, shape: Shape, name: str = "source") -> str:
    """(runs, rows, channels), or (runs, channels) of one row."""
    x = rows(graph, flow)
    if shape.rows == 1:
        return x
    sides = whole(graph, [-1, shape.rows, shape.channels])
    return graph.node("Reshape", x, sides, to=f"{at.name}_{name}")


def _written(graph: Graph, at: Placed, flow: Flow, operator: str, *inputs: str, lies: int, **attributes: Any) -> Flow:
    """The last node of a layer. lies: rows of what it gives, (runs, rows, channels) where these are several."""
    end = "scores" if is_last(graph, at) else at.name
    y = graph.node(operator, *inputs, to=end if lies == 1 else f"{at.name}_each", **attributes)
    if lies > 1:
        y = graph.node("Reshape", y, whole(graph, [-1, at.result.size]), to=end)
    return Flow(flow.runs, y)


def _activation(graph: Graph, at: Placed, layer: Activation, flow: Flow) -> Flow:
    x, lies = _parted(graph, at, flow, at.source), at.source.rows
    if layer.function in _PLAIN:
        return _written(graph, at, flow, _PLAIN[layer.function], x, lies=lies)
    if layer.function in _HARD:
        return _written(graph, at, flow, "HardSigmoid", x, lies=lies, alpha=_HARD[layer.function], beta=0.5)
    if layer.function == "softmax":
        return _written(graph, at, flow, "Softmax", x, lies=lies, axis=-1)
    if layer.slope is not None:
        return _written(graph, at, flow, "PRelu", x, graph.constant(f"{at.name}_slope", layer.slope), lies=lies)
    limits = (graph.scalar(f"{at.name}_{name}", getattr(layer, name), np.float32) for name in ("low", "high"))
    return _written(graph, at, flow, "Clip", x, *limits, lies=lies)


def _affine(graph: Graph, at: Placed, layer: Affine, flow: Flow) -> Flow:
    scale, offset = (graph.constant(f"{at.name}_{name}", getattr(layer, name)) for name in ("scale", "offset"))
    x = graph.node("Mul", _parted(graph, at, flow, at.source), scale, to=f"{at.name}_scaled")
    return _written(graph, at, flow, "Add", x, offset, lies=at.source.rows)


def _layer_norm(graph: Graph, at: Placed, layer: LayerNorm, flow: Flow) -> Flow:
    weights = (graph.constant(f"{at.name}_{name}", getattr(layer, name)) for name in ("gamma", "beta"))
    x, lies = _parted(graph, at, flow, at.source), at.source.rows
    return _written(graph, at, flow, "LayerNormalization", x, *weights, lies=lies, axis=-1, epsilon=layer.epsilon)


def _l2(graph: Graph, at: Placed, _: L2, flow: Flow) -> Flow:
    x = _parted(graph, at, flow, at.source)
    length = graph.node("ReduceL2", x, to=f"{at.name}_length", axes=[-1], keepdims=1)
    held = graph.node("Max", length, graph.scalar("shortest", SHORTEST, np.float32), to=f"{at.name}_held")
    return _written(graph, at, flow, "Div", x, held, lies=at.source.rows)


def _log(graph: Graph, at: Placed, layer: Log, flow: Flow) -> Flow:
    scale, floor = (
        graph.scalar(f"{at.name}_{name}", getattr(layer, name), np.float32) for name in ("scale", "floor")
    )
    x = graph.node("Mul", rows(graph, flow), scale, to=f"{at.name}_scaled")
    x = graph.node("Add", x, floor, to=f"{at.name}_raised")
    x = graph.node("Max", x, graph.scalar("least_of_a_log", LEAST, np.float32), to=f"{at.name}_held")
    return _written(graph, at, flow, "Log", x, lies=1)


def _mean(graph: Graph, at: Placed, layer: Mean, flow: Flow) -> Flow:
    x, lies = _parted(graph, at, flow, at.source), at.source.rows
    if layer.over == "rows" and lies == 1:
        return _written(graph, at, flow, "Identity", x, lies=1)
    axis, keeps = (1, 0) if layer.over == "rows" else (-1, 1)
    lies = 1 if layer.over == "rows" else lies
    return _written(graph, at, flow, "ReduceMean", x, lies=lies, axes=[axis], keepdims=keeps)


def _last(graph: Graph, at: Placed, _: Last, flow: Flow) -> Flow:
    x = _parted(graph, at, flow, at.source)
    if at.source.rows == 1:
        return _written(graph, at, flow, "Identity", x, lies=1)
    newest = graph.constant(f"{at.name}_newest", np.array(at.source.rows - 1, np.int64))
    return _written(graph, at, flow, "Gather", x, newest, lies=1, axis=1)


def _magnitude(graph: Graph, at: Placed, _: Magnitude, flow: Flow) -> Flow:
    x, name = _parted(graph, at, flow, at.source), at.name
    parts = graph.nodes_of("Split", (x,), [f"{name}_real", f"{name}_imaginary"], axis=-1)
    squares = [graph.node("Mul", part, part, to=f"{part}_squared") for part in parts]
    return _written(graph, at, flow, "Sqrt", graph.node("Add", *squares, to=f"{name}_squared"), lies=at.source.rows)


def _joined(operator: str) -> Write:
    """Of x and another result, whose one row stands for all, and whose channels repeat."""

    def write(graph: Graph, at: Placed, layer: Add | Multiply, flow: Flow, other: Flow) -> Flow:
        assert at.other is not None
        name = "Sub" if isinstance(layer, Add) and layer.sign == "minus" else operator
        x = _parted(graph, at, flow, at.source)
        y, times = rows(graph, other), at.source.channels // at.other.channels
        if at.source.rows > 1:
            sides = whole(graph, [-1, at.other.rows, at.other.channels])
            y = graph.node("Reshape", y, sides, to=f"{at.name}_other")
        if times > 1:
            y = graph.node("Concat", *[y] * times, to=f"{at.name}_repeated", axis=-1)
        return _written(graph, at, flow, name, x, y, lies=at.source.rows)

    return write


def _concat(graph: Graph, at: Placed, _: Concat, flow: Flow, other: Flow) -> Flow:
    assert at.other is not None
    x, y = _parted(graph, at, flow, at.source), _parted(graph, at, other, at.other, "other")
    return _written(graph, at, flow, "Concat", x, y, lies=at.source.rows, axis=-1)


def _spectrum(graph: Graph, at: Placed, layer: Spectrum, flow: Flow) -> Flow:
    """A convolution over samples, whose weights are the transform's."""
    name, taper = at.name, 1.0 if layer.taper is None else layer.taper.astype(np.float64)
    x = graph.node("Reshape", rows(graph, flow), whole(graph, [-1, 1, at.source.size]), to=f"{name}_source")
    pads = [layer.before, layer.after]
    if layer.fill == "mirror" and any(pads):
        x, pads = mirrored(graph, at, x, [0, 0, pads[0], 0, 0, pads[1]]), [0, 0]
    basis = np.fft.rfft(np.eye(layer.size) * taper)  # (size, frequencies)
    W = np.concatenate([basis.real, basis.imag], axis=1).T[:, None].astype(np.float32)
    y = graph.node("Conv", x, graph.constant(f"{name}_W", W), to=f"{name}_each", strides=[layer.hop], pads=pads)
    if at.result.rows > 1:
        y = graph.node("Transpose", y, to=f"{name}_turned", perm=[0, 2, 1])
    return Flow(flow.runs, graph.node("Reshape", y, whole(graph, [-1, at.result.size]), to=name))


def _inverse_spectrum(graph: Graph, at: Placed, _: InverseSpectrum, flow: Flow) -> Flow:
    size, half = at.result.channels, at.source.channels // 2
    parts: NDArray[np.complex128] = np.concatenate([np.eye(half), 1j * np.eye(half)])
    W = np.fft.irfft(parts, size).astype(np.float32)  # (size + 2, size)
    x, lies = _parted(graph, at, flow, at.source), at.source.rows
    return _written(graph, at, flow, "MatMul", x, graph.constant(f"{at.name}_W", W), lies=lies)


FLOAT_LAYERS: Mapping[str, Write] = {
    "activation": _activation,
    "add": _joined("Add"),
    "affine": _affine,
    "concat": _concat,
    "inverse_spectrum": _inverse_spectrum,
    "l2": _l2,
    "last": _last,
    "layer_norm": _layer_norm,
    "log": _log,
    "magnitude": _magnitude,
    "mean": _mean,
    "multiply": _joined("Mul"),
    "spectrum": _spectrum,
}
KINDS = {name: Kind({"float32": write}) for name, write in FLOAT_LAYERS.items()}
KINDS["add"] = replace(KINDS["add"], extras={"float32": ("sign",)})
