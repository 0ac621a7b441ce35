"""A convolution as nodes, in each form that holds it: a product over windows of rows; with groups, or padding at the
ends of the frame, the format's own operator."""

from __future__ import annotations

import numpy as np

from edgelstm.export.onnx.flow import Flow, mirrored, rows, whole
from edgelstm.export.onnx.graph import Graph
from edgelstm.export.onnx.products import activated, codes_of_floats, in_floats, requantized, rescaled_in_floats
from edgelstm.export.walk import Kind
from edgelstm.layers import Conv
from edgelstm.quantization import QuantizedConv
from edgelstm.road import Placed


def _windows(graph: Graph, at: Placed, layer: Conv, flow: Flow) -> str:
    """(runs · windows, taps · channels): what the weights of a convolution meet."""
    x, taken = rows(graph, flow), layer.windows(at.source)
    if not np.array_equal(taken.reshape(-1), np.arange(at.source.rows)):
        sides = whole(graph, [-1, at.source.rows, at.source.channels])
        x = graph.node("Reshape", x, sides, to=f"{at.name}_source")
        places = graph.constant(f"{at.name}_taken", taken.astype(np.int64))
        x = graph.node("Gather", x, places, to=f"{at.name}_gathered", axis=1)
    return graph.node("Reshape", x, whole(graph, [-1, layer.taps * layer.channels]), to=f"{at.name}_windows")


def _joined(graph: Graph, at: Placed, y: str) -> str:
    """The results (runs · windows, channels) of a convolution as (runs, windows · channels)."""
    if at.result.rows == 1:
        return y
    return graph.node("Reshape", y, whole(graph, [-1, at.result.size]), to=f"{at.name}_joined")


def _float32(graph: Graph, at: Placed, layer: Conv, flow: Flow) -> Flow:
    if {"groups", "before", "after"}.intersection(at.extras):
        return _padded(graph, at, layer, flow)
    name, x = at.name, _windows(graph, at, layer, flow)
    y = in_floats(graph, name, x, layer.matrix, layer.b, f"{name}_each")
    return Flow(flow.runs, _joined(graph, at, activated(graph, y, layer.activation, f"{name}_relu")))


def _padded(graph: Graph, at: Placed, layer: Conv, flow: Flow) -> Flow:
    """With groups, or padding at the ends of the frame."""
    name, weights = at.name, (f"{at.name}_W", f"{at.name}_b")
    x = graph.node(
        "Reshape", rows(graph, flow), whole(graph, [-1, at.source.rows, at.source.channels]), to=f"{name}_source"
    )
    x = graph.node("Transpose", x, to=f"{name}_turned", perm=[0, 2, 1])
    pads = [layer.before, layer.after]
    if layer.fill == "mirror" and any(pads):
        x, pads = mirrored(graph, at, x, [0, 0, pads[0], 0, 0, pads[1]]), [0, 0]
    W, b = graph.constant(weights[0], layer.W.transpose(0, 2, 1)), graph.constant(weights[1], layer.b)
    settings = {"strides": [layer.stride], "dilations": [layer.dilation], "group": layer.groups, "pads": pads}
    y = graph.node("Conv", x, W, b, to=f"{name}_summed", **settings)
    if layer.activation == "relu":
        y = graph.node("Relu", y, to=f"{name}_relu")
    y = graph.node("Transpose", y, to=f"{name}_each", perm=[0, 2, 1])
    return Flow(flow.runs, graph.node("Reshape", y, whole(graph, [-1, at.result.size]), to=name))


def _portable(graph: Graph, at: Placed, layer: QuantizedConv, flow: Flow) -> Flow:
    x = _windows(graph, at, layer.layer, flow)
    y = rescaled_in_floats(graph, at.name, layer, x)
    return Flow(flow.runs, _joined(graph, at, codes_of_floats(graph, y, layer.output, np.uint8, f"{at.name}_out")))


def _exact(graph: Graph, at: Placed, layer: QuantizedConv, flow: Flow) -> Flow:
    x = _windows(graph, at, layer.layer, flow)
    return Flow(flow.runs, _joined(graph, at, requantized(graph, at.name, layer, x)))


KIND = Kind(
    {
        "float32": _float32,
        "int8-dynamic": _float32,
        "int8-portable": _portable,
        "int8-exact": _exact,
    },
    {"float32": ("groups", "before", "after", "fill")},
)
