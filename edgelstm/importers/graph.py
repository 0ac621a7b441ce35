"""A graph of operators as plain data, whichever format it comes from; operators go by ONNX's names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
SAME = ("Identity", "Squeeze", "Unsqueeze", "Flatten", "Dropout", "Reshape", "Transpose", "Cast")
"""They give the values that they take, in another shape; all but Transpose in their order."""
RECURRENT = ("LSTM", "GRU", "DynamicQuantizeLSTM")
_MOST_SHAPES = 100


@dataclass(frozen=True, eq=False)
class Node:
    op: str
    name: str
    inputs: tuple[str, ...]  # "" where an optional one is absent
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    called: str = ""  # as its own format calls the operator, where that differs

    def input(self, place: int) -> str:
        """The name at `place`, "" where there is none."""
        return self.inputs[place] if place < len(self.inputs) else ""

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.called or self.op} {self.name or self.outputs[0]!r:.60}"


class NodeError(ValueError):
    """One line that names the node."""


@dataclass(frozen=True, eq=False)
class Graph:
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: Mapping[str, tuple[int, ...]]  # name → shape, in their order
    outputs: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]  # of every result that is known

    @cached_property
    def makers(self) -> Mapping[str, Node]:
        """Name of a result → the node that gives it."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    def plain(self, name: str) -> str:
        """The first name of the same values in the same order, a few shapes back: a damaged file may lead in a
        circle."""
        for _ in range(_MOST_SHAPES):
            node = self.makers.get(name)
            if node is None or node.op not in SAME or not self.in_order(node):
                break
            name = node.input(0)
        return name

    def in_order(self, node: Node) -> bool:
        """Whether a node of `SAME` leaves the order of its values."""
        if node.op != "Transpose":
            return True
        shape = self.shapes.get(node.input(0), ())
        order = [int(side) for side in node.attributes.get("perm") or range(len(shape))[::-1]]
        if not shape or sorted(order) != list(range(len(shape))):
            return False
        long = [side for side in order if shape[side] != 1]
        return long == sorted(long)

    def constant(self, name: str) -> Array | None:
        return self.constants.get(name)
