"""Parts of one side of a result; and the memory that is made so: what was, what is new behind it, and of both the
newest as what will have been."""

from __future__ import annotations

from dataclasses import dataclass

from edgelstm.importers.graph import Graph, Node


@dataclass(frozen=True)
class Cut:
    """start to stop of a side's `side` values."""

    axis: int
    start: int
    stop: int
    side: int


def cut_of(graph: Graph, node: Node) -> Cut | None:
    """Of a node of Gather or Slice; None where it takes no stretch of one side."""
    shape = graph.shapes.get(node.input(0), ())
    first = graph.constant(node.input(1))
    if not shape or first is None or first.size != 1:
        return None
    start = int(first.reshape(-1)[0])
    if node.op == "Gather":
        axis = int(node.attributes.get("axis", 0)) % len(shape)
        start += shape[axis] if start < 0 else 0
        return Cut(axis, start, start + 1, shape[axis]) if 0 <= start < shape[axis] else None
    arrays = [graph.constant(node.input(place)) for place in (2, 3, 4)]
    if any(array is not None and array.size != 1 for array in arrays):
        return None
    stop, along, step = (None if array is None else int(array.reshape(-1)[0]) for array in arrays)
    if stop is None or (step or 1) != 1 or not -len(shape) <= (along or 0) < len(shape):
        return None
    axis = (along or 0) % len(shape)
    start, stop, _ = slice(start, stop).indices(shape[axis])
    return Cut(axis, start, stop, shape[axis]) if start < stop else None


@dataclass(frozen=True)
class Memory:
    """new: the result that `kept` values along a side stand before."""

    new: str
    axis: int
    kept: int


def memory_of(graph: Graph, node: Node, frames: str) -> Memory | None:
    """Of a node of Concat; None for what is none."""
    shape = graph.shapes.get(node.outputs[0], ())
    if node.op != "Concat" or len(node.inputs) != 2 or not shape:
        return None
    past, axis = node.input(0), int(node.attributes.get("axis", 0)) % len(shape)
    sides = graph.shapes.get(past, ())
    state = graph.plain(past)
    if len(sides) != len(shape) or state not in graph.inputs or state == frames:
        return None
    wanted = Cut(axis, shape[axis] - sides[axis], shape[axis], shape[axis])
    for name in graph.outputs:
        maker = graph.makers.get(graph.plain(name))
        if maker is None or maker.op != "Slice" or graph.plain(maker.input(0)) != node.outputs[0]:
            continue
        if cut_of(graph, maker) == wanted:
            return Memory(node.input(1), axis, sides[axis])
    return None
