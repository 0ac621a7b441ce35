"""What the sides of a graph's results are: channels of a frame, its rows, frames of a call.

Formats bring frames as (batch, time, features), convolutions want (batch, channels, rows), and nodes between turn,
cut and flatten them. Here every side gets a letter, so that a layer is found whichever way its values lie.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgelstm.importers.cuts import Memory, memory_of
from edgelstm.importers.graph import RECURRENT, Graph, Node

Axes = tuple[str, ...]
ONE, CHANNEL, ROW, FRAME = "1", "c", "r", "t"
"""A side of length 1; of the channels of a row; of the rows of a frame; of the frames of a call."""

RESHAPED = ("Squeeze", "Unsqueeze", "Flatten", "Reshape")
PLAIN = ("Identity", "Dropout", "Cast")
_ALIKE = (
    *PLAIN,
    *("Relu", "Sigmoid", "Tanh", "Softmax", "HardSigmoid", "LeakyRelu", "PRelu", "Clip", "Elu"),
    *("Sqrt", "Pow", "Log", "Neg", "Exp", "Abs", "Reciprocal", "Max", "Min"),
    *("BatchNormalization", "LayerNormalization", "LpNormalization", "Pad", "Split", "Slice"),
)
_PAIRED = ("Add", "Sub", "Mul", "Div", "Concat")
_MOST_DEEP = 300


@dataclass(frozen=True)
class Lying:
    """A result as a layer sees it. turned: channels come before rows."""

    rows: int
    channels: int
    turned: bool = False


class Layout:
    """Of a graph whose frames come in by the name `frames`. first: the letter of the side of its input before the
    last, where that is longer than 1."""

    def __init__(self, graph: Graph, frames: str, first: str):
        self.graph, self.frames, self.first = graph, frames, first
        self._known: dict[str, Axes | None] = {}

    def axes(self, name: str, depth: int = 0) -> Axes | None:
        """A letter for each side; None where that cannot be told."""
        if name not in self._known:
            if depth > _MOST_DEEP:
                raise ValueError(f"a graph more than {_MOST_DEEP} nodes deep before {name!r:.60}")
            self._known[name] = self._checked(name, self._new(name, depth + 1))
        return self._known[name]

    def shape(self, name: str) -> tuple[int, ...]:
        return self.graph.shapes.get(name, ())

    def lying(self, name: str) -> Lying | None:
        """Within one frame; None where that cannot be told."""
        axes = self.axes(name)
        if axes is None or any(axes.count(letter) > 1 for letter in (ROW, CHANNEL, FRAME)):
            return None
        if ROW in axes and FRAME in axes:
            return None
        sizes = dict(zip(axes, self.shape(name)))
        turned = ROW in axes and CHANNEL in axes and axes.index(CHANNEL) < axes.index(ROW)
        return Lying(sizes.get(ROW, 1), sizes.get(CHANNEL, 1), turned)

    def keeps(self, node: Node) -> bool:
        """Whether a node gives what it takes, with rows and channels as they were; where neither is known, in their
        order."""
        one, other = self.lying(node.input(0)), self.lying(node.outputs[0])
        if one is None or other is None:
            return one is other and self.graph.in_order(node)
        return (one.rows, one.channels) == (other.rows, other.channels)

    def letter(self, name: str, axis: int) -> str:
        """Of one side; "" where that cannot be told."""
        axes = self.axes(name)
        return "" if axes is None or not -len(axes) <= axis < len(axes) else axes[axis]

    def _checked(self, name: str, axes: Axes | None) -> Axes | None:
        """Sides of length 1 are that; a longer one has a letter."""
        shape = self.shape(name)
        if not shape or min(shape) < 1:
            return None
        if axes is None and sum(side > 1 for side in shape) <= 1:  # such as a layer's part of a state
            axes = tuple(ONE if side == 1 else CHANNEL for side in shape)
        if axes is None or len(axes) != len(shape):
            return None
        found = tuple(ONE if side == 1 else letter for letter, side in zip(axes, shape))
        return None if any(letter == ONE and side > 1 for letter, side in zip(found, shape)) else found

    def _new(self, name: str, depth: int) -> Axes | None:
        if name == self.frames:
            return self._input(self.shape(name))
        node = self.graph.makers.get(name)
        if node is None:
            return None
        if node.op in RESHAPED:
            return _reshaped(self.axes(node.input(0), depth), self.shape(node.input(0)), self.shape(name))
        if node.op == "Transpose":
            return _turned(node, self.axes(node.input(0), depth))
        if node.op in ("MatMul", "Gemm"):
            before = self.axes(node.input(0), depth)
            return None if before is None else (*before[:-1], CHANNEL)
        if node.op == "Conv":
            return self._convolved(node, depth)
        if node.op in RECURRENT:
            before = self.axes(node.input(0), depth)
            if before is None or len(before) != 3:
                return None
            return (before[0], ONE, ONE, CHANNEL) if name == node.outputs[0] else (ONE, ONE, CHANNEL)
        if node.op == "Frames":  # what a step of a loop gives, of all of them
            before = self.axes(node.input(0), depth)
            return None if before is None else (self.first, *before[1:])
        if node.op == "Unfold":
            before = self.axes(node.input(0), depth)
            return None if before is None or ROW not in before or FRAME in before else (ROW, CHANNEL)
        if node.op.startswith("Reduce"):
            return self._reduced(node, self.axes(node.input(0), depth), len(self.shape(name)))
        if node.op == "Gather":
            return self._gathered(node, self.axes(node.input(0), depth))
        if (memory := memory_of(self.graph, node, self.frames)) is not None:
            return self._remembered(memory, self.axes(memory.new, depth))
        if node.op in _PAIRED:
            return self._paired(node, len(self.shape(name)), depth)
        return self.axes(node.input(0), depth) if node.op in _ALIKE else None

    def _input(self, shape: Sequence[int]) -> Axes | None:
        found = [CHANNEL if place == len(shape) - 1 else self.first for place in range(len(shape))]
        return tuple(ONE if side == 1 else letter for letter, side in zip(found, shape))

    def _convolved(self, node: Node, depth: int) -> Axes | None:
        shape, before = self.shape(node.outputs[0]), self.axes(node.input(0), depth)
        if before is None or len(shape) not in (3, 4):
            return None
        return (ONE, CHANNEL, *[ROW if FRAME not in before else FRAME for _ in shape[2:]])

    def _reduced(self, node: Node, before: Axes | None, rank: int) -> Axes | None:
        axes = reduced_axes(self.graph, node)
        if before is None or axes is None:
            return None
        gone = {axis % len(before) for axis in axes}
        if rank == len(before):
            return tuple(ONE if place in gone else letter for place, letter in enumerate(before))
        return tuple(letter for place, letter in enumerate(before) if place not in gone)

    def _gathered(self, node: Node, before: Axes | None) -> Axes | None:
        places = self.graph.constant(node.input(1))
        axis = int(node.attributes.get("axis", 0))
        if before is None or places is None or places.size != 1 or not -len(before) <= axis < len(before):
            return None
        axis %= len(before)
        return (*before[:axis], *([ONE] * places.ndim), *before[axis + 1 :])

    def _remembered(self, memory: Memory, before: Axes | None) -> Axes | None:
        """Frames of a call become rows behind those that were."""
        others = () if before is None else (*before[: memory.axis], *before[memory.axis + 1 :])
        if before is None or ROW in others or (before[memory.axis] == CHANNEL and {*others} - {ONE}):
            return None
        return (*before[: memory.axis], ROW, *before[memory.axis + 1 :])

    def _paired(self, node: Node, rank: int, depth: int) -> Axes | None:
        """Of sides that stand over one another, the letter of the one that is longer than 1."""
        found = [ONE] * rank
        for name in node.inputs:
            axes = self.axes(name, depth)
            if axes is None:
                if self.graph.constant(name) is None:
                    return None
                continue
            for place, letter in enumerate(axes, rank - len(axes)):
                if letter != ONE and found[place] not in (ONE, letter):
                    return None
                found[place] = letter if letter != ONE else found[place]
        if node.op == "Concat":
            axis = int(node.attributes.get("axis", 0)) % max(rank, 1)
            found[axis] = CHANNEL if found[axis] == ONE and CHANNEL not in found else found[axis]
        return tuple(found)


def reduced_axes(graph: Graph, node: Node) -> tuple[int, ...] | None:
    """Sides that a node of a reduction takes together; None where they are no constants."""
    said = node.attributes.get("axes")
    if said is not None:
        return tuple(map(int, said))
    if not node.input(1):
        return tuple(range(len(graph.shapes.get(node.input(0), ()))))
    constant = graph.constant(node.input(1))
    return None if constant is None else tuple(map(int, constant.reshape(-1)))


def _turned(node: Node, before: Axes | None) -> Axes | None:
    if before is None:
        return None
    order = node.attributes.get("perm") or range(len(before))[::-1]
    return tuple(before[int(place)] for place in order) if sorted(order) == list(range(len(before))) else None


def _reshaped(before: Axes | None, old: Sequence[int], new: Sequence[int]) -> Axes | None:
    if before is None:
        return None
    lying = [(letter, side) for letter, side in zip(before, old) if side > 1]
    sides = [side for side in new if side > 1]
    if [letter for letter, _ in lying] == [ROW] and new and new[-1] > 1:
        letters = iter([CHANNEL])  # rows of one value, side by side
    elif [side for _, side in lying] == sides:
        letters = iter([letter for letter, _ in lying])
    elif len(sides) == 1 and FRAME not in before and sides[0] == math.prod(old):
        letters = iter([CHANNEL])
    elif len(sides) == 2 and [letter for letter, _ in lying] == [CHANNEL] and math.prod(sides) == math.prod(old):
        letters = iter([ROW, CHANNEL])
    else:
        return None
    return tuple(ONE if side == 1 else next(letters) for side in new)
