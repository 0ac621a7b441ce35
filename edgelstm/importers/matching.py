"""From a graph's scores back to its frames, layer by layer. What no model of ours holds is refused by its node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from edgelstm.importers.alone import ALONE
from edgelstm.importers.forms import SAME, Floats, Forms
from edgelstm.importers.graph import Graph, Node, NodeError
from edgelstm.importers.layout import CHANNEL, FRAME, ROW, Layout, Lying, reduced_axes
from edgelstm.importers.norms import with_norms
from edgelstm.importers.operators import RECURRENT, check_recurrences, recurrent
from edgelstm.importers.patterns import Cut, Patterns
from edgelstm.importers.results import Results
from edgelstm.importers.road import Scale, Step, Word
from edgelstm.importers.sounds import Padded, convolution, filter_of, padded, pads_of, spectrum_of
from edgelstm.importers.written_out import Cells
from edgelstm.layers import (
    Add,
    Concat,
    Context,
    Conv,
    Dense,
    Last,
    Layer,
    LayerNorm,
    Log,
    Magnitude,
    Mean,
    Multiply,
    Shape,
)

_WORDS: Mapping[str, Word] = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "Softmax": "softmax"}
_MOST_STEPS = 400


class StackedError(NodeError):
    """A layer sees several frames of a call at once: they have to be rows of one frame."""


@dataclass
class Matched:
    steps: list[Step] = field(default_factory=list)  # first to last
    fresh: bool = False  # whether a recurrent layer begins anew with every call
    renewed: dict[str, str] = field(
        default_factory=dict
    )  # a state as it comes in → its new value, of cells written out
    stacked: int = 0  # frames that are taken together as rows of one; 0: each goes the whole road by itself


def match(graph: Graph, frames: str, scores: str, overlap: int = 0) -> Matched:
    """The layers from the input `frames` to the output `scores`. overlap: values of a frame that are the newest of
    the one before, which whoever runs the graph puts there. ValueError for a node that is none of ours."""
    graph = with_norms(graph)
    *sides, values = graph.shapes.get(frames) or (1,)
    together = int(np.prod(sides))
    first = Context(values, channels=1) if overlap else None
    try:
        try:
            return _Matcher(graph, frames, FRAME, first).matched(scores)
        except StackedError:
            stack = Context(together, together)
            found = _Matcher(graph, frames, ROW, stack).matched(scores)
            found.stacked = together
            return found
    except NodeError:
        check_recurrences(graph, scores)  # what nodes behind one that is not read are refused for follows from it
        raise
    except RecursionError:
        raise ValueError(f"more than {_MOST_STEPS} layers, expected a model of a few") from None


class _Matcher:
    def __init__(self, graph: Graph, frames: str, letter: str, first: Context | None):
        self.graph, self.frames = graph, frames
        self.layout = Layout(graph, frames, letter)
        self.forms = Forms(graph, self.layout)
        self.cells = Cells(graph, self.forms, frames)
        self.patterns = Patterns(graph, self.layout)
        self.is_stacked = letter == ROW
        self.results = Results((graph.shapes.get(frames) or (1,))[-1], first)
        self.found = {frames: self.results.frames}
        self.matched_so_far = Matched()

    def matched(self, scores: str) -> Matched:
        last = self.result(scores)
        self.matched_so_far.steps = self.results.steps(last)
        return self.matched_so_far

    def result(self, name: str) -> int:
        """The place of what gives `name` among the results."""
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
            step = ALONE[node.op](self.graph, node, self._lying(node.input(0)).rows)
            return self.results.put(step, self.result(node.input(0)))
        if node.op in RECURRENT:
            return self._recurrent(name, node)
        if node.op in self._NODES and (made := self._NODES[node.op](self, node)) is not None:
            return made
        if node.op in ("Mul", "Add", "Sub") and (cell := self.cells.at(node)) is not None:
            self.matched_so_far.renewed |= cell.renewed
            return self.results.put(cell.layer, self.result(cell.source))
        return self._linear(name, node)

    def _lying(self, name: str) -> Lying:
        found = self.layout.lying(name)
        return found or Lying(1, max(1, int(np.prod(self.graph.shapes.get(name, (1,))))))

    def _whole(self, node: Node) -> int:
        """The place of what a node takes, whose rows a layer has to see as the node does."""
        place, lying = self.result(node.input(0)), self._lying(node.input(0))
        if self.results.shape(place) != Shape(lying.rows, lying.channels):
            raise ValueError(f"{node.label}: over rows that lie side by side, expected a product between")
        return place

    def _reshaped(self, node: Node) -> int:
        if FRAME in (self.layout.axes(node.input(0)) or ()) and FRAME not in (
            self.layout.axes(node.outputs[0]) or ()
        ):
            raise StackedError(f"{node.label}: frames of a call side by side")
        before, after = self._lying(node.input(0)), self._lying(node.outputs[0])
        if before.turned and min(before.rows, before.channels) > 1:
            raise ValueError(f"{node.label}: channels side by side, expected a product behind it")
        place = self.result(node.input(0))
        if after.rows == 1:  # layers that want a vector take rows side by side
            return place
        return self.results.put(Context(after.rows, channels=after.channels), place)

    def _picked(self, node: Node) -> int | None:
        """One of several: the newest frame or row, or a part that was put beside others. None for channels."""
        cut = self.patterns.cut(node)
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
                return self._conv(maker, cut)
            one_by_one = cut.stop - cut.start == 1 and letter == FRAME
            why = "; a cell for each frame is not read: export one frame, with its states" if one_by_one else ""
            raise ValueError(f"{node.label}: frames {cut.start} to {cut.stop} of {cut.side}, expected the last{why}")
        if letter == FRAME:
            return self.result(node.input(0))
        return self.results.put(Last(), self._whole(node))

    def _word(self, node: Node) -> int:
        if node.op != "Softmax":
            return self.results.put(_WORDS[node.op], self.result(node.input(0)))
        letter = self.layout.letter(node.input(0), int(node.attributes.get("axis", -1)))
        if letter in (ROW, FRAME):
            raise ValueError(f"{node.label}: over rows, expected over the channels of each")
        return self.results.put("softmax", self._whole(node))

    def _recurrent(self, name: str, node: Node) -> int:
        if len(node.outputs) > 2 and name == node.outputs[2]:
            raise ValueError(f"{node.label}: its cell is an answer, expected what it gives")
        found = recurrent(self.graph, self.frames, node)
        layer = found.layer
        if self.is_stacked and found.fresh:
            layer = replace(layer, carry=False)
        self.matched_so_far.fresh |= found.fresh
        lying = self._lying(node.input(0))
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
        rows = self._lying(name).rows
        if not (W.shape[0] != W.shape[1] or (W - np.diag(np.diagonal(W))).any()):
            return self.results.put(Scale(np.diagonal(W).copy(), b, rows), self.result(source))
        maker = self.graph.makers.get(source)
        if maker is not None and maker.op in SAME and (lying := self._lying(maker.input(0))).turned:
            order = np.arange(lying.rows * lying.channels).reshape(lying.channels, lying.rows)
            W, source = W[:, order.T.reshape(-1)], maker.input(0)
        weights, bias = W.astype(np.float32), b.astype(np.float32)
        layer: Layer = Dense(weights, bias) if rows == 1 else Conv(weights[:, None], bias)
        return self.results.put(layer, self.result(source))

    def _joined(self, name: str, node: Node) -> int:
        """Results of several layers, or a constant with what is no sum of products."""
        arrays = [self.graph.constant(one) for one in node.inputs[:2]]
        W = arrays[1] if len(arrays) > 1 else None
        if node.op in ("MatMul", "Gemm") and W is not None and W.ndim == 2:
            W = W.T if node.op == "MatMul" or not node.attributes.get("transB") else W
            bias = self.graph.constant(node.input(2)) if node.op == "Gemm" else None
            b = np.zeros(len(W)) if bias is None else np.broadcast_to(bias.reshape(-1), (len(W),))
            if not node.input(2) or bias is not None:
                return self._product(W.astype(np.float64), b.astype(np.float64), node.input(0), name)
        if node.op == "Concat" and self.layout.letter(name, int(node.attributes.get("axis", 0))) == CHANNEL:
            return self._beside(node)
        if node.op in ("Add", "Sub", "Mul") and all(array is None for array in arrays):
            return self._paired(name, node)
        if node.op in ("Loop", "Scan", "If"):
            raise ValueError(
                f"{node.label}: not read; expected a graph of one frame, whose states go in and come out"
            )
        raise ValueError(f"{node.label}: none of the layers that a model holds")

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
        size = self._lying(name)
        if self._lying(one) != size and self._lying(other) == size and not is_less:
            one, other = other, one
        layer: Layer = Multiply("?") if node.op == "Mul" else Add("?", sign="minus" if is_less else "plus")
        place = self.result(one)
        return self.results.put(layer, place, self.result(other))

    def _conv(self, node: Node, cut: Cut | None = None) -> int | None:
        """cut: the rows that are kept of what it gives; a causal one leaves out its last."""
        found = filter_of(self.graph, node)
        axes = self.layout.axes(node.input(0))
        if axes is not None and FRAME in axes:
            raise StackedError(f"{node.label}: over the frames of a call")
        place = padded(self.graph, self.layout, node.input(0))
        if axes is None or axes[1] == ROW or len(axes) != 3:
            raise ValueError(f"{node.label}: of sides {axes}, expected channels, then rows")
        lying = self._lying(place.name)
        samples = found.channels == 1 and lying.rows == 1
        rows = lying.channels if samples else lying.rows
        place = place.more(node, *pads_of(node, found, rows), "zero")
        if cut is not None:
            place = place.less(node, cut.start * found.stride, (cut.side - cut.stop) * found.stride)
        if (spectrum := spectrum_of(found, place, True)) is not None:
            return self.results.put(spectrum, self.result(place.name))
        source = self.result(place.name)
        if samples and self.results.shape(source) != Shape(rows, 1):
            source = self.results.put(Context(rows, channels=1), source)
        return self.results.put(convolution(found, place, rows), source)

    def _causal(self, node: Node) -> int | None:
        """Over the frame and those before it; weights (outputs, taps, channels)."""
        W, b = self.graph.constant(node.input(1)), self.graph.constant(node.input(2))
        if W is None or (node.input(2) and b is None):
            raise ValueError(f"{node.label}: weights that are no constants")
        bias = np.zeros(len(W), np.float32) if b is None else b.reshape(-1).astype(np.float32)
        dilation = int(node.attributes.get("dilation", 1))
        layer = Conv(W.astype(np.float32), bias, dilation=dilation)
        rows = (layer.taps - 1) * dilation + 1
        return self.results.put(layer, self.results.put(Context(rows), self.result(node.input(0))))

    def _magnitude(self, node: Node) -> int | None:
        halves = self.patterns.halves(node)
        if halves is None:
            return None
        base, skipped = halves
        maker = self.graph.makers[base]
        if maker.op == "Conv":
            found = filter_of(self.graph, maker)
            place = padded(self.graph, self.layout, maker.input(0))
            place = place.more(maker, *pads_of(maker, found, self._lying(place.name).channels), "zero")
            less = skipped * found.stride
            place = Padded(place.name, place.before - less, place.after, place.fill)
            spectrum = spectrum_of(found, place, False) if place.before >= 0 else None
            if spectrum is not None:
                return self.results.put(Magnitude(), self.results.put(spectrum, self.result(place.name)))
        if skipped:
            raise ValueError(f"{node.label}: without the first rows, expected all")
        return self.results.put(Magnitude(), self.result(base))

    def _norm(self, node: Node) -> int | None:
        """Of the operator."""
        name = node.input(0)
        axes = self.layout.axes(name) or ()
        axis = int(node.attributes.get("axis", -1)) % max(len(axes), 1)
        gamma, beta = (self.graph.constant(node.input(place)) for place in (1, 2))
        if {letter for letter in axes[axis:] if letter != "1"} != {CHANNEL} or gamma is None:
            raise ValueError(f"{node.label}: not over the channels of each row alone")
        if node.input(2) and beta is None:
            raise ValueError(f"{node.label}: weights that are no constants")
        gains = gamma.reshape(-1).astype(np.float32)
        offsets = np.zeros(gains.size, np.float32) if beta is None else beta.reshape(-1).astype(np.float32)
        layer = LayerNorm(gains, offsets, float(node.attributes.get("epsilon", 1e-5)))
        return self.results.put(layer, self._whole(node))

    def _divided(self, node: Node) -> int | None:
        """A layer normalization that is written out."""
        found = self.patterns.normalized(node)
        if found is None:
            return None
        name, epsilon = found
        ones = np.ones(self._lying(name).channels, np.float32)
        return self.results.put(LayerNorm(ones, np.zeros_like(ones), epsilon), self.result(name))

    def _log(self, node: Node) -> int | None:
        form = self.forms.of(node.input(0))
        source = form.source
        if source is None:
            return None
        W, b = form.products[source], form.bias
        scale, floor = float(W.flat[0]), float(b[0])
        if W.shape[0] != W.shape[1] or (scale * np.eye(len(W)) != W).any() or (b != floor).any() or floor < 0:
            return self.results.put(Log(1.0, 0.0), self.result(node.input(0)))
        return self.results.put(Log(scale, floor), self.result(source))

    def _squared(self, node: Node) -> int | None:
        power = self.graph.constant(node.input(1))
        if power is None or power.size != 1 or float(power.reshape(-1)[0]) != 2:
            return None
        place = self.result(node.input(0))
        return self.results.put(Multiply("?"), place, place)

    def _mean(self, node: Node) -> int | None:
        axes = reduced_axes(self.graph, node)
        name = node.input(0)
        if axes is None or self.layout.axes(name) is None:
            return None
        letters = {self.layout.letter(name, axis) for axis in axes} - {"1"}
        if FRAME in letters:
            raise StackedError(f"{node.label}: over the frames of a call")
        lying, place = self._lying(name), self.result(name)
        if self.results.shape(place) == Shape(lying.channels, lying.rows) != Shape(lying.rows, lying.channels):
            letters = {ROW if letter == CHANNEL else CHANNEL for letter in letters}  # of one value each, side by side
            lying = Lying(lying.channels, lying.rows)
        elif letters:
            place = self._whole(node)
        if ROW in letters:
            place = self.results.put(Mean("rows"), place)
        if CHANNEL in letters:
            place = self.results.put(Mean("channels"), place)
        return place

    _NODES: Mapping[str, Callable[[_Matcher, Node], int | None]] = {
        "CausalConv": _causal,
        "Conv": _conv,
        "Div": _divided,
        "LayerNormalization": _norm,
        "Log": _log,
        "Pow": _squared,
        "ReduceMean": _mean,
        "Sqrt": _magnitude,
    }
    """None where it is not what the operator is usually there for."""
