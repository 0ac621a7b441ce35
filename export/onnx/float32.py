"""A float32 model as ONNX: standard operators only, the state as inputs and outputs.

Opset 17 with IR 8, which onnxruntime reads since 1.15. Float in, float out; normalization is inside.

| input         | shape              | output            | shape              |
|---------------|--------------------|-------------------|--------------------|
| `x`           | (frames, features) | `scores`          | (frames, outputs)  |
| `h0`, `c0`, … | (1, 1, units)      | `h0_out`, `c0_out`, … | (1, 1, units)  |
| `past0`, …    | (rows - hop, values) | `past0_out`, …  | (rows - hop, values) |
|               |                    | `probabilities`   | (frames, outputs); not for linear models |

`frames` is any number from 1: with 0, onnxruntime spoils the state. A model whose scores come every s-th frame takes
s frames per call, and gives one row of scores. Start with zeros; feed each `h0_out` back as `h0`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.export.form import FLOAT_ERROR, FloatForm
from edgelstm.export.onnx.flow import Flow, Write, context, is_last, joined, number, rows, sequence, walk, windows
from edgelstm.export.onnx.graph import Graph
from edgelstm.layers import GRU, LSTM, Conv, Dense
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
    H, n, x = layer.units, number(at), sequence(graph, flow)
    both = np.concatenate([to_iofc(layer.b), np.zeros(4 * H, np.float32)])
    W = graph.constant(f"W{n}", to_iofc(layer.W)[None])
    R = graph.constant(f"R{n}", to_iofc(layer.R)[None])
    B = graph.constant(f"B{n}", both[None])
    (h, _), (c, _) = at.parts
    for state in (h, c):
        graph.state(state, (1, 1, H))
    # hidden_size must be stated: without it the checker passes and the engine fails.
    y, _, _ = graph.nodes_of("LSTM", (x, W, R, B, "", h, c), [f"y{n}", f"{h}_out", f"{c}_out"], hidden_size=H)
    return Flow(flow.runs, sequence=graph.node("Squeeze", y, "axis", to=f"sequence{n}"))


def _gru(graph: Graph, at: Placed, layer: GRU, flow: Flow) -> Flow:
    """The format's gates are ours, in the same order: z, r, h."""
    H, name, x = layer.units, at.name, sequence(graph, flow)
    both = np.concatenate([layer.b, np.zeros(2 * H, np.float32), layer.rb])
    stored = {"W": layer.W, "R": layer.R, "B": both}
    weights = [graph.constant(f"{name}_{key}", array[None]) for key, array in stored.items()]
    ((h, _),) = at.parts
    graph.state(h, (1, 1, H))
    after = int(layer.reset == "after")
    results = [f"{name}_y", f"{h}_out"]
    y, _ = graph.nodes_of("GRU", (x, *weights, "", h), results, hidden_size=H, linear_before_reset=after)
    return Flow(flow.runs, sequence=graph.node("Squeeze", y, "axis", to=f"{name}_sequence"))


def _conv(graph: Graph, at: Placed, layer: Conv, flow: Flow) -> Flow:
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


LAYERS: Mapping[str, Write] = {"lstm": _lstm, "gru": _gru, "context": context, "conv": _conv, "dense": _dense}

FORM = FloatForm(
    format="onnx",
    name="float32",
    engine="onnxruntime",
    state="inputs h0, c0, … and outputs h0_out, c0_out, …; starts with zeros",
    errors=(FLOAT_ERROR,),
    choose="for other people's tools: standard operators; without a stride, any number of frames per call",
    beware="a call with 0 frames spoils the state",
    kinds=LAYERS,
    write=encode,
    computes=Float32,
)
