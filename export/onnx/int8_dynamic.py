"""int8 weights with float states, as ONNX: onnxruntime's own operator `DynamicQuantizeLSTM`, a scale for each row.

onnxruntime rounds x and h to 8 bits with one scale per call of the operator, so an answer would depend on how many
frames it takes, and on what else is in its batch. Hence one frame per call, or in models of stride s one operator for
each run of a layer; else as in `edgelstm.export.onnx.float32`. All other layers stay in float32.

The operator is of the domain `com.microsoft`, which the ONNX standard does not know; onnxruntime has it since 1.6.
There is none for a GRU.
"""

from __future__ import annotations

from edgelstm.export.arithmetic.int8_dynamic import Int8Dynamic
from edgelstm.export.form import WRITTEN_OUT, FloatForm
from edgelstm.export.onnx.float32 import build
from edgelstm.export.onnx.graph import Graph
from edgelstm.export.onnx.kinds import KINDS
from edgelstm.export.walk import writers_of
from edgelstm.model import Model


def encode(model: Model) -> bytes:
    """The bytes of the `.onnx` file. The same model gives the same bytes."""
    graph = Graph(model, "int8-dynamic")
    return graph.encode(build(graph, LAYERS, model.stride))


LAYERS = writers_of(KINDS, "int8-dynamic")

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
