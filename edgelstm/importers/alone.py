"""Nodes of a graph that take each value by itself, or each channel, as steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgelstm.importers.graph import Graph, Node
from edgelstm.importers.road import Scale, Step
from edgelstm.importers.written_out import gate_of
from edgelstm.layers import Activation

_NO_LIMIT = 1e6


def _batch_norm(graph: Graph, node: Node, rows: int) -> Step:
    arrays = [graph.constant(node.input(place)) for place in (1, 2, 3, 4)]
    weight, bias, mean, var = (np.zeros(0) if a is None else a.astype(np.float64) for a in arrays)
    if not weight.size or not weight.size == bias.size == mean.size == var.size:
        raise ValueError(f"{node.label}: weights that are no constants")
    factor = weight / np.sqrt(var + float(node.attributes.get("epsilon", 1e-5)))
    return Scale(factor, bias - mean * factor, rows)


def _leaky(_: Graph, node: Node, __: int) -> Step:
    return Activation("leaky_relu", slope=np.array([node.attributes.get("alpha", 0.01)], np.float32))


def _prelu(graph: Graph, node: Node, _: int) -> Step:
    slopes = graph.constant(node.input(1))
    if slopes is None:
        raise ValueError(f"{node.label}: slopes that are no constants")
    return Activation("leaky_relu", slope=slopes.reshape(-1))


def _clip(graph: Graph, node: Node, _: int) -> Step:
    limits = []
    for place, name, default in ((1, "min", -_NO_LIMIT), (2, "max", _NO_LIMIT)):
        constant = graph.constant(node.input(place))
        if node.input(place) and (constant is None or constant.size != 1):
            raise ValueError(f"{node.label}: limits that are no constants")
        said = node.attributes.get(name, default) if constant is None else constant.reshape(-1)[0]
        limits.append(float(np.clip(said, -_NO_LIMIT, _NO_LIMIT)))
    return "relu" if limits == [0.0, _NO_LIMIT] else Activation("clip", low=limits[0], high=limits[1])


ALONE: Mapping[str, Callable[[Graph, Node, int], Step]] = {
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "HardSigmoid": lambda _, node, __: gate_of(node),
    "LeakyRelu": _leaky,
    "PRelu": _prelu,
}
"""By operator: (graph, node, rows of what it takes) → what it is. ValueError for constants that are none."""
