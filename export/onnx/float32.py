"""A float32 model as ONNX: standard operators only, the state as inputs and outputs.

Opset 17 with IR 8, which onnxruntime reads since 1.15. Float in, float out; normalization is inside.

| input         | shape              | output            | shape              |
|---------------|--------------------|-------------------|--------------------|
| `x`           | (frames, features) | `scores`          | (frames, outputs)  |
| `h0`, `c0`, … | (1, 1, units)      | `h0_out`, `c0_out`, … | (1, 1, units)  |
| `past0`, …    | (rows - new rows, values) | `past0_out`, … | the same          |
|               |                    | `probabilities`   | (frames, outputs); not for linear models |

`frames` is any number from 1: with 0, onnxruntime spoils the state. A model whose scores come every s-th frame takes
s frames per call, and gives one row of scores. Start with zeros; feed each `h0_out` back as `h0`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.export.form import FLOAT_ERROR, FloatForm
from edgelstm.export.onnx.float_layers import EXTRAS, FLOAT_LAYERS, padded_conv
from edgelstm.export.onnx.flow import (
    Flow,
    Write,
    axis,
    context,
    is_last,
    joined,
    number,
    rows,
    sequence,
    walk,
    whole,
    windows,
)
from edgelstm.export.onnx.graph import Graph
from edgelstm.layers import GRU, LSTM, Conv, Dense
from edgelstm.layers.functions import Candidate, Gate
from edgelstm.layers.layer import Activation
from edgelstm.model import Model
from edgelstm.road import Placed


def encode(model: Model) -> bytes:
    """The bytes of the `.onnx` file, checked by onnx's own checker. The same model gives the same bytes."""
    graph = Graph(model, "float32")
    if model.stride == 1:
        return graph.encode(build(graph, LAYERS, None), "frames")
    return graph.encode(build(graph, LAYERS, model.stride))


def build(graph: Graph, layers: Mapping[str, Write], frames: int | None) -> list[str]:
    """The graph's model over `frames` per call, None for any number; returns the results' names."""
    model = graph.model
    flow = graph.node("Sub", "x", graph.constant("mean", model.normalize.mean), to="centred")
    flow = graph.node("Div", flow, graph.constant("std", model.normalize.std), to="normalized")
    scores = rows(graph, walk(graph, model.layers, layers, Flow(frames, flow)))
    return [scores, *graph.probabilities(scores)]


