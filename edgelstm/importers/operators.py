"""The standard's recurrent operators, LSTM and GRU, as layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgelstm.importers import cells
from edgelstm.importers.forms import Floats
from edgelstm.importers.graph import RECURRENT, Array, Graph, Node, NodeError
from edgelstm.layers import GRU, LSTM
from edgelstm.layers.functions import Candidate, Gate

_PLAIN: Mapping[str, tuple[str, ...]] = {
    "LSTM": ("Sigmoid", "Tanh", "Tanh"),
    "DynamicQuantizeLSTM": ("Sigmoid", "Tanh", "Tanh"),
    "GRU": ("Sigmoid", "Tanh"),
}
_GATES: Mapping[tuple[str, ...], Gate] = {
    ("sigmoid",): "sigmoid",
    ("hardsigmoid", "0.2000", "0.5000"): "hard_sigmoid",
    ("hardsigmoid", "0.1667", "0.5000"): "hard_sigmoid6",
}
_CANDIDATES: Mapping[tuple[str, ...], Candidate] = {
    ("tanh",): "tanh",
    ("relu",): "relu",
    ("affine", "1.0000", "0.0000"): "linear",
}
_WITH_NUMBERS = {"hardsigmoid": (0.2, 0.5), "affine": (1.0, 0.0)}  # alpha and beta, where none are given


@dataclass(frozen=True, eq=False)
class Recurrent:
    """begins: names of what it begins every call with, h and c; none where that is its own."""

    layer: LSTM | GRU
    begins: tuple[str, ...]

    @property
    def fresh(self) -> bool:
        return not self.begins


def recurrent(graph: Graph, frames: str, node: Node) -> Recurrent:
    """ValueError, naming the node, for what no layer of ours does."""
    _check(graph, node)
    arrays = _arrays(graph, node)
    W, R, b, rb = _weights(node, arrays, 3 if node.op == "GRU" else 4)
    states = [_state(graph, frames, node, place) for place in ((5,) if node.op == "GRU" else (5, 6))]
    if len({is_own for is_own, _ in states}) > 1:
        raise ValueError(f"{node.label}: h or c alone goes on from call to call, expected both or neither")
    begins = () if states[0][0] else node.inputs[5 : 5 + len(states)]
    if len(begins) == 2 and begins[0] == begins[1]:
        name = _first(graph, node.input(5))
        raise ValueError(f"{node.label}: h and c both begin with input {name!r:.40}, expected one each")
    first = [None if values is None or not values.any() else values for _, values in states]
    gate, candidate = _functions(node)
    if node.op == "GRU":
        reset: Literal["after", "before"] = "after" if node.attributes.get("linear_before_reset") else "before"
        gru = cells.gru(W, R, b, rb, reset=reset, h0=first[0], gate=gate, candidate=candidate)
        return Recurrent(gru, begins)
    h0, c0 = first
    lstm = cells.lstm(W, R, b, rb, gates="iofg", h0=h0, c0=c0, gate=gate, candidate=candidate)
    return Recurrent(lstm, begins)


def has_own_rows(graph: Graph, node: Node) -> bool:
    """Whether the first side of what a node takes is of a length that a constant says, as rows within a frame have,
    and does not depend on how many frames a call takes."""
    name, axis = node.input(0), 0
    for _ in range(8):
        maker = graph.makers.get(name)
        if maker is None:
            return False
        if maker.op == "Transpose" and len(order := list(maker.attributes.get("perm") or ())) > axis:
            axis = int(order[axis])
        elif maker.op == "Reshape":
            sides = graph.constant(maker.input(1))
            return sides is not None and axis < sides.size and int(sides.reshape(-1)[axis]) > 0
        elif maker.op != "Identity":
            return False
        name = maker.input(0)
    return False


def check_recurrences(graph: Graph, scores: str) -> None:
    """NodeError for the first node of a recurrence on the way to `scores` that no layer of ours is."""
    behind, seen = [scores], {scores}
    while behind:
        maker = graph.makers.get(behind.pop())
        new = [] if maker is None else [name for name in maker.inputs if name not in seen]
        seen.update(new)
        behind += new
    for node in graph.nodes:
        if node.op in RECURRENT and seen.intersection(node.outputs):
            try:
                _check(graph, node)
            except ValueError as error:
                raise NodeError(str(error)) from None


def _check(graph: Graph, node: Node) -> None:
    attributes = node.attributes
    sides = graph.shapes.get(node.input(0), ())
    if len(sides) == 3 and sides[1] > 1:
        raise ValueError(f"{node.label}: batch {sides[1]}, expected 1: one sequence")
    if attributes.get("direction", "forward") != "forward":
        raise ValueError(f"{node.label}: {attributes['direction']!s:.20}; a stream has no end to read back from")
    for name in ("clip", "input_forget", "layout"):
        if attributes.get(name):
            raise ValueError(f"{node.label}: attribute {name} is not supported")
    _functions(node)
    if node.input(4):
        lengths = graph.constant(node.input(4))
        if lengths is None or not sides or (lengths != sides[0]).any():
            raise ValueError(f"{node.label}: input sequence_lens, expected sequences of all frames of a call")
    if node.input(7):
        raise ValueError(f"{node.label}: input P (peepholes) is not supported")


def _functions(node: Node) -> tuple[Gate, Candidate]:
    """Of its gates and of its candidate. Numbers of functions stand in lists, in the order of those that have any."""
    words = [str(word).lower() for word in node.attributes.get("activations") or _PLAIN[node.op]]
    numbers = [list(node.attributes.get(f"activation_{name}") or ()) for name in ("alpha", "beta")]
    found: list[tuple[str, ...]] = []
    for word in words:
        defaults = _WITH_NUMBERS.get(word, ())
        taken = [given.pop(0) if given else default for given, default in zip(numbers, defaults)]
        found.append((word, *(f"{float(one):.4f}" for one in taken)))
    first, *rest = found or [("none",)]
    if len(words) != len(_PLAIN[node.op]) or first not in _GATES or len({*rest}) != 1 or rest[0] not in _CANDIDATES:
        shown = ", ".join(" ".join(one) for one in found)
        raise ValueError(
            f"{node.label}: activations {shown:.80}, expected sigmoid or a hard sigmoid, then tanh, relu or linear"
        )
    return _GATES[first], _CANDIDATES[rest[0]]


def _arrays(graph: Graph, node: Node) -> list[Array | None]:
    """W, R and B as the standard's LSTM and GRU have them."""
    W, R, B = (graph.constant(node.input(place)) for place in (1, 2, 3))
    if node.op != "DynamicQuantizeLSTM" or W is None or R is None:
        return [W, R, B]
    found: list[Array | None] = []
    for array, place in ((W, 8), (R, 10)):
        scale, zero = graph.constant(node.input(place)), graph.constant(node.input(place + 1))
        if scale is None or zero is None or array.ndim != 3 or len(array) != 1:
            raise ValueError(f"{node.label}: scales of its weights that are no constants")
        if {scale.size, zero.size} - {1, array.shape[2]}:
            raise ValueError(f"{node.label}: {scale.size} scales of weights {array.shape}, expected one or one a row")
        whole = (array[0].astype(np.float64) - zero.reshape(-1).astype(np.float64)) * scale.reshape(-1)
        found.append(whole.T[None])
    return [*found, B]


