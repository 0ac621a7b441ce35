"""What a result of a graph is in terms of others: a sum of matrix products and a bias, `y = Σ M·x + b`.

Weights are written in many ways: one product or four, gates side by side or cut from one another, a bias added later.
As sums of products they are all alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers.graph import SAME, Graph, Node, NodeError
from edgelstm.importers.layout import CHANNEL, FRAME, ROW, Layout
from edgelstm.layers.layer import MAX_WIDTH

Floats = NDArray[np.float64]

_MOST_DEEP = 200
_MOST_HELD = 1 << 28


@dataclass(frozen=True, eq=False)
class Form:
    products: dict[str, Floats]  # name of a result → (rows, values)
    bias: Floats  # (rows,)

    @property
    def source(self) -> str | None:
        """The only result that it is made from; None where there are several or none."""
        return next(iter(self.products)) if len(self.products) == 1 else None

    def same(self) -> bool:
        """Whether it is its only source and nothing more."""
        if self.source is None or self.bias.any():
            return False
        matrix = self.products[self.source]
        return matrix.shape[0] == matrix.shape[1] and bool((matrix == np.eye(len(matrix))).all())


class Forms:
    """Of the results of a graph. layout: where frames have rows, a form is one of a row's channels; without, of all
    values of a result."""

    def __init__(self, graph: Graph, layout: Layout | None = None):
        self.graph, self.layout = graph, layout
        self.whole: set[str] = set()  # sums that are a result for themselves, such as a cell's
        self._known: dict[str, Form] = {}
        self._held = 0  # factors

    def of(self, name: str, depth: int = 0) -> Form:
        """ValueError where sizes do not fit."""
        if name not in self._known:
            found = self._known[name] = self._new(name, depth)
            self._held += sum(matrix.size for matrix in found.products.values())
            if self._held > _MOST_HELD:
                raise ValueError(f"results so wide that their sums have more than {_MOST_HELD:,} factors")
        return self._known[name]

    def _new(self, name: str, depth: int) -> Form:
        if depth > _MOST_DEEP:
            raise ValueError(f"a graph more than {_MOST_DEEP} nodes deep before {name!r:.60}")
        constant = self.graph.constant(name)
        if constant is not None:
            return Form({}, constant.astype(np.float64).reshape(-1))
        node = self.graph.makers.get(name)
        found = None if node is None or name in self.whole else self._made(node, name, depth + 1)
        return self._itself(name) if found is None else found

    def _itself(self, name: str) -> Form:
        shape = self.graph.shapes.get(name, ())
        lying = None if self.layout is None else self.layout.lying(name)
        size = lying.channels if lying is not None else int(np.prod(shape)) if shape else 0
        if not 0 < size <= MAX_WIDTH >> 2:
            raise ValueError(
                f"{name!r:.60}: a result of shape {shape}, expected one frame of 1 to {MAX_WIDTH >> 2} values"
            )
        return Form({name: np.eye(size)}, np.zeros(size))

    def _made(self, node: Node, name: str, depth: int) -> Form | None:
        """None where it is no sum of products."""
        if node.op in SAME or (node.op in ("Split", "Concat") and len(node.inputs) == len(node.outputs) == 1):
            is_kept = self.graph.in_order(node) if self.layout is None else self.layout.keeps(node)
            return self.of(node.input(0), depth) if is_kept else None
        if node.op == "Neg":
            return _times(self.of(node.input(0), depth), np.array([-1.0]))
        if node.op == "MatMul" and (W := self.graph.constant(node.input(1))) is not None and W.ndim == 2:
            return _product(node, self.of(node.input(0), depth), W.T)
        if node.op == "Gemm" and not node.attributes.get("transA"):
            return self._gemm(node, depth)
        if node.op in ("Add", "Sub"):
            sign = 1.0 if node.op == "Add" else -1.0
            if not self._is_level(node):
                return None
            return added(self.of(node.input(0), depth), self.of(node.input(1), depth), sign)
        if node.op in ("Mul", "Div"):
            return self._scaled(node, depth) if self._is_level(node) else None
        if node.op == "Concat":
            if not self._is_along_channels(node, node.outputs[0]) or not self._is_level(node):
                return None
            return _stacked([self.of(one, depth) for one in node.inputs])
        if node.op == "Split":
            return self._part(node, name, depth) if self._is_along_channels(node, node.input(0)) else None
        if node.op == "Slice":
            return self._slice(node, depth)
        return None

    def _is_level(self, node: Node) -> bool:
        """Whether what a node joins has as many rows each, and constants are the same for every row."""
        if self.layout is None:
            return True
        rows = set()
        for name in node.inputs:
            constant = self.graph.constant(name)
            if constant is None:
                lying = self.layout.lying(name)
                rows.add(1 if lying is None else lying.rows)
            elif (axes := self.layout.axes(node.outputs[0])) is not None:
                sides = zip(reversed(axes), reversed(constant.shape))
                if any(side > 1 and letter in (ROW, FRAME) for letter, side in sides):
                    return False
        return len(rows) < 2

    def _is_along_channels(self, node: Node, name: str) -> bool:
        if self.layout is None or self.layout.lying(name) is None:
            return True
        return self.layout.letter(name, int(node.attributes.get("axis", 0))) in (CHANNEL, "1")

    def _gemm(self, node: Node, depth: int) -> Form | None:
        W = self.graph.constant(node.input(1))
        if W is None or W.ndim != 2:
            return None
        W = W if node.attributes.get("transB") else W.T
        found = _product(node, self.of(node.input(0), depth), float(node.attributes.get("alpha", 1.0)) * W)
        if not node.input(2):
            return found
        return added(found, self.of(node.input(2), depth), float(node.attributes.get("beta", 1.0)))

    def _scaled(self, node: Node, depth: int) -> Form | None:
        """Times a constant, or through it."""
        one, other = node.input(0), node.input(1)
        if node.op == "Mul" and self.graph.constant(one) is not None:
            one, other = other, one
        factor = self.graph.constant(other)
        if factor is None:
            return None
        factor = factor.astype(np.float64).reshape(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = 1 / factor if node.op == "Div" else factor
        found = self.of(one, depth)
        if factor.size not in (1, found.bias.size):
            return None
        return _times(found, factor)

    def _part(self, node: Node, name: str, depth: int) -> Form | None:
        found = self.of(node.input(0), depth)
        sizes = self.graph.constant(node.input(1))
        count = len(node.outputs)
        parts = [found.bias.size // count] * count if sizes is None else sizes.reshape(-1).tolist()
        if len(parts) != count or sum(parts) != found.bias.size:
            return None
        place = node.outputs.index(name)
        return _rows(found, slice(sum(parts[:place]), sum(parts[: place + 1])))

    def _slice(self, node: Node, depth: int) -> Form | None:
        """Along the channels; where these are not known, along the last side where all others are 1."""
        limits = [self.graph.constant(node.input(place)) for place in (1, 2)]
        step = self.graph.constant(node.input(4))
        shape = self.graph.shapes.get(node.input(0), ())
        axes = self.graph.constant(node.input(3))
        if any(limit is None or limit.size != 1 for limit in limits) or not shape:
            return None
        axis = int(axes.reshape(-1)[0]) if axes is not None and axes.size == 1 else 0
        lying = None if self.layout is None else self.layout.lying(node.input(0))
        if self.layout is None or lying is None:
            if int(np.prod(shape)) != shape[axis if -len(shape) <= axis < len(shape) else -1]:
                return None
        elif self.layout.letter(node.input(0), axis) != CHANNEL:
            return None
        if step is not None and int(step.reshape(-1)[0]) != 1:
            return None
        start, end = (int(limit.reshape(-1)[0]) for limit in limits if limit is not None)
        return _rows(self.of(node.input(0), depth), slice(start, end))


def _times(form: Form, factor: Floats) -> Form:
    return Form({name: M * factor[:, None] for name, M in form.products.items()}, form.bias * factor)


def _product(node: Node, form: Form, W: NDArray[np.floating[Any]]) -> Form:
    W = W.astype(np.float64)
    if W.shape[1] != form.bias.size:
        raise NodeError(f"{node.label}: weights {W.shape} and {form.bias.size} values, expected {W.shape[1]}")
    return Form({name: W @ M for name, M in form.products.items()}, W @ form.bias)


def added(one: Form, other: Form, sign: float = 1.0) -> Form:
    """one + sign · other. ValueError where sizes do not fit."""
    rows = max(one.bias.size, other.bias.size)
    if {one.bias.size, other.bias.size} - {1, rows}:
        raise ValueError(f"a sum of {one.bias.size} and {other.bias.size} values")
    products = {name: np.broadcast_to(M, (rows, M.shape[1])).copy() for name, M in one.products.items()}
    for name, M in other.products.items():
        products[name] = products.get(name, 0.0) + sign * np.broadcast_to(M, (rows, M.shape[1]))
    return Form(products, one.bias + sign * other.bias)


def _stacked(forms: Sequence[Form]) -> Form:
    names = list(dict.fromkeys(name for form in forms for name in form.products))
    products = {}
    for name in names:
        width = next(form.products[name].shape[1] for form in forms if name in form.products)
        blocks = [form.products.get(name, np.zeros((form.bias.size, width))) for form in forms]
        products[name] = np.concatenate(blocks)
    return Form(products, np.concatenate([form.bias for form in forms]))


def _rows(form: Form, rows: slice) -> Form:
    return Form({name: M[rows] for name, M in form.products.items()}, form.bias[rows])
