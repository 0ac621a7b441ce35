"""From a graph's scores back to its frames, layer by layer. What no model of ours holds is refused by its node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edgelstm.importers import nodes
from edgelstm.importers.alone import ALONE
from edgelstm.importers.carried import Carried
from edgelstm.importers.cuts import cut_of
from edgelstm.importers.forms import Floats
from edgelstm.importers.graph import RECURRENT, SAME, Array, Graph, Node, NodeError
from edgelstm.importers.layout import CHANNEL, FRAME, ONE, ROW
from edgelstm.importers.moves import Moves
from edgelstm.importers.norms import with_norms
from edgelstm.importers.operators import check_recurrences, has_own_rows, recurrent
from edgelstm.importers.road import Scale, Step, Word
from edgelstm.importers.walk import StackedError, Walk
from edgelstm.importers.written_out import Cells
from edgelstm.layers import (
    Add,
    Concat,
    Context,
    Conv,
    Dense,
    Last,
    Layer,
    Multiply,
    Shape,
)

_WORDS: Mapping[str, Word] = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "Softmax": "softmax"}
_MOST_STEPS = 400


@dataclass
class Matched:
    """steps: first to last. fresh: whether a recurrent layer begins anew with every call. carried: states of the
    others, by numbers of `moves`. stacked: frames that are taken together as rows of one; 0: each goes the whole road
    by itself."""

    moves: Moves
    steps: list[Step] = field(default_factory=list)
    fresh: bool = False
    carried: list[Carried] = field(default_factory=list)
    stacked: int = 0


def match(graph: Graph, frames: str, scores: str, overlap: int = 0, goes_on: bool = False) -> Matched:
    """The layers from the input `frames` to the output `scores`. overlap: values of a frame that are the newest of
    the one before, which whoever runs the graph puts there. goes_on: states go on from call to call; a recurrent
    layer without begins anew in a model that does not. ValueError for a node that is none of ours."""
    graph = with_norms(graph)
    *sides, values = graph.shapes.get(frames) or (1,)
    together = int(np.prod(sides))
    first = Context(values, channels=1) if overlap else None
    try:
        try:
            return _Matcher(graph, frames, FRAME, first, goes_on).matched(scores)
        except StackedError:
            stack = Context(together, together)
            found = _Matcher(graph, frames, ROW, stack, goes_on).matched(scores)
            found.stacked = together
            return found
    except NodeError:
        check_recurrences(graph, scores)  # what nodes behind one that is not read are refused for follows from it
        raise
    except RecursionError:
        raise ValueError(f"more than {_MOST_STEPS} layers, expected a model of a few") from None


class _Matcher(Walk):
    def __init__(self, graph: Graph, frames: str, letter: str, first: Context | None, goes_on: bool):
        super().__init__(graph, frames, letter, first)
        self.cells = Cells(graph, self.forms, frames)
        self.is_stacked, self.goes_on = letter == ROW, goes_on
        self.found = {frames: self.results.frames}
        self.matched_so_far = Matched(self.moves, carried=self.carried)

    def matched(self, scores: str) -> Matched:
        last = self.result(scores)
        self.matched_so_far.steps = self.results.steps(last)
        return self.matched_so_far

    def result(self, name: str) -> int:
        if name not in self.found:
            if len(self.found) > _MOST_STEPS:
                raise ValueError(f"more than {_MOST_STEPS} layers, expected a model of a few")
            node = self.graph.makers.get(name)
            if node is None:
                is_input = name in self.graph.inputs
                what = "an input that is no state and no frames" if is_input else "nothing that varies"
                raise NodeError(f"{name!r:.60}: {what}, expected the road to lead to {self.frames!r:.60}")
            try:
                self.found[name] = self._new(name, node)
            except NodeError:
                raise
            except ValueError as error:
                line = str(error)
                raise NodeError(line if line.startswith(node.label) else f"{node.label}: {line}") from None
        return self.found[name]

    def _new(self, name: str, node: Node) -> int:
        if node.op in SAME or (node.op in ("Split", "Concat") and len(node.inputs) == len(node.outputs) == 1):
            return self.result(node.input(0)) if self.layout.keeps(node) else self._reshaped(node)
        if node.op in ("Gather", "Slice") and (one := self._picked(node)) is not None:
            return one
        if node.op in _WORDS:
            return self._word(node)
        if node.op in ALONE:
            step = ALONE[node.op](self.graph, node, self.lying(node.input(0)).rows)
            return self.results.put(step, self.result(node.input(0)))
        if node.op in RECURRENT:
            return self._recurrent(name, node)
        if node.op in nodes.NODES and (made := nodes.NODES[node.op](self, node)) is not None:
            return made
        if node.op in ("Mul", "Add", "Sub") and (cell := self.cells.at(node)) is not None:
            for before, after in self.cells.states(cell, self.moves):
                self.carry(node, before, after)
            return self.results.put(cell.layer, self.result(cell.source))
        return self._linear(name, node)

    def _reshaped(self, node: Node) -> int:
        if FRAME in (self.layout.axes(node.input(0)) or ()) and FRAME not in (
            self.layout.axes(node.outputs[0]) or ()
        ):
            raise StackedError(f"{node.label}: frames of a call side by side")
        known = [self.layout.lying(name) for name in (node.input(0), node.outputs[0])]
        if None in known and not self.graph.in_order(node):
            raise ValueError(f"{node.label}: turns sides of which it is not known what they are")
        before, after = self.lying(node.input(0)), self.lying(node.outputs[0])
        if before.turned and min(before.rows, before.channels) > 1:
            raise ValueError(f"{node.label}: channels side by side, expected a product behind it")
        place = self.result(node.input(0))
        if after.rows == 1:  # layers that want a vector take rows side by side
            return place
        if self.results.shape(place) == Shape(after.rows, after.channels):
            return place
        return self.results.put(Context(after.rows, channels=after.channels), place)

    def _picked(self, node: Node) -> int | None:
        """One of several: the newest frame or row, or a part that was put beside others. None for channels."""
        cut = cut_of(self.graph, node)
        if cut is None:
            return None
        maker = self.graph.makers.get(node.input(0))
        if maker is not None and maker.op == "Concat" and (part := self.patterns.part(maker, cut)) is not None:
            return self.result(part)
        letter = self.layout.letter(node.input(0), cut.axis)
        if letter == "1":
            return self.result(node.input(0))
        if letter not in (FRAME, ROW):
            return None
        if cut.start == 0 and cut.stop == cut.side:
            return self.result(node.input(0))
        if cut.stop - cut.start != 1 or cut.stop != cut.side:
            if maker is not None and maker.op == "Conv":
                return nodes.conv(self, maker, cut)
            one_by_one = cut.stop - cut.start == 1 and letter == FRAME
            why = "; a cell for each frame is not read: export one frame, with its states" if one_by_one else ""
            raise ValueError(f"{node.label}: frames {cut.start} to {cut.stop} of {cut.side}, expected the last{why}")
        if letter == FRAME:
            return self.result(node.input(0))
        return self.results.put(Last(), self.whole(node))

    def _word(self, node: Node) -> int:
        if node.op != "Softmax":
            return self.results.put(_WORDS[node.op], self.result(node.input(0)))
        axis = int(node.attributes.get("axis", -1))
        letter = self.layout.letter(node.input(0), axis)
        if letter in (ROW, FRAME):
            raise ValueError(f"{node.label}: over rows, expected over the channels of each")
        if letter == ONE and self.lying(node.input(0)).channels > 1:
            raise ValueError(f"{node.label}: over side {axis}, which is 1 long, expected over the channels")
        return self.results.put("softmax", self.whole(node))

    def _recurrent(self, name: str, node: Node) -> int:
        if len(node.outputs) > 2 and name == node.outputs[2]:
            raise ValueError(f"{node.label}: its cell is an answer, expected what it gives")
        found = recurrent(self.graph, self.frames, node)
        layer = found.layer
        if found.fresh and self.goes_on and not self.is_stacked and not has_own_rows(self.graph, node):
            raise ValueError(f"{node.label}: begins with zeros in every call, beside states that go on")
        if found.fresh and (self.is_stacked or self.goes_on):
            layer = replace(layer, carry=False)
        self.matched_so_far.fresh |= found.fresh and not self.goes_on
        for place, begin in enumerate(found.begins):
            self.carry(node, self.moves.of(begin), self.moves.state(node, place))
        lying = self.lying(node.input(0))
        place = self.results.put(layer, self.result(node.input(0)))
        if lying.rows > 1 and name != node.outputs[0]:
            place = self.results.put(Last(), place)
        return place

    def _linear(self, name: str, node: Node) -> int:
        form = self.forms.of(name)
        source = form.source
        if source is None or source == name:
            return self._joined(name, node)
        if form.same():
            return self.result(source)
        return self._product(form.products[source], form.bias, source, name)

    def _product(self, W: Floats, b: Floats, source: str, name: str) -> int:
        rows, maker = self.lying(name).rows, self.graph.makers.get(source)
        if maker is not None and maker.op == "Unfold":
            return self.results.put(nodes.unfolded(maker, W, b), self.whole(maker))
        if not (W.shape[0] != W.shape[1] or (W - np.diag(np.diagonal(W))).any()):
            return self.results.put(Scale(np.diagonal(W).copy(), b, rows), self.result(source))
        if maker is not None and maker.op in SAME and (lying := self.lying(maker.input(0))).turned:
            order = np.arange(lying.rows * lying.channels).reshape(lying.channels, lying.rows)
            W, source = W[:, order.T.reshape(-1)], maker.input(0)
        weights, bias = W.astype(np.float32), b.astype(np.float32)
        layer: Layer = Dense(weights, bias) if rows == 1 else Conv(weights[:, None], bias)
        return self.results.put(layer, self.result(source))

    def _joined(self, name: str, node: Node) -> int:
        """Results of several layers, or a constant with what is no sum of products."""
        arrays = [self.graph.constant(one) for one in node.inputs[:2]]
        W = arrays[1] if len(arrays) > 1 else None
        if node.op in ("MatMul", "Gemm") and W is not None and W.ndim == 2 and not node.attributes.get("transA"):
            W = W.T if node.op == "MatMul" or not node.attributes.get("transB") else W
            bias = self.graph.constant(node.input(2)) if node.op == "Gemm" else None
            b = np.zeros(len(W)) if bias is None else np.broadcast_to(bias.reshape(-1), (len(W),))
            if not node.input(2) or bias is not None:
                alpha, beta = (float(node.attributes.get(one, 1.0)) for one in ("alpha", "beta"))
                return self._product(alpha * W.astype(np.float64), beta * b.astype(np.float64), node.input(0), name)
        if node.op == "Concat" and self.layout.letter(name, int(node.attributes.get("axis", 0))) == CHANNEL:
            return self._beside(node)
        if node.op in ("Add", "Sub", "Mul") and all(array is None for array in arrays):
            return self._paired(name, node)
        if node.op in ("Add", "Sub", "Mul", "Div") and (scaled := self._scaled(node, arrays)) is not None:
            return scaled
        if node.op in ("Loop", "Scan", "If"):
            raise ValueError(
                f"{node.label}: not read; expected a graph of one frame, whose states go in and come out"
            )
        raise NodeError(f"{self._unread(node).label}: none of the layers that a model holds")

    def _unread(self, node: Node) -> Node:
        """The first on the way to `node` of whose result nothing is known: others may be refused for it."""
        makers = self.graph.makers
        for _ in range(_MOST_STEPS):
            unknown = [makers[name] for name in node.inputs if name in makers and self.layout.axes(name) is None]
            if not unknown:
                break
            node = unknown[0]
        return node

    def _scaled(self, node: Node, arrays: Sequence[Array | None]) -> int | None:
        """A constant for each channel, or one for all, with what is no sum of products of one result."""
        place = next((place for place, array in enumerate(arrays) if array is None), 2)
        if len(arrays) != 2 or place > 1 or (place == 1 and node.op in ("Sub", "Div")):
            return None
        values, lying = arrays[1 - place], self.lying(node.input(place))
        if values is None or values.size not in (1, lying.channels) or (lying.turned and values.size > 1):
            return None
        number = np.broadcast_to(values.astype(np.float64).reshape(-1), (lying.channels,))
        ones, zeros = np.ones(lying.channels), np.zeros(lying.channels)
        if node.op in ("Add", "Sub"):
            scale = Scale(ones, number if node.op == "Add" else -number, lying.rows)
        else:
            scale = Scale(number if node.op == "Mul" else ones / number, zeros, lying.rows)
        return self.results.put(scale, self.result(node.input(place)))

    def _beside(self, node: Node) -> int:
        place = self.result(node.input(0))
        for one in node.inputs[1:]:
            place = self.results.put(Concat("?"), place, self.result(one))
        return place

    def _paired(self, name: str, node: Node) -> int:
        one, other = node.inputs[:2]
        is_less = node.op == "Sub"
        maker = self.graph.makers.get(other)
        if node.op == "Add" and maker is not None and maker.op == "Neg":
            other, is_less = maker.input(0), True
        size = self.lying(name)
        if self.lying(one) != size and self.lying(other) == size and not is_less:
            one, other = other, one
        layer: Layer = Multiply("?") if node.op == "Mul" else Add("?", sign="minus" if is_less else "plus")
        place = self.result(one)
        return self.results.put(layer, place, self.result(other))
