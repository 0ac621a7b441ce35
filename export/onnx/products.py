"""What dense layers and convolutions have in common as nodes: a product, and what becomes of its sums."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.onnx.fixed_point import codes, rescaled
from edgelstm.export.onnx.graph import Graph
from edgelstm.export.onnx.integers import product, raised_zero_point
from edgelstm.layers.layer import Activation
from edgelstm.quantization import Affine
from edgelstm.quantization.weighted import DenseProduct


def in_floats(graph: Graph, name: str, x: str, W: NDArray[np.float32], b: NDArray[np.float32], to: str) -> str:
    weights, bias = graph.constant(f"{name}_W", W), graph.constant(f"{name}_b", b)
    return graph.node("Gemm", x, weights, bias, to=to, transB=1)


def activated(graph: Graph, y: str, activation: Activation, to: str) -> str:
    return graph.node("Relu", y, to=to) if activation == "relu" else y


def rescaled_in_floats(graph: Graph, name: str, layer: DenseProduct, x: str) -> str:
    """A product over `x` (any, inputs) uint8 → `name` (any, outputs) float32, after the activation."""
    sums = graph.cast(product(graph, name, x, layer.input, layer.W), np.float32, f"{name}_float")
    factor = graph.constant(f"{name}_factor", layer.W_scale * layer.input.scale)
    bias = graph.constant(f"{name}_bias", layer.real_bias)
    scaled = graph.node("Mul", sums, factor, to=f"{name}_scaled")
    if layer.activation == "linear":
        return graph.node("Add", scaled, bias, to=name)
    return graph.node("Relu", graph.node("Add", scaled, bias, to=f"{name}_biased"), to=name)


def codes_of_floats(graph: Graph, y: str, affine: Affine, dtype: type[np.integer[Any]], to: str) -> str:
    """`y` float32 → uint8, 128 more than the int8 code, or int8."""
    zero = raised_zero_point(affine) if dtype is np.uint8 else affine.zero_point
    scale = graph.scalar(f"{to}_scale", float(affine.scale), np.float32)
    return graph.node("QuantizeLinear", y, scale, graph.scalar(f"{to}_zero", zero, dtype), to=to)


def requantized(
    graph: Graph,
    name: str,
    layer: DenseProduct,
    x: str,
    dtype: type[np.integer[Any]] = np.uint8,
) -> str:
    """A product over `x` (any, inputs) uint8 → `name` (any, outputs) as `codes` has it."""
    sums = product(graph, name, x, layer.input, layer.W)
    y = rescaled(graph, f"{name}_y", sums, layer.multipliers, layer.bias)
    zero_point = layer.output.zero_point
    return codes(graph, name, y, zero_point, zero_point if layer.activation == "relu" else -128, dtype)