def to_iofc(gates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gates stacked i, f, g, o → the format's order i, o, f, c."""
    i, f, g, o = np.split(gates, 4)
    return np.concatenate([i, o, f, g])


def _lstm(graph: Graph, at: Placed, layer: LSTM, flow: Flow) -> Flow:
    H, n = layer.units, number(at)
    both = np.concatenate([to_iofc(layer.b), np.zeros(4 * H, np.float32)])
    W = graph.constant(f"W{n}", to_iofc(layer.W)[None])
    R = graph.constant(f"R{n}", to_iofc(layer.R)[None])
    B = graph.constant(f"B{n}", both[None])
    functions = _functions(layer.gate, layer.candidate, layer.candidate)
    # hidden_size must be stated: without it the checker passes and the engine fails.
    return _recurrent(graph, at, flow, (W, R, B), f"y{n}", f"sequence{n}", hidden_size=H, **functions)


def _gru(graph: Graph, at: Placed, layer: GRU, flow: Flow) -> Flow:
    """The format's gates are ours, in the same order: z, r, h."""
    H, name = layer.units, at.name
    both = np.concatenate([layer.b, np.zeros(2 * H, np.float32), layer.rb])
    stored = {"W": layer.W, "R": layer.R, "B": both}
    weights = tuple(graph.constant(f"{name}_{key}", array[None]) for key, array in stored.items())
    settings = {"linear_before_reset": int(layer.reset == "after"), **_functions(layer.gate, layer.candidate)}
    return _recurrent(graph, at, flow, weights, f"{name}_y", f"{name}_sequence", hidden_size=H, **settings)


def _functions(*functions: Gate | Candidate) -> dict[str, Any]:
    """The attributes of other functions than usual; none where they are the usual ones."""
    if set(functions) <= {"sigmoid", "tanh"}:
        return {}
    names, numbers = zip(*(_FUNCTIONS[function] for function in functions))
    alphas, betas = zip(*(pair for pair in numbers if pair)) if any(numbers) else ((), ())
    given = {"activations": list(names)}
    return given | ({"activation_alpha": list(alphas), "activation_beta": list(betas)} if alphas else {})


_FUNCTIONS: Mapping[str, tuple[str, tuple[float, float] | None]] = {
    "sigmoid": ("Sigmoid", None),
    "hard_sigmoid": ("HardSigmoid", (0.2, 0.5)),
    "hard_sigmoid6": ("HardSigmoid", (1 / 6, 0.5)),
    "tanh": ("Tanh", None),
    "relu": ("Relu", None),
    "linear": ("Affine", (1.0, 0.0)),
}
"""The format's name, and alpha and beta of those that have them."""


def _recurrent(
    graph: Graph, at: Placed, flow: Flow, weights: tuple[str, ...], y: str, to: str, **attributes: Any
) -> Flow:
    """Its operator, one row after another; a layer that begins every frame anew takes frames as a batch."""
    layer = at.layer
    assert isinstance(layer, LSTM | GRU)
    runs, (operator, H) = layer.runs(at.source), (type(layer).__name__, layer.units)
    if not layer.carry:
        sides = whole(graph, [-1, runs, layer.inputs])
        x = graph.node("Reshape", rows(graph, flow), sides, to=f"{at.name}_source")
        x = graph.node("Transpose", x, to=f"{at.name}_rows", perm=[1, 0, 2])
        found = graph.node(operator, x, *weights, to=y, **attributes)  # (rows, 1, frames, units)
        found = graph.node("Squeeze", found, axis(graph), to=f"{at.name}_squeezed")
        found = graph.node("Transpose", found, to=f"{at.name}_turned", perm=[1, 0, 2])
        return Flow(flow.runs, graph.node("Reshape", found, whole(graph, [-1, runs * H]), to=to))
    x = sequence(graph, flow)
    if runs > 1:
        x = graph.node("Reshape", x, whole(graph, [-1, 1, layer.inputs]), to=f"{at.name}_rows")
    states = [name for name, _ in at.parts]
    for state in states:
        graph.state(state, (1, 1, H))
    results = [y, *(f"{state}_out" for state in states)]
    found, *_ = graph.nodes_of(operator, (x, *weights, "", *states), results, **attributes)
    if runs == 1:
        return Flow(flow.runs, sequence=graph.node("Squeeze", found, axis(graph), to=to))
    return Flow(flow.runs, graph.node("Reshape", found, whole(graph, [-1, runs * H]), to=to))


def _conv(graph: Graph, at: Placed, layer: Conv, flow: Flow) -> Flow:
    if {"groups", "before", "after"}.intersection(at.extras):
        return padded_conv(graph, at, layer, flow)
    name, x = at.name, windows(graph, at, layer, flow)
    y = _product(graph, name, x, layer.matrix, layer.b, f"{name}_each")
    return Flow(flow.runs, joined(graph, at, _activated(graph, y, layer.activation, f"{name}_relu")))


def _dense(graph: Graph, at: Placed, layer: Dense, flow: Flow) -> Flow:
    name = at.name
    y = _product(graph, name, rows(graph, flow), layer.W, layer.b, "scores" if is_last(graph, at) else name)
    return Flow(flow.runs, _activated(graph, y, layer.activation, f"relu{number(at)}"))


def _product(graph: Graph, name: str, x: str, W: NDArray[np.float32], b: NDArray[np.float32], to: str) -> str:
    weights, bias = graph.constant(f"{name}_W", W), graph.constant(f"{name}_b", b)
    return graph.node("Gemm", x, weights, bias, to=to, transB=1)


def _activated(graph: Graph, y: str, activation: Activation, to: str) -> str:
    return graph.node("Relu", y, to=to) if activation == "relu" else y


LAYERS: Mapping[str, Write] = {
    "lstm": _lstm,
    "gru": _gru,
    "context": context,
    "conv": _conv,
    "dense": _dense,
    **FLOAT_LAYERS,
}

FORM = FloatForm(
    format="onnx",
    name="float32",
    engine="onnxruntime",
    state="inputs h0, c0, … and outputs h0_out, c0_out, …; starts with zeros",
    errors=(FLOAT_ERROR,),
    choose="for other people's tools: standard operators; without a stride, any number of frames per call",
    beware="a call with 0 frames spoils the state",
    kinds=LAYERS,
    extras=EXTRAS,
    write=encode,
    computes=Float32,
)
