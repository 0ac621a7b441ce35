"""From a graph's scores back to its frames, layer by layer. What no model of ours holds is refused by its node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from edgelstm.importers import cells
from edgelstm.importers.forms import SAME, Floats, Forms
from edgelstm.importers.graph import Graph, Node
from edgelstm.importers.road import Scale, Step, Word
from edgelstm.importers.written_out import Cells, gate_of
from edgelstm.layers import Activation, Dense

_WORDS: Mapping[str, Word] = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "Softmax": "softmax"}
_PLAIN: Mapping[str, tuple[str, ...]] = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh")}
_MOST_STEPS = 400


@dataclass
class Matched:
    steps: list[Step] = field(default_factory=list)  # first to last
    fresh: bool = False  # whether a recurrent layer begins anew with every call
    renewed: dict[str, str] = field(
        default_factory=dict
    )  # a state as it comes in → its new value, of cells written out


def match(graph: Graph, frames: str, scores: str) -> Matched:
    """The layers from the input `frames` to the output `scores`. ValueError for a node that is none of ours."""
    matcher = _Matcher(graph, frames)
    found, name = Matched(), scores
    for _ in range(_MOST_STEPS):
        if name == frames:
            return found
        step, name = matcher.before(name)
        found.steps[:0] = step
        found.fresh |= matcher.fresh
        found.renewed = matcher.renewed
    raise ValueError(f"more than {_MOST_STEPS} layers, expected a model of a few")


class _Matcher:
    def __init__(self, graph: Graph, frames: str):
        self.graph, self.frames, self.forms = graph, frames, Forms(graph)
        self.cells = Cells(graph, self.forms, frames)
        self.renewed: dict[str, str] = {}
        self.fresh = False

    def before(self, name: str) -> tuple[list[Step], str]:
        """(what gives `name`, the result that this takes)"""
        node = self.graph.makers.get(name)
        if node is None:
            what = "an input that is no state and no frames" if name in self.graph.inputs else "nothing that varies"
            raise ValueError(f"{name!r:.60}: {what}, expected the road to lead to {self.frames!r:.60}")
        if node.op in SAME:
            return [], node.input(0)
        if node.op in ("Gather", "Slice") and self.graph.constant(node.input(1)) is not None and not self._cuts(node):
            return [], node.input(0)
        if node.op in _WORDS:
            return [_WORDS[node.op]], node.input(0)
        if node.op in self._NODES:
            return self._NODES[node.op](self, node), node.input(0)
        if node.op in ("Mul", "Add", "Sub") and (cell := self.cells.at(node)) is not None:
            self.renewed |= cell.renewed
            return [cell.layer], cell.source
        return self._dense(name, node)

    def _cuts(self, node: Node) -> bool:
        """Whether it takes some of a frame's values."""
        sizes = [int(np.prod(self.graph.shapes.get(name, (0,)))) for name in (node.input(0), node.outputs[0])]
        return sizes[0] == 0 or sizes[1] == 0 or self._last_side(node.input(0)) != self._last_side(node.outputs[0])

    def _last_side(self, name: str) -> int:
        return self.graph.shapes.get(name, (0,))[-1]

    def _dense(self, name: str, node: Node) -> tuple[list[Step], str]:
        form = self.forms.of(name)
        source = form.source
        if source is None or source == name:
            raise ValueError(f"{node.label}: none of the layers that a model holds")
        if form.same():
            return [], source
        matrix = form.products[source]
        square = matrix.shape[0] == matrix.shape[1]
        if source == self.frames and square and not (matrix - np.diag(np.diagonal(matrix))).any():
            return [Scale(np.diagonal(matrix).copy(), form.bias)], source
        return [Dense(matrix.astype(np.float32), form.bias.astype(np.float32))], source

    def _weights(self, node: Node, rows: int) -> list[Floats]:
        """W, R and both biases of a node of a recurrence."""
        attributes = node.attributes
        if attributes.get("direction", "forward") != "forward":
            raise ValueError(f"{node.label}: {attributes['direction']!s:.20}; a stream has no end to read back from")
        for name in ("clip", "input_forget"):
            if attributes.get(name):
                raise ValueError(f"{node.label}: attribute {name} is not supported")
        words = tuple(attributes.get("activations") or _PLAIN[node.op])
        if words != _PLAIN[node.op]:
            raise ValueError(f"{node.label}: activations {', '.join(map(str, words))}, expected {_PLAIN[node.op]}")
        if node.input(7):
            raise ValueError(f"{node.label}: input P (peepholes) is not supported")
        arrays = [self.graph.constant(node.input(place)) for place in (1, 2, 3)]
        if arrays[0] is None or arrays[1] is None or (node.input(3) and arrays[2] is None):
            raise ValueError(f"{node.label}: weights that are no constants")
        if any(array is not None and (array.ndim < 2 or len(array) != 1) for array in arrays):
            raise ValueError(f"{node.label}: weights of more than one direction")
        W, R = arrays[0][0], arrays[1][0]
        both = np.zeros(2 * len(W)) if arrays[2] is None else arrays[2][0]
        if W.ndim != 2 or R.ndim != 2 or len(W) % rows or both.shape != (2 * len(W),):
            raise ValueError(f"{node.label}: weights {W.shape}, {R.shape} and biases {both.shape} do not fit")
        return [W, R, *np.split(both, 2)]

    def _state(self, node: Node, place: int) -> Floats | None:
        """The state that a node begins with: None where it is an input, or zeros; else a constant."""
        name = node.input(place)
        if not name:
            self.fresh = True
            return None
        constant = self.graph.constant(name)
        if constant is not None:
            self.fresh = True
            return constant.reshape(-1).astype(np.float64) if constant.any() else None
        while (maker := self.graph.makers.get(name)) is not None:
            name = maker.input(0)
        if name not in self.graph.inputs or name == self.frames:
            raise ValueError(f"{node.label}: begins with what the graph computes, expected an input or a constant")
        return None

    def _lstm(self, node: Node) -> list[Step]:
        W, R, b, rb = self._weights(node, 4)
        h0, c0 = self._state(node, 5), self._state(node, 6)
        return [cells.lstm(W, R, b, rb, gates="iofg", h0=h0, c0=c0)]

    def _gru(self, node: Node) -> list[Step]:
        W, R, b, rb = self._weights(node, 3)
        after = bool(node.attributes.get("linear_before_reset"))
        return [cells.gru(W, R, b, rb, reset="after" if after else "before", h0=self._state(node, 5))]

    def _batch_norm(self, node: Node) -> list[Step]:
        arrays = [self.graph.constant(node.input(place)) for place in (1, 2, 3, 4)]
        weight, bias, mean, var = (np.zeros(0) if a is None else a.astype(np.float64) for a in arrays)
        if not weight.size or not weight.size == bias.size == mean.size == var.size:
            raise ValueError(f"{node.label}: weights that are no constants")
        factor = weight / np.sqrt(var + float(node.attributes.get("epsilon", 1e-5)))
        return [Scale(factor, bias - mean * factor)]

    def _hard_sigmoid(self, node: Node) -> list[Step]:
        return [gate_of(node)]

    def _leaky(self, node: Node) -> list[Step]:
        slope = np.array([node.attributes.get("alpha", 0.01)], np.float32)
        return [Activation("leaky_relu", slope=slope)]

    _NODES: Mapping[str, Callable[[_Matcher, Node], list[Step]]] = {
        "LSTM": _lstm,
        "GRU": _gru,
        "BatchNormalization": _batch_norm,
        "HardSigmoid": _hard_sigmoid,
        "LeakyRelu": _leaky,
    }
