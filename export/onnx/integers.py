"""What the ONNX forms of an integer model share: frames to integers, and products of integers.

Activations and weights are uint8, 128 more than the model's int8, with zero points 128 more: products of uint8 and
int8 saturate on x86 without VNNI, and int8 by int8 is a hundred times slower.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.metadata import integer_io
from edgelstm.export.onnx.flow import Flow, Write, rows
from edgelstm.export.onnx.graph import Graph
from edgelstm.export.walk import walk
from edgelstm.quantization import Affine, QuantizedModel
from edgelstm.runtime.description import Precision
from edgelstm.runtime.states import Io

RAISED = 128


def raised_zero_point(affine: Affine) -> int:
    return affine.zero_point + RAISED


def raised_weights(weights: NDArray[np.int8]) -> NDArray[np.uint8]:
    """(rows, inputs) int8 → (inputs, rows) uint8, as MatMulInteger takes them."""
    return (weights.T.astype(np.int16) + RAISED).astype(np.uint8)


def encode_layers(
    quantized: QuantizedModel, form: Precision, layers: Mapping[str, Write], io: Io = "float32", *, scan: bool = False
) -> bytes:
    """The bytes of a form's file, each layer written by the function of its kind; checked by onnx's own checker."""
    graph = Graph(quantized, form, int8_scores=io == "int8")
    x = Flow(quantized.model.stride, integer_input(graph, quantized, io))
    scores = rows(graph, walk(graph, quantized.model.road, quantized.layers, layers, x))
    if io == "int8":
        return graph.encode([scores], scan=scan, io=integer_io(quantized))
    return graph.encode([scores, *graph.probabilities(scores)], scan=scan)


def integer_input(graph: Graph, quantized: QuantizedModel, io: Io) -> str:
    """`x` (frames, features) → uint8, by the model's own step: three float32 roundings, then ties to even."""
    if io == "int8":
        moved = graph.cast("x", np.float32, "x_float")
    else:
        centred = graph.node("Sub", "x", graph.constant("input_mean", quantized.input_mean), to="x_centred")
        scaled = graph.node("Mul", centred, graph.constant("input_scale", quantized.input_scale), to="x_scaled")
        moved = graph.node("Add", scaled, graph.constant("input_offset", quantized.input_offset), to="x_moved")
    one, zero = graph.scalar("one", 1, np.float32), weights_zero_point(graph)
    return graph.node("QuantizeLinear", moved, one, zero, to="x8")


def product(graph: Graph, name: str, x: str, affine: Affine, weights: NDArray[np.int8]) -> str:
    """`x` (any, inputs) uint8, less its zero point, by `weights` (rows, inputs) → int32 (any, rows)."""
    W = graph.constant(f"{name}_weights", raised_weights(weights))
    zero = raised_zero_point(affine)
    x_zero = graph.scalar(f"zero_point_{zero}", zero, np.uint8)
    return graph.node("MatMulInteger", x, W, x_zero, weights_zero_point(graph), to=f"{name}_sums")


def weights_zero_point(graph: Graph) -> str:
    return graph.scalar(f"zero_point_{RAISED}", RAISED, np.uint8)
