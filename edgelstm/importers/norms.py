"""Layer normalization that is written out as a factor and an offset: x·f + (β - mean·f), with
f = γ / sqrt(variance + epsilon). Keras 3 does so where TensorFlow runs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from edgelstm.importers.graph import Array, Graph, Node
from edgelstm.importers.layout import reduced_axes


@dataclass(frozen=True)
class _Norm:
    """gains, offsets: constants; "" for a norm without."""

    x: str
    gains: str
    offsets: str
    epsilon: float


@dataclass(frozen=True)
class _Quotient:
    """value · gains / root"""

    value: str
    gains: str
    root: str


def with_norms(graph: Graph) -> Graph:
    """The graph with the last node of each such norm as ONNX's LayerNormalization of the last side. What it was made
    of stays, read by nobody."""
    nodes, ones = list(graph.nodes), dict[str, Array]()
    for place, node in enumerate(nodes):
        found = _norm(graph, node)
        if found is None:
            continue
        gains = found.gains or f"{node.outputs[0]} gains"
        if not found.gains:
            ones[gains] = np.ones(_width(graph, found.x), np.float32)
        nodes[place] = replace(
            node,
            op="LayerNormalization",
            inputs=(found.x, gains, found.offsets),
            attributes={"axis": -1, "epsilon": found.epsilon},
        )
    return replace(graph, nodes=tuple(nodes), constants={**graph.constants, **ones})


def _norm(graph: Graph, node: Node) -> _Norm | None:
    """Of its last node."""
    if node.op == "Add" and len(node.inputs) == 2:
        one, other = node.inputs
        candidates = [
            (_quotient(graph, scaled), less, offsets)
            for scaled, rest in ((one, other), (other, one))
            for less, offsets in _offsets(graph, rest)
        ]
    elif node.op == "Sub" and len(node.inputs) == 2:
        candidates = [(_quotient(graph, node.input(0)), _quotient(graph, node.input(1)), "")]
    else:
        return None
    for whole, less, offsets in candidates:
        if whole is None or less is None or (whole.gains, whole.root) != (less.gains, less.root):
            continue
        epsilon = _epsilon(graph, whole.root, whole.value, less.value)
        sizes = {graph.constants[name].size for name in (whole.gains, offsets) if name}
        if epsilon is not None and sizes <= {_width(graph, whole.value)}:
            return _Norm(whole.value, whole.gains, offsets, epsilon)
    return None


def _width(graph: Graph, name: str) -> int:
    shape = graph.shapes.get(name, ())
    return shape[-1] if shape else 0


def _offsets(graph: Graph, name: str) -> Iterator[tuple[_Quotient | None, str]]:
    """(mean·f, β) where `name` is β - mean·f, or may be."""
    yield _negative(graph, name), ""
    node = _maker(graph, name, "Add", "Sub")
    if node is None or len(node.inputs) != 2:
        return
    one, other = node.inputs
    if graph.constant(one) is not None:
        yield (_negative if node.op == "Add" else _quotient)(graph, other), one
    elif graph.constant(other) is not None and node.op == "Add":
        yield _negative(graph, one), other


def _negative(graph: Graph, name: str) -> _Quotient | None:
    """What `name` is the negative of."""
    node = _maker(graph, name, "Neg")
    if node is not None:
        return _quotient(graph, node.input(0))
    found = _quotient(graph, name)
    value = None if found is None else _maker(graph, found.value, "Neg")
    return None if found is None or value is None else replace(found, value=graph.plain(value.input(0)))


def _quotient(graph: Graph, name: str) -> _Quotient | None:
    node = _maker(graph, name, "Mul", "Div")
    if node is None:
        return None
    if node.op == "Div":
        root = _maker(graph, node.input(1), "Sqrt")
        return None if root is None else _Quotient(graph.plain(node.input(0)), "", root.outputs[0])
    for value, factor in (node.inputs, node.inputs[::-1]):
        if (found := _factor(graph, factor)) is not None:
            return _Quotient(graph.plain(value), *found)
    return None


def _factor(graph: Graph, name: str) -> tuple[str, str] | None:
    """(γ, root) of γ / root"""
    node = _maker(graph, name, "Reciprocal", "Mul", "Div")
    if node is None:
        return None
    if node.op == "Reciprocal":
        root = _maker(graph, node.input(0), "Sqrt")
        return None if root is None else ("", root.outputs[0])
    if node.op == "Div":
        root = _maker(graph, node.input(1), "Sqrt")
        is_held = root is not None and graph.constant(node.input(0)) is not None
        return (node.input(0), root.outputs[0]) if is_held and root is not None else None
    for gains, inner in (node.inputs, node.inputs[::-1]):
        under = _maker(graph, inner, "Reciprocal")
        root = None if under is None else _maker(graph, under.input(0), "Sqrt")
        if root is not None and graph.constant(gains) is not None:
            return gains, root.outputs[0]
    return None


def _epsilon(graph: Graph, root: str, x: str, mean: str) -> float | None:
    """Of sqrt(mean of (x - mean)² + epsilon), all means those of the last side."""
    raised = _maker(graph, graph.makers[root].input(0), "Add")
    for spread, more in () if raised is None else (raised.inputs, raised.inputs[::-1]):
        epsilon, squares = graph.constant(more), _mean_of(graph, spread)
        centred = None if squares is None else _square_of(graph, squares)
        less = None if centred is None else _maker(graph, centred, "Sub")
        if less is None or epsilon is None or epsilon.size != 1:
            continue
        if [graph.plain(name) for name in less.inputs] == [x, mean] and _mean_of(graph, mean) == x:
            return float(epsilon.reshape(-1)[0])
    return None


def _mean_of(graph: Graph, name: str) -> str | None:
    """What `name` is the mean of, over the last side."""
    node = _maker(graph, name, "ReduceMean")
    axes = None if node is None else reduced_axes(graph, node)
    if node is None or axes is None:
        return None
    sides = len(graph.shapes.get(node.input(0), ()))
    return graph.plain(node.input(0)) if axes in ((-1,), (sides - 1,)) else None


def _square_of(graph: Graph, name: str) -> str | None:
    node = _maker(graph, name, "Pow", "Mul")
    if node is None or len(node.inputs) != 2:
        return None
    power = graph.constant(node.input(1))
    is_two = power is not None and power.size == 1 and float(power.reshape(-1)[0]) == 2
    is_square = is_two if node.op == "Pow" else node.input(0) == node.input(1)
    return node.input(0) if is_square else None


def _maker(graph: Graph, name: str, *ops: str) -> Node | None:
    """The node of one of `ops` that gives `name`, whatever shape it is brought to in between."""
    node = graph.makers.get(graph.plain(name))
    return node if node is not None and node.op in ops else None