def _weights(node: Node, arrays: list[Array | None], gates: int) -> list[Floats]:
    """W, R and both biases of a node of a recurrence."""
    if arrays[0] is None or arrays[1] is None or (node.input(3) and arrays[2] is None):
        raise ValueError(f"{node.label}: weights that are no constants")
    if any(array is not None and (array.ndim < 2 or len(array) != 1) for array in arrays):
        raise ValueError(f"{node.label}: weights of more than one direction")
    W, R = arrays[0][0], arrays[1][0]
    both = np.zeros(2 * len(W)) if arrays[2] is None else arrays[2][0]
    if W.ndim != 2 or R.ndim != 2 or len(W) % gates or both.shape != (2 * len(W),):
        raise ValueError(f"{node.label}: weights {W.shape}, {R.shape} and biases {both.shape} do not fit")
    return [W, R, *np.split(both, 2)]


def _state(graph: Graph, frames: str, node: Node, place: int) -> tuple[bool, Floats | None]:
    """The state that a node begins with: (whether it is its own, its values; None for zeros, or an input's)."""
    name = node.input(place)
    if not name:
        return True, None
    constant = graph.constant(name)
    if constant is not None:
        return True, constant.reshape(-1).astype(np.float64)
    name = _first(graph, name)
    if name not in graph.inputs or name == frames:
        raise ValueError(f"{node.label}: begins with what the graph computes, expected an input or a constant")
    return False, None


def _first(graph: Graph, name: str) -> str:
    """What `name` is made from, by the first input of every node."""
    while (maker := graph.makers.get(name)) is not None:
        name = maker.input(0)
    return name
