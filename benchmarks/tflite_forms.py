"""The project's own TFLite forms without the steps that normalize: nothing is to be normalized here, and peers get no
extra work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from edgelstm.export.tflite import explicit, fused
from edgelstm.export.tflite.graph import Graph, Tensor, encode
from edgelstm.export.tflite.schema import Op
from edgelstm.model import Model
from edgelstm.quantization import quantize


def tflite(model: Model, form: str) -> bytes:
    """The file of the form that `edgelstm export --list` names so; one call takes one frame."""
    return encode(_without_normalizing(_build(model, form)))


def tflite_sequence(model: Model, form: str, frames: int) -> bytes:
    """The same of a fused form; one call takes `frames` frames."""
    return encode(_stretched(_without_normalizing(_build(model, form)), frames))


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


def _stretched(graph: Graph, frames: int) -> Graph:
    """What flows has a row for each frame; states and what is constant stay."""
    stretched = {
        tensor: replace(tensor, shape=(*tensor.shape[:-2], frames, tensor.shape[-1]))
        for tensor in graph.tensors()
        if tensor.data is None and not tensor.variable and len(tensor.shape) > 1
    }

    def of(tensors: Sequence[Tensor | None]) -> tuple[Any, ...]:
        return tuple(tensor if tensor is None else stretched.get(tensor, tensor) for tensor in tensors)

    operators = tuple(
        replace(one, inputs=of(one.inputs), outputs=of(one.outputs), intermediates=of(one.intermediates))
        for one in graph.operators
    )
    return replace(graph, operators=operators, inputs=of(graph.inputs), outputs=of(graph.outputs))
