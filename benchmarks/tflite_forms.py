"""The project's own TFLite forms without the steps that normalize: nothing is to be normalized here, and peers get no
extra work."""

from __future__ import annotations

from dataclasses import replace

from edgelstm.export.tflite import explicit, fused
from edgelstm.export.tflite.graph import Graph, encode
from edgelstm.export.tflite.schema import Op
from edgelstm.model import Model
from edgelstm.quantization import quantize


def tflite(model: Model, form: str) -> bytes:
    """The file of the form that `edgelstm export --list` names so; one call takes one frame."""
    return encode(_without_normalizing(_build(model, form)))


def _build(model: Model, form: str) -> Graph:
    if form == "int8":
        return fused.build_int8(quantize(model, "per-gate"))
    if form == "int8-explicit":
        return explicit.build_int8(quantize(model))
    floats = {
        "float32": fused.build_float32,
        "hybrid": fused.build_hybrid,
        "float32-explicit": explicit.build_float32,
        "int8-dynamic": explicit.build_int8_dynamic,
    }
    return floats[form](model)


def _without_normalizing(graph: Graph) -> Graph:
    one, two, taker, *rest = graph.operators
    assert {one.op, two.op} == {Op.ADD, Op.MUL}
    x, normalized = graph.inputs[0], two.outputs[0]
    taker = replace(taker, inputs=tuple(x if tensor is normalized else tensor for tensor in taker.inputs))
    return replace(graph, operators=(taker, *rest))
