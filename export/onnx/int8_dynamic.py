"""int8 weights with float states, as ONNX: onnxruntime's own operator `DynamicQuantizeLSTM`, a scale for each row.

onnxruntime rounds x and h to 8 bits with one scale per call, so an answer would depend on how many frames a call
takes, and on what else is in its batch. Hence one frame per call: `x` (1, features), else as in
`edgelstm.export.onnx.float32`. The head stays in float32.

The operator is of the domain `com.microsoft`, which the ONNX standard does not know; onnxruntime has it since 1.6.
"""

from __future__ import annotations

import numpy as np

from edgelstm.export.arithmetic.int8_dynamic import Int8Dynamic, rows_to_int8
from edgelstm.export.form import FloatForm
from edgelstm.export.onnx.float32 import build, to_iofc
from edgelstm.export.onnx.graph import Graph
from edgelstm.export.onnx.integers import RAISED, raised_weights
from edgelstm.layers import LSTM
from edgelstm.model import Model


def encode(model: Model) -> bytes:
    """The bytes of the `.onnx` file. The same model gives the same bytes."""
    graph = Graph(model, "int8-dynamic")
    return graph.encode(build(graph, _lstm))


def _lstm(graph: Graph, n: int, layer: LSTM, x: str) -> str:
    """Layer `n` over `x` (1, 1, inputs) → (1, 1, units); its states are listed."""
    H = layer.units
    both = np.concatenate([to_iofc(layer.b), np.zeros(4 * H, np.float32)])
    # The operator takes columns where LSTM takes rows. As uint8, 128 more than int8: on x86 without VNNI, products of
    # uint8 and int8 saturate.
    zeros = graph.constant(f"zeros{n}", np.full((1, 4 * H), RAISED, np.uint8))
    weights, factors = [], []
    for name, matrix in (("W", layer.W), ("R", layer.R)):
        integers, scale = rows_to_int8(to_iofc(matrix))
        weights.append(graph.constant(f"{name}{n}", raised_weights(integers)[None]))
        factors += [graph.constant(f"{name}{n}_scale", scale[None]), zeros]
    for letter in "hc":
        graph.state(f"{letter}{n}", (1, 1, H))
    inputs = (x, *weights, graph.constant(f"B{n}", both[None]), "", f"h{n}", f"c{n}", "", *factors)
    results = [f"y{n}", f"h{n}_out", f"c{n}_out"]
    graph.nodes_of("DynamicQuantizeLSTM", inputs, results, domain="com.microsoft", hidden_size=H)
    return graph.node("Squeeze", results[0], "axis", to=f"sequence{n}")


FORM = FloatForm(
    format="onnx",
    name="int8-dynamic",
    engine="onnxruntime",
    state="inputs h0, c0, … and outputs h0_out, c0_out, …, float32; starts with zeros",
    choose="the fastest and smallest in onnxruntime",
    beware="one frame per call; an operator of onnxruntime alone; other versions may round otherwise",
    kinds=("lstm", "dense"),
    write=encode,
    computes=Int8Dynamic,
)
