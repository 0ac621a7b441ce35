"""Where each value of a result comes from, through nodes that only move values: reshape, turn, cut and join.

Every value of every result that something is computed for has a number; nodes that move values move their numbers.
So two results hold the same values in the same order exactly where their numbers are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers.graph import RECURRENT, Graph, Node

Numbers = NDArray[np.int64]

_MOST_DEEP, _MOST_VALUES = 300, 1 << 22
_EXACT = (1, 11)
"""Numbers of types that a float32 goes through unchanged: float and double."""


class Moves:
    """Of a graph. What a recurrent operator gives for the last frame of a call is its state, whichever of its outputs
    that is."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self._known: dict[str, Numbers | None] = {}
        self._first: dict[str, int] = {}  # name of a result that is computed → number of its first value
        self._count = 0

    def of(self, name: str, depth: int = 0) -> Numbers | None:
        """A number for each value, in the result's shape; None where the shape is not known or is huge."""
        if name not in self._known:
            if depth > _MOST_DEEP:
                raise ValueError(f"a graph more than {_MOST_DEEP} nodes deep before {name!r:.60}")
            self._known[name] = self._new(name, depth + 1)
        return self._known[name]

    def owner(self, number: int) -> str:
        """The result that a number was given for."""
        return max((name for name, first in self._first.items() if first <= number), key=self._first.__getitem__)

    def _new(self, name: str, depth: int) -> Numbers | None:
        constant = self.graph.constant(name)
        shape = self.graph.shapes.get(name) if constant is None else constant.shape
        node = self.graph.makers.get(name)
        if constant is None and node is not None and node.op in _MOVED and node.input(0):
            moved = self._moved(name, node, depth)
            if moved is not None:
                return moved
        if constant is None and node is not None and node.op in RECURRENT and name != node.outputs[0]:
            return self.state(node, node.outputs.index(name) - 1)
        if constant is None and node is not None and (kept := self._unchanged(node)):
            found = self.of(kept, depth)
            if found is not None and found.shape == shape:
                return found
        if shape is None or any(side < 1 for side in shape) or np.prod(shape, dtype=float) > _MOST_VALUES:
            return None
        if constant is None and node is not None and node.op in RECURRENT and name == node.outputs[0]:
            return self._frames(node, shape)
        return self._numbered(name, shape)

    def _unchanged(self, node: Node) -> str:
        """What a node adds 0 to, or multiplies with 1; "" for another."""
        neutral = _NEUTRAL.get(node.op)
        if neutral is None or len(node.inputs) != 2:
            return ""
        for one, other in (node.inputs, node.inputs[::-1])[: 1 if node.op in ("Sub", "Div") else 2]:
            held = self.graph.constant(other)
            if held is not None and self.graph.constant(one) is None and bool((held == neutral).all()):
                return one
        return ""

    def _numbered(self, name: str, shape: tuple[int, ...]) -> Numbers:
        if name not in self._first:
            self._first[name] = self._count
            self._count += max(int(np.prod(shape)), 1)
        return self._first[name] + np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)

    def state(self, node: Node, place: int = 0) -> Numbers:
        """Of what a recurrent operator leaves: h (place 0) or c (1), flat; one sequence in one direction."""
        name = next((one for one in node.outputs[1 + place : 2 + place] if one), f"{node.outputs[0]} state {place}")
        size = int((self.graph.shapes.get(node.outputs[0]) or self.graph.shapes.get(name) or (1,))[-1])
        return self._numbered(name, (size,))

    def _frames(self, node: Node, shape: tuple[int, ...]) -> Numbers:
        """Of what an operator gives for every frame."""
        found = self._numbered(node.outputs[0], shape).copy()
        if found.size:
            found.reshape(-1)[-shape[-1] :] = self.state(node)
        return found

    def _moved(self, name: str, node: Node, depth: int) -> Numbers | None:
        source = self.of(node.input(0), depth)
        shape = self.graph.shapes.get(name)
        if source is None or shape is None:
            return None
        try:
            found = _MOVED[node.op](self, node, name, source, depth)
            return None if found is None or found.size != int(np.prod(shape)) else found.reshape(shape)
        except (ValueError, IndexError, TypeError):
            return None

    def whole(self, name: str) -> list[int] | None:
        """A constant of whole numbers, flat."""
        found = self.graph.constant(name)
        return None if found is None else [int(value) for value in found.reshape(-1)]


def _same(_: Moves, node: Node, __: str, source: Numbers, ___: int) -> Numbers | None:
    return None if node.op == "Cast" and node.attributes.get("to", 1) not in _EXACT else source


def _turned(_: Moves, node: Node, __: str, source: Numbers, ___: int) -> Numbers:
    return source.transpose([int(side) for side in node.attributes.get("perm") or range(source.ndim)[::-1]])


def _part(moves: Moves, node: Node, name: str, source: Numbers, _: int) -> Numbers | None:
    axis, sizes = int(node.attributes.get("axis", 0)), moves.whole(node.input(1))
    if node.input(1) and sizes is None:
        return None
    ends = len(node.outputs) if sizes is None else [int(end) for end in np.cumsum(sizes)[:-1]]
    return np.split(source, ends, axis)[node.outputs.index(name)]


def _cut(moves: Moves, node: Node, _: str, source: Numbers, __: int) -> Numbers | None:
    if (places := node.attributes.get("places")) is not None:  # of a TFLite operator, of all its values
        return source.reshape(-1)[np.asarray(places, np.intp)]
    starts, stops, axes, steps = (moves.whole(node.input(place)) for place in (1, 2, 3, 4))
    if starts is None or stops is None or any(node.input(p) and moves.whole(node.input(p)) is None for p in (3, 4)):
        return None
    found = source
    for at, axis in enumerate(range(len(starts)) if axes is None else axes):
        index: list[slice] = [slice(None)] * source.ndim
        step = 1 if steps is None else steps[at]
        stop = None if step < 0 and stops[at] < -source.shape[axis] else stops[at]
        index[axis] = slice(starts[at], stop, step)
        found = found[tuple(index)]
    return found


def _picked(moves: Moves, node: Node, _: str, source: Numbers, __: int) -> Numbers | None:
    places = moves.graph.constant(node.input(1))
    return None if places is None else np.take(source, places, int(node.attributes.get("axis", 0)))


def _joined(moves: Moves, node: Node, _: str, __: Numbers, depth: int) -> Numbers | None:
    parts = [moves.of(name, depth) for name in node.inputs]
    known = [part for part in parts if part is not None]
    if (places := node.attributes.get("places")) is not None and len(known) == len(parts):
        return np.concatenate([part.reshape(-1) for part in known])[np.asarray(places, np.intp)]
    return np.concatenate(known, int(node.attributes.get("axis", 0))) if len(known) == len(parts) else None


_NEUTRAL = {"Add": 0, "Sub": 0, "Mul": 1, "Div": 1}
"""By operator: the number that leaves what it is joined with as it is."""
_MOVED: Mapping[str, Callable[[Moves, Node, str, Numbers, int], Numbers | None]] = {
    **dict.fromkeys(("Identity", "Dropout", "Cast", "Squeeze", "Unsqueeze", "Flatten", "Reshape"), _same),
    "Transpose": _turned,
    "Split": _part,
    "Slice": _cut,
    "Gather": _picked,
    "Concat": _joined,
    "Pack": _joined,
}
"""By operator: (moves, node, name of a result, numbers of the first input, depth) → of that result."""
