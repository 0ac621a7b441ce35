"""What several nodes together are: a cut, the halves of a spectrum, a layer normalization."""

from __future__ import annotations

from edgelstm.importers.cuts import Cut, cut_of
from edgelstm.importers.graph import Graph, Node
from edgelstm.importers.layout import CHANNEL, ROW, Layout, reduced_axes


class Patterns:
    def __init__(self, graph: Graph, layout: Layout):
        self.graph, self.layout = graph, layout

    def part(self, node: Node, cut: Cut) -> str | None:
        """The input of a concatenation that a cut of it is; None where it is none."""
        shape = self.graph.shapes.get(node.outputs[0], ())
        if not shape or int(node.attributes.get("axis", 0)) % len(shape) != cut.axis:
            return None
        start = 0
        for name in node.inputs:
            sides = self.graph.shapes.get(name, ())
            if len(sides) != len(shape):
                return None
            if (start, start + sides[cut.axis]) == (cut.start, cut.stop):
                return name
            start += sides[cut.axis]
        return None

    def _maker(self, name: str, *ops: str) -> Node | None:
        """The node of one of `ops` that gives `name`, whatever shape it is brought to in between."""
        node = self.graph.makers.get(self.graph.plain(name))
        return node if node is not None and node.op in ops else None

    def _square(self, name: str) -> str | None:
        """What `name` is the square of."""
        node = self._maker(name, "Pow", "Mul")
        if node is None:
            return None
        if node.op == "Mul":
            return node.input(0) if node.input(0) == node.input(1) else None
        power = self.graph.constant(node.input(1))
        return node.input(0) if power is not None and power.size == 1 and float(power.reshape(-1)[0]) == 2 else None

    def halves(self, node: Node) -> tuple[str, int] | None:
        """Of a root of a sum of two squares: (the result whose first and second half of the channels they are, how
        many of its first rows are left out)."""
        total = self._maker(node.input(0), "Add")
        if total is None:
            return None
        squares = [self._square(name) for name in total.inputs]
        found = [None if name is None else self._channels(name) for name in squares]
        one, other = found if len(found) == 2 else (None, None)
        if one is None or other is None or one[0] != other[0] or one[2] != other[2]:
            return None
        lying = self.layout.lying(one[0])
        if lying is None or lying.channels % 2:
            return None
        half = lying.channels // 2
        wanted = [(0, half), (half, lying.channels)]
        return (one[0], one[2]) if sorted([one[1], other[1]]) == wanted else None

    def _channels(self, name: str) -> tuple[str, tuple[int, int], int] | None:
        """(what is cut, which of its channels, rows that are left out before the others)"""
        channels, skipped = None, 0
        maker = self.graph.makers.get(name)
        if maker is not None and maker.op == "Split" and len(maker.outputs) == 2:
            sizes, shape = self.graph.constant(maker.input(1)), self.graph.shapes.get(maker.input(0), ())
            axis, place = int(maker.attributes.get("axis", 0)), maker.outputs.index(name)
            half = shape[axis] // 2 if -len(shape) <= axis < len(shape) else 0
            if self.layout.letter(maker.input(0), axis) != CHANNEL or (sizes is not None and (sizes != half).any()):
                return None
            return maker.input(0), (place * half, (place + 1) * half), 0
        while (node := self.graph.makers.get(name)) is not None and node.op == "Slice":
            cut = cut_of(self.graph, node)
            letter = "" if cut is None else self.layout.letter(node.input(0), cut.axis)
            if cut is None or letter not in (CHANNEL, ROW) or (letter == CHANNEL and channels is not None):
                return None
            if letter == ROW and cut.stop != cut.side:
                return None
            if letter == CHANNEL:
                channels = cut.start, cut.stop
            else:
                skipped += cut.start
            name = node.input(0)
        return None if channels is None or node is None else (name, channels, skipped)

    def normalized(self, node: Node) -> tuple[str, float] | None:
        """Of (x - mean) / sqrt(mean of its squares + epsilon), over channels: (x, epsilon)."""
        name = self._centred(node.input(0))
        root = self._maker(node.input(1), "Sqrt")
        raised = None if root is None else self._maker(root.input(0), "Add")
        if name is None or raised is None:
            return None
        for squares, more in (raised.inputs, raised.inputs[::-1]):
            epsilon, mean = self.graph.constant(more), self._maker(squares, "ReduceMean")
            inner = None if mean is None or not self._is_of_channels(mean) else self._square(mean.input(0))
            if epsilon is None or epsilon.size != 1 or inner is None or self._centred(inner) != name:
                continue
            return name, float(epsilon.reshape(-1)[0])
        return None

    def _centred(self, name: str) -> str | None:
        """What `name` is without its mean over channels."""
        node = self._maker(name, "Sub")
        mean = None if node is None else self._maker(node.input(1), "ReduceMean")
        if node is None or mean is None or not self._is_of_channels(mean):
            return None
        whole = self.graph.plain(node.input(0))
        return whole if self.graph.plain(mean.input(0)) == whole else None

    def _is_of_channels(self, node: Node) -> bool:
        axes = reduced_axes(self.graph, node)
        letters = {self.layout.letter(node.input(0), axis) for axis in axes or ()} - {"1"}
        return letters == {CHANNEL}
