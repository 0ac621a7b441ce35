"""int8 weights with float states, as ONNX: onnxruntime's own operator `DynamicQuantizeLSTM`, a scale for each row.

onnxruntime rounds x and h to 8 bits with one scale per call of the operator, so an answer would depend on how many
frames it takes, and on what else is in its batch. Hence one frame per call, or in models of stride s one operator for
each run of a layer; else as in `edgelstm.export.onnx.float32`. All other layers stay in float32.

The operator is of the domain `com.microsoft`, which the ONNX standard does not know; onnxruntime has it since 1.6.
There is none for a GRU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgelstm.export.arithmetic.int8_dynamic import Int8Dynamic, rows_to_int8
from edgelstm.export.form import WRITTEN_OUT, FloatForm
from edgelstm.export.onnx import float32
from edgelstm.export.onnx.float32 import build, to_iofc
from edgelstm.export.onnx.flow import Flow, Write, each_run, number, sequence
from edgelstm.export.onnx.graph import Graph
from edgelstm.export.onnx.integers import RAISED, raised_weights
from edgelstm.layers import LSTM
from edgelstm.model import Model
from edgelstm.road import Placed


def encode(model: Model) -> bytes:
    """The bytes of the `.onnx` file. The same model gives the same bytes."""
    graph = Graph(model, "int8-dynamic")
    return graph.encode(build(graph, LAYERS, model.stride))


def _lstm(graph: Graph, at: Placed, layer: LSTM, flow: Flow) -> Flow:
    H, n, x = layer.units, number(at), sequence(graph, flow)
    both = np.concatenate([to_iofc(layer.b), np.zeros(4 * H, np.float32)])
    # The operator takes columns where LSTM takes rows. As uint8, 128 more than int8: on x86 without VNNI, products of
    # uint8 and int8 saturate.
    zeros = graph.constant(f"zeros{n}", np.full((1, 4 * H), RAISED, np.uint8))
    weights, factors = [], []
    for name, matrix in (("W", layer.W), ("R", layer.R)):
        integers, scale = rows_to_int8(to_iofc(matrix))
        weights.append(graph.constant(f"{name}{n}", raised_weights(integers)[None]))
        factors += [graph.constant(f"{name}{n}_scale", scale[None]), zeros]
    bias = graph.constant(f"B{n}", both[None])
    states = [state for state, _ in at.parts]
    for state in states:
        graph.state(state, (1, 1, H))

    def step(x: str, before: Sequence[str]) -> tuple[str, Sequence[str]]:
        results = [f"y{n}", *(f"{state}_out" for state in states)]
        inputs = (x, *weights, bias, "", *before, "", *factors)
        y, *after = graph.nodes_of("DynamicQuantizeLSTM", inputs, results, domain="com.microsoft", hidden_size=H)
        return y, after

    runs = flow.runs or 1
    y = each_run(graph, at.name, x, runs, states, step)
    return Flow(runs, sequence=graph.node("Squeeze", y, "axis", to=f"sequence{n}"))


LAYERS: Mapping[str, Write] = {
    "lstm": _lstm,
    **{kind: float32.LAYERS[kind] for kind in ("context", "conv", "dense")},
}

FORM = FloatForm(
    format="onnx",
    name="int8-dynamic",
    engine="onnxruntime",
    state="inputs h0, c0, … and outputs h0_out, c0_out, …, float32; starts with zeros",
    errors=(0.01,),
    choose="the fastest and smallest in onnxruntime",
    beware="one frame per call; an operator of onnxruntime alone; other versions may round otherwise",
    kinds=LAYERS,
    limit=WRITTEN_OUT,
    write=encode,
    computes=Int8Dynamic,
)
