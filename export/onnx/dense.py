"""A dense layer as nodes, in each form that holds it. The last one gives the scores."""

from __future__ import annotations

import numpy as np

from edgelstm.export.onnx.flow import Flow, is_last, number, rows
from edgelstm.export.onnx.graph import Graph
from edgelstm.export.onnx.integers import product
from edgelstm.export.onnx.products import activated, codes_of_floats, in_floats, requantized, rescaled_in_floats
from edgelstm.export.walk import Kind
from edgelstm.layers import Dense
from edgelstm.quantization import QuantizedDense
from edgelstm.road import Placed


def _float32(graph: Graph, at: Placed, layer: Dense, flow: Flow) -> Flow:
    name = at.name
    y = in_floats(graph, name, rows(graph, flow), layer.W, layer.b, "scores" if is_last(graph, at) else name)
    return Flow(flow.runs, activated(graph, y, layer.activation, f"relu{number(at)}"))


def _portable(graph: Graph, at: Placed, layer: QuantizedDense, flow: Flow) -> Flow:
    x = rows(graph, flow)
    if not is_last(graph, at):
        y = rescaled_in_floats(graph, at.name, layer, x)
        return Flow(flow.runs, codes_of_floats(graph, y, layer.output, np.uint8, f"{at.name}_out"))
    if graph.int8_scores:
        y = rescaled_in_floats(graph, "score", layer, x)
        return Flow(flow.runs, codes_of_floats(graph, y, layer.output, np.int8, "scores"))
    return Flow(flow.runs, rescaled_in_floats(graph, "scores", layer, x))


def _exact(graph: Graph, at: Placed, layer: QuantizedDense, flow: Flow) -> Flow:
    x = rows(graph, flow)
    if is_last(graph, at):
        scores = requantized(graph, "scores", layer, x, np.int8) if graph.int8_scores else _scores(graph, layer, x)
        return Flow(flow.runs, scores)
    return Flow(flow.runs, requantized(graph, at.name, layer, x))


def _scores(graph: Graph, layer: QuantizedDense, x: str) -> str:
    """int32 sums times a float32 scale."""
    sums = product(graph, "scores", x, layer.input, layer.W)
    sums = graph.node("Add", sums, graph.constant("scores_bias", layer.bias[None]), to="scores_biased")
    floats = graph.cast(sums, np.float32, "scores_float")
    return graph.node("Mul", floats, graph.constant("scores_scale", layer.score_scales), to="scores")


KIND = Kind(
    {
        "float32": _float32,
        "int8-dynamic": _float32,
        "int8-portable": _portable,
        "int8-exact": _exact,
    }
)
