"""A float32 model as ONNX: standard operators only, the state as inputs and outputs.

Opset 17 with IR 8, which onnxruntime reads since 1.15. Float in, float out; normalization is inside.

| input         | shape              | output            | shape              |
|---------------|--------------------|-------------------|--------------------|
| `x`           | (frames, features) | `scores`          | (frames, outputs)  |
| `h0`, `c0`, … | (1, 1, units)      | `h0_out`, `c0_out`, … | (1, 1, units)  |
|               |                    | `probabilities`   | (frames, outputs); not for linear models |

`frames` is any number from 1: with 0, onnxruntime spoils the state. Start with zeros; feed each `h0_out` back
as `h0`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.export.form import FloatForm
from edgelstm.export.onnx.graph import Graph
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Model


def encode(model: Model) -> bytes:
    """The bytes of the `.onnx` file, checked by onnx's own checker. The same model gives the same bytes."""
    graph = Graph(model, "float32")
    return graph.encode(build(graph, _lstm), frames="frames")


def build(graph: Graph, lstm: Callable[[Graph, int, LSTM, str], str]) -> list[str]:
    """The graph's model, with `lstm` for every layer, as `_lstm` here; returns the results' names."""
    model = graph.model
    flow = graph.node("Sub", "x", graph.constant("mean", model.normalize.mean), to="centred")
    flow = graph.node("Div", flow, graph.constant("std", model.normalize.std), to="normalized")
    flow = graph.node("Unsqueeze", flow, graph.constant("axis", np.array([1], np.int64)), to="sequence")
    for n, layer in enumerate(model.lstms):
        flow = lstm(graph, n, layer, flow)
    flow = graph.node("Squeeze", flow, "axis", to="hidden")
    for n, dense in enumerate(model.head):
        flow = _dense(graph, n, dense, flow, last=n == len(model.head) - 1)
    return [flow, *graph.probabilities(flow)]


def to_iofc(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gates stacked i, f, g, o → the format's order i, o, f, c."""
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, o, f, g])


def _lstm(graph: Graph, n: int, layer: LSTM, x: str) -> str:
    """Layer `n` over `x` (frames, 1, inputs) → (frames, 1, units); its states are listed."""
    H = layer.units
    both = np.concatenate([to_iofc(layer.b), np.zeros(4 * H, np.float32)])
    W = graph.constant(f"W{n}", to_iofc(layer.W)[None])
    R = graph.constant(f"R{n}", to_iofc(layer.R)[None])
    B = graph.constant(f"B{n}", both[None])
    for letter in "hc":
        graph.state(f"{letter}{n}", (1, 1, H))
    # hidden_size must be stated: without it the checker passes and the engine fails.
    inputs = (x, W, R, B, "", f"h{n}", f"c{n}")
    y, _, _ = graph.nodes_of("LSTM", inputs, [f"y{n}", f"h{n}_out", f"c{n}_out"], hidden_size=H)
    return graph.node("Squeeze", y, "axis", to=f"sequence{n}")


def _dense(graph: Graph, n: int, layer: Dense, x: str, *, last: bool) -> str:
    """Layer `n` of the head over `x` (frames, inputs) → (frames, outputs)."""
    W, b = graph.constant(f"dense{n}_W", layer.W), graph.constant(f"dense{n}_b", layer.b)
    y = graph.node("Gemm", x, W, b, to="scores" if last else f"dense{n}", transB=1)
    return graph.node("Relu", y, to=f"relu{n}") if layer.activation == "relu" else y


FORM = FloatForm(
    format="onnx",
    name="float32",
    engine="onnxruntime",
    state="inputs h0, c0, … and outputs h0_out, c0_out, …; starts with zeros",
    choose="for other people's tools: standard operators, any number of frames per call",
    beware="a call with 0 frames spoils the state",
    kinds=("lstm", "dense"),
    write=encode,
    computes=Float32,
)
