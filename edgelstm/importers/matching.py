"""From a graph's scores back to its frames, layer by layer. What no model of ours holds is refused by its node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from edgelstm.importers import cells
from edgelstm.importers.forms import SAME, Floats, Forms
from edgelstm.importers.graph import Graph, Node
from edgelstm.importers.road import Scale, Step, Word
from edgelstm.layers import Activation, Dense

_WORDS: Mapping[str, Word] = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "Softmax": "softmax"}
_PLAIN: Mapping[str, tuple[str, ...]] = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh")}
_MOST_STEPS = 400


@dataclass
class Matched:
    steps: list[Step] = field(default_factory=list)  # first to last
    fresh: bool = False  # whether a recurrent layer begins anew with every call


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
    raise ValueError(f"more than {_MOST_STEPS} layers, expected a model of a few")


class _Matcher:
    def __init__(self, graph: Graph, frames: str):
        self.graph, self.frames, self.forms = graph, frames, Forms(graph)
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
        if node.op in ("Mul", "Add") and (cell := self._cell(node)) is not None:
            return cell
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
        slope = float(node.attributes.get("alpha", 0.2))
        words: Mapping[float, Word] = {0.2: "hard_sigmoid", round(1 / 6, 4): "hard_sigmoid6"}
        if round(slope, 4) not in words or float(node.attributes.get("beta", 0.5)) != 0.5:
            raise ValueError(f"{node.label}: slope {slope:g}, expected 0.2 or 1/6 and 0.5 added")
        return [words[round(slope, 4)]]

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

    def _maker(self, name: str, *ops: str) -> Node | None:
        """The node of one of `ops` that gives `name`, whatever shape it is brought to in between."""
        node = self.graph.makers.get(name)
        while node is not None and node.op in SAME:
            node = self.graph.makers.get(node.input(0))
        return node if node is not None and node.op in ops else None

    def _two(self, node: Node | None, one: str, other: str) -> tuple[Node, Node] | None:
        """Both factors of a product, of these operators in either order."""
        if node is None or len(node.inputs) != 2:
            return None
        for first, second in (node.inputs, node.inputs[::-1]):
            a, b = self._maker(first, one), self._maker(second, other)
            if a is not None and b is not None:
                return a, b
        return None

    def _cell(self, node: Node) -> tuple[list[Step], str] | None:
        """An LSTM's cell, written out: h = σ(o)·tanh(c'), c' = σ(f)·c + σ(i)·tanh(g)."""
        pair = self._two(node, "Sigmoid", "Tanh")
        whole = None if pair is None else self._maker(pair[1].input(0), "Add")
        if pair is None or whole is None:
            return None
        for kept, new in (whole.inputs, whole.inputs[::-1]):
            entering = self._two(self._maker(new, "Mul"), "Sigmoid", "Tanh")
            product = self._maker(kept, "Mul")
            if entering is None or product is None:
                continue
            for gate, cell in (product.inputs, product.inputs[::-1]):
                forget = self._maker(gate, "Sigmoid")
                if forget is not None and self._input_of(cell) is not None:
                    gates = [entering[0], forget, entering[1], pair[0]]  # i, f, g, o
                    return self._written_out(node, [gate.input(0) for gate in gates])
        return None

    def _input_of(self, name: str) -> str | None:
        """The input of the graph that `name` is, or is cut from; None for frames and what is computed."""
        while (maker := self.graph.makers.get(name)) is not None and maker.op in (*SAME, "Slice", "Gather", "Split"):
            name = maker.input(0)
        return name if name in self.graph.inputs and name != self.frames else None

    def _written_out(self, node: Node, gates: list[str]) -> tuple[list[Step], str]:
        forms = [self.forms.of(gate) for gate in gates]
        names = list(dict.fromkeys(name for form in forms for name in form.products))
        states = [name for name in names if self._input_of(name) is not None]
        sources = [name for name in names if name not in states]
        if len(states) != 1 or len(sources) != 1:
            raise ValueError(
                f"{node.label}: a cell of {len(states)} states and {len(sources)} sources, expected one each"
            )
        H = forms[0].bias.size

        def rows(name: str) -> Floats:
            width = next(form.products[name].shape[1] for form in forms if name in form.products)
            return np.concatenate([form.products.get(name, np.zeros((H, width))) for form in forms])

        bias = np.concatenate([form.bias for form in forms])
        W, R = rows(sources[0]), rows(states[0])
        R = R[:, np.abs(R).any(axis=0)] if R.shape[1] > H else R
        return [cells.lstm(W, R, bias)], sources[0]
