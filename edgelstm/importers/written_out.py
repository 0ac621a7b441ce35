"""Recurrent cells that are written out in operators, told by their equations, however these are put together:

    LSTM    h' = o·tanh(c')    c' = f·c + i·g
    GRU     h' = z·h + (1 - z)·n, also with the roles of z and 1 - z exchanged

A value is expanded into a sum of products of gates, states and candidates first: what is left to compare does not
depend on who wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers import cells
from edgelstm.importers.forms import Floats, Form, Forms, added
from edgelstm.importers.graph import SAME, Graph, Node
from edgelstm.importers.moves import Moves, Numbers
from edgelstm.layers import GRU, LSTM
from edgelstm.layers.functions import Candidate, Gate

Terms = Mapping[tuple[str, ...], float]
"""A sum of products: names of the factors, in order → what the product is multiplied with."""

_GATES = ("Sigmoid", "HardSigmoid")
_CANDIDATES: Mapping[str, Candidate] = {"Tanh": "tanh", "Relu": "relu"}
_CUT = (*SAME, "Slice", "Gather", "Split")
_MOST_TERMS, _MOST_DEEP = 24, 60


@dataclass(frozen=True, eq=False)
class CellState:
    """ways: results that it comes in by, and which of their values it is, all where that is None; they have to be the
    same values. after: name of its new value."""

    ways: tuple[tuple[str, NDArray[np.intp] | None], ...]
    after: str


@dataclass(frozen=True, eq=False)
class Cell:
    layer: LSTM | GRU
    source: str
    states: tuple[CellState, ...]


class Cells:
    """Of a graph whose frames come in by the name `frames`. ValueError, naming the node, for a cell that no layer of
    ours is."""

    def __init__(self, graph: Graph, forms: Forms, frames: str):
        self.graph, self.forms, self.frames = graph, forms, frames
        self._known: dict[str, Terms] = {}
        for node in graph.nodes:
            if node.op in ("Add", "Sub") and self._mixed(self._terms(node.outputs[0])) is not None:
                forms.whole.add(node.outputs[0])

    def at(self, node: Node) -> Cell | None:
        """The cell whose new h `node` gives; None where it is none."""
        try:
            return self._lstm(node) or self._gru(node)
        except ValueError as error:
            raise ValueError(f"{node.label}: {error}") from None

    def states(self, cell: Cell, moves: Moves) -> Iterator[tuple[Numbers, Numbers | None]]:
        """Of each state, numbers of its values as they come in and as the cell leaves them."""
        for state in cell.states:
            found = []
            for name, places in state.ways:
                numbers = moves.of(name)
                if numbers is None:
                    raise ValueError(f"a state {name!r:.40} of unknown shape")
                found.append(numbers.reshape(-1) if places is None else numbers.reshape(-1)[places])
            if any(not np.array_equal(one, found[0]) for one in found):
                raise ValueError(f"takes its state {state.ways[0][0]!r:.40} in two orders, expected one")
            yield found[0], moves.of(state.after)

    def input_of(self, name: str) -> str | None:
        """The input of the graph that `name` is, or is cut from; None for frames and what is computed."""
        while (maker := self.graph.makers.get(name)) is not None and maker.op in _CUT:
            name = maker.input(0)
        return name if name in self.graph.inputs and name != self.frames else None

    def _op(self, name: str) -> str:
        maker = self.graph.makers.get(name)
        return "" if maker is None else maker.op

    def _terms(self, name: str, depth: int = 0) -> Terms:
        name = self.graph.plain(name)
        if name not in self._known:
            self._known[name] = self._expanded(name, depth)
        return self._known[name]

    def _expanded(self, name: str, depth: int) -> Terms:
        constant = self.graph.constant(name)
        if constant is not None:
            first = float(constant.reshape(-1)[0]) if constant.size else 0.0
            return {(): first} if constant.size and (constant == first).all() else {(name,): 1.0}
        node = self.graph.makers.get(name)
        if node is None or node.op not in ("Add", "Sub", "Mul") or depth > _MOST_DEEP:
            return {(name,): 1.0}
        one, other = (self._terms(node.input(place), depth + 1) for place in (0, 1))
        found: dict[tuple[str, ...], float] = {}
        if node.op == "Mul":
            for (a, x), (b, y) in ((a, b) for a in one.items() for b in other.items()):
                key = tuple(sorted((*a, *b)))
                found[key] = found.get(key, 0.0) + x * y
        else:
            sign = 1.0 if node.op == "Add" else -1.0
            found = dict(one)
            for key, value in other.items():
                found[key] = found.get(key, 0.0) + sign * value
        found = {key: value for key, value in found.items() if value}
        return found if len(found) <= _MOST_TERMS else {(name,): 1.0}

    def _lstm(self, node: Node) -> Cell | None:
        pair = self._gated(self._terms(node.outputs[0]))
        if pair is None:
            return None
        o, squashed = pair
        inside = self.graph.makers[squashed].input(0)
        whole = self._terms(inside)
        kept = [key for key in whole if any(self.input_of(name) is not None for name in key)]
        if len(whole) != 2 or len(kept) != 1 or len(kept[0]) != 2 or whole[kept[0]] != 1:
            return None
        entering = self._gated({key: value for key, value in whole.items() if key != kept[0]})
        forget = [name for name in kept[0] if self._op(name) in _GATES]
        cell = [name for name in kept[0] if self.input_of(name) is not None]
        if entering is None or len(forget) != 1 or len(cell) != 1:
            return None
        i, g = entering
        if self._op(g) != self._op(squashed):
            raise ValueError(f"{self._op(g)} and {self._op(squashed)} in one cell, expected the same twice")
        gates = [i, forget[0], g, o]
        found = [self.forms.of(self.graph.makers[name].input(0)) for name in gates]
        source, state = self._ends(found)
        R = _rows(found, state)
        columns = _columns(R, found[0].bias.size)
        layer = cells.lstm(
            _rows(found, source),
            R[:, columns],
            np.concatenate([form.bias for form in found]),
            gate=self._function([i, forget[0], o]),
            candidate=_CANDIDATES[self._op(g)],
        )
        h, c = CellState(((state, columns),), node.outputs[0]), CellState(((cell[0], None),), inside)
        return Cell(layer, source, (h, c))

    def _gated(self, terms: Terms) -> tuple[str, str] | None:
        """(gate, candidate) of a product of the two; None for what is none."""
        key = next(iter(terms), ())
        if len(terms) != 1 or len(key) != 2 or terms[key] != 1:
            return None
        for gate, candidate in (key, key[::-1]):
            if self._op(gate) in _GATES and self._op(candidate) in _CANDIDATES:
                return gate, candidate
        return None

    def _ends(self, forms: Sequence[Form], *known: str) -> tuple[str, str]:
        """(source, state) of gates; `known` are neither."""
        names = list(dict.fromkeys(name for form in forms for name in form.products if name not in known))
        states = [name for name in names if self.input_of(name) is not None]
        sources = [name for name in names if name not in states]
        if len(states) != 1 or len(sources) != 1:
            raise ValueError(f"a cell of {len(states)} states and {len(sources)} sources, expected one each")
        return sources[0], states[0]

    def _function(self, gates: Sequence[str]) -> Gate:
        found: set[Gate] = {gate_of(self.graph.makers[name]) for name in gates}
        if len(found) != 1:
            raise ValueError(f"gates of {', '.join(sorted(found))} in one cell, expected one function")
        return found.pop()

    def _gru(self, node: Node) -> Cell | None:
        terms = self._terms(node.outputs[0])
        found = self._mixed(terms)
        if found is None:
            return None
        h, z, others, sign = found
        made: list[Node | None] = [self.graph.makers.get(name) for name in others]
        first = made[0]
        candidate: Candidate = "linear"
        if len(others) == 1 and first is not None and first.op in _CANDIDATES:
            candidate = _CANDIDATES[first.op]
            whole = self.forms.of(first.input(0))
        else:
            whole = self.forms.of(others[0])
            for name in others[1:]:
                whole = added(whole, self.forms.of(name))
        reset = [(name, pair) for name in whole.products if (pair := self._reset(name, h)) is not None]
        if len(reset) != 1:
            return None
        (product, (r, value)) = reset[0]
        gates = [self.forms.of(self.graph.makers[name].input(0)) for name in (z, r)]
        gates[0] = Form({name: sign * M for name, M in gates[0].products.items()}, sign * gates[0].bias)
        source, state = self._ends([*gates, whole], product)
        inner, outer = self.forms.of(value), whole.products[product]
        is_before = _is_cut(inner) and inner.source is not None and self.input_of(inner.source) is not None
        if not is_before and not np.array_equal(outer, np.eye(len(outer))):
            raise ValueError("a reset between two products, expected it before or after one")
        if not is_before and set(inner.products) != {state}:
            raise ValueError(f"a reset of what is not its state {state!r:.40}")
        R = _rows(gates, state) if is_before else np.concatenate([_rows(gates, state), inner.products[state]])
        columns = _columns(R, len(outer))
        back = outer if is_before else inner.products[state][:, columns]
        ways: list[tuple[str, NDArray[np.intp] | None]] = [(state, columns), (h, None)]
        if is_before and inner.source is not None:
            ways.append((inner.source, np.argmax(inner.products[inner.source], axis=1)))
        layer = cells.gru(
            _rows([*gates, whole], source),
            np.concatenate([_rows(gates, state)[:, columns], back]),
            np.concatenate([form.bias for form in (*gates, whole)]),
            None if is_before else np.concatenate([np.zeros(2 * len(outer)), inner.bias]),
            reset="before" if is_before else "after",
            gate=self._function([z, r]),
            candidate=candidate,
        )
        return Cell(layer, source, (CellState(tuple(ways), node.outputs[0]),))

    def _mixed(self, terms: Terms) -> tuple[str, str, list[str], float] | None:
        """(h, z, the candidate as a sum, 1 or -1 where z lets the candidate in)"""
        names = list(dict.fromkeys(name for key in terms for name in key))
        states = [name for name in names if self.input_of(name) is not None]
        if len(states) != 1 or len(names) < 3:
            return None
        h = states[0]
        for z in (name for name in names if self._op(name) in _GATES):
            others = [name for name in names if name not in (h, z)]
            with_h, with_z = tuple(sorted((z, h))), {name: tuple(sorted((z, name))) for name in others}
            straight = {with_h: 1.0} | {(name,): 1.0 for name in others} | {with_z[name]: -1.0 for name in others}
            turned = {(h,): 1.0, with_h: -1.0} | {with_z[name]: 1.0 for name in others}
            for wanted, sign in ((straight, 1.0), (turned, -1.0)):
                if dict(terms) == wanted:
                    return h, z, others, sign
        return None

    def _reset(self, name: str, h: str) -> tuple[str, str] | None:
        """(r, what of the state it is multiplied with)"""
        node = self.graph.makers.get(self.graph.plain(name))
        if node is None or node.op != "Mul":
            return None
        for gate, value in (node.inputs, node.inputs[::-1]):
            if self._op(self.graph.plain(gate)) not in _GATES:
                continue
            state = self.input_of(h)
            if any(self.input_of(one) == state for one in self.forms.of(value).products):
                return self.graph.plain(gate), value
        return None


def gate_of(node: Node) -> Gate:
    """The function of a node of Sigmoid or HardSigmoid. ValueError for one that no layer has."""
    if node.op == "Sigmoid":
        return "sigmoid"
    slope = float(node.attributes.get("alpha", 0.2))
    words: Mapping[float, Gate] = {0.2: "hard_sigmoid", round(1 / 6, 4): "hard_sigmoid6"}
    if round(slope, 4) not in words or float(node.attributes.get("beta", 0.5)) != 0.5:
        raise ValueError(f"{node.label}: slope {slope:g}, expected 0.2 or 1/6 and 0.5 added")
    return words[round(slope, 4)]


def _rows(forms: Sequence[Form], name: str) -> Floats:
    width = next(form.products[name].shape[1] for form in forms if name in form.products)
    return np.concatenate([form.products.get(name, np.zeros((form.bias.size, width))) for form in forms])


def _columns(R: Floats, units: int) -> NDArray[np.intp]:
    """Those of a layer in weights for the states of several, of which the others meet no weights."""
    return np.arange(units) if R.shape[1] == units else np.flatnonzero(np.abs(R).any(axis=0))


def _is_cut(form: Form) -> bool:
    """Whether it is values of its only source as they are."""
    if form.source is None or form.bias.any():
        return False
    matrix = form.products[form.source]
    return bool(((matrix == 0) | (matrix == 1)).all() and (matrix.sum(axis=1) == 1).all())
