"""The project's own TFLite forms without the steps that normalize: nothing is to be normalized here, and peers get no
extra work."""

from __future__ import annotations

from dataclasses import replace

from edgelstm.export.tflite import explicit as tflite_explicit
from edgelstm.export.tflite import float32 as tflite_float32
from edgelstm.export.tflite import hybrid as tflite_hybrid
from edgelstm.export.tflite import int8 as tflite_int8
from edgelstm.export.tflite import int8_explicit as tflite_int8_explicit
from edgelstm.export.tflite.graph import Graph, Op, encode
from edgelstm.model import Model
from edgelstm.quantization import quantize


def tflite(model: Model, form: str) -> bytes:
    """The file of the form that `edgelstm export --list` names so; one call takes one frame."""
    return encode(_without_normalizing(_build(model, form)))


def _build(model: Model, form: str) -> Graph:
    if form == "int8":
        return tflite_int8.build(quantize(model, "per-gate"))
    if form == "int8-explicit":
        return tflite_int8_explicit.build(quantize(model))
    if form == "hybrid":
        return tflite_hybrid.build(model)
    if form == "float32":
        return tflite_float32.build(model)
    return tflite_explicit.build(model, "float32" if form == "float32-explicit" else "int8-dynamic")


def _without_normalizing(graph: Graph) -> Graph:
    one, two, taker, *rest = graph.operators
    assert {one.op, two.op} == {Op.ADD, Op.MUL}
    x, normalized = graph.inputs[0], two.outputs[0]
    taker = replace(taker, inputs=tuple(x if tensor is normalized else tensor for tensor in taker.inputs))
    return replace(graph, operators=(taker, *rest))
