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

from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.export.form import FLOAT_ERROR, FloatForm
from edgelstm.export.onnx.flow import Flow, Write, rows
from edgelstm.export.onnx.graph import Graph
from edgelstm.export.onnx.kinds import KINDS
from edgelstm.export.walk import extras_of, walk, writers_of
from edgelstm.model import Model


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
    scores = rows(graph, walk(graph, model.road, model.layers, layers, Flow(frames, flow)))
    return [scores, *graph.probabilities(scores)]


LAYERS = writers_of(KINDS, "float32")

FORM = FloatForm(
    format="onnx",
    name="float32",
    engine="onnxruntime",
    state="inputs h0, c0, … and outputs h0_out, c0_out, …; starts with zeros",
    errors=(FLOAT_ERROR,),
    choose="for other people's tools: standard operators; without a stride, any number of frames per call",
    beware="a call with 0 frames spoils the state",
    kinds=LAYERS,
    extras=extras_of(KINDS, "float32"),
    write=encode,
    computes=Float32,
)
