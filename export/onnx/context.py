"""A context as nodes, in each form that holds it."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgelstm.export.onnx.flow import Flow, axis, rows, whole
from edgelstm.export.onnx.graph import Graph
from edgelstm.export.onnx.integers import raised_zero_point
from edgelstm.export.walk import Kind
from edgelstm.layers import Context
from edgelstm.quantization.context import QuantizedContext
from edgelstm.road import Placed

_END = np.iinfo(np.int64).max


def _floats(graph: Graph, at: Placed, layer: Context, flow: Flow, dtype: str = "float32", **facts: Any) -> Flow:
    """The newest rows side by side. Its state is those that the next call needs; `facts` are for `Graph.state`."""
    x, width, brought = rows(graph, flow), at.result.channels, layer.brought(at.source)
    kept = layer.rows - layer.hop * brought
    if width != at.source.size:
        x = graph.node("Reshape", x, whole(graph, [-1, width]), to=f"{at.name}_brought")
    if kept:
        ((past, _), *_) = at.parts
        graph.state(past, (kept, width), dtype, **facts)
        x = graph.node("Concat", past, x, to=f"{at.name}_joined", axis=0)
        limits = (whole(graph, [-kept]), whole(graph, [_END]), whole(graph, [0]))
        graph.node("Slice", x, *limits, to=f"{past}_out")
    runs = None if flow.runs is None else flow.runs // layer.hop
    if runs != 1:  # one run takes all rows there are
        x = graph.node("Gather", x, _row_numbers(graph, at, layer, runs), to=f"{at.name}_rows", axis=0)
    return Flow(runs, graph.node("Reshape", x, whole(graph, [-1, layer.rows * width]), to=at.name))


def _row_numbers(graph: Graph, at: Placed, layer: Context, runs: int | None) -> str:
    """(runs, rows): which of the joined rows each run takes."""
    offsets, step = np.arange(layer.rows)[None], layer.hop * layer.brought(at.source)
    if runs is not None:
        return graph.constant(f"{at.name}_row_numbers", step * np.arange(runs)[:, None] + offsets)
    frame = "frame_numbers"
    if not graph.has(frame):
        zero, one = (graph.constant(f"whole_{value}", np.array(value, np.int64)) for value in (0, 1))
        count = graph.node("Gather", graph.node("Shape", "x", to="sides"), zero, to="frame_count")
        line = graph.node("Range", zero, count, one, to="frame_line")
        graph.node("Unsqueeze", line, axis(graph), to=frame)
    if step > 1:
        frame = graph.node("Mul", frame, whole(graph, [step]), to=f"{at.name}_firsts")
    return graph.node("Add", frame, graph.constant(f"{at.name}_offsets", offsets), to=f"{at.name}_row_numbers")


def _integers(graph: Graph, at: Placed, layer: QuantizedContext, flow: Flow) -> Flow:
    """Codes side by side, uint8."""
    zero = raised_zero_point(layer.input)
    facts = {"initial": zero, "zero_point": zero, "scale": float(layer.input.scale)}
    return _floats(graph, at, layer.layer, flow, "uint8", **facts)


KIND = Kind(
    {
        "float32": _floats,
        "int8-dynamic": _floats,
        "int8-portable": _integers,
        "int8-exact": _integers,
    },
    {"float32": ("channels",)},
)
