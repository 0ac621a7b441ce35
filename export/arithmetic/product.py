"""Dense layers and convolutions in the arithmetics of integers: a product over every window of rows."""

from __future__ import annotations

import numpy as np

from edgelstm.export.arithmetic.dequantize import Ranges, rounded, rows
from edgelstm.export.arithmetic.kind import Kind
from edgelstm.export.arithmetic.twin import STEP_LIMIT, Flow, Ran, States, Twin, off_edges
from edgelstm.quantization.weighted import DenseProduct
from edgelstm.road import Placed

_EDGE = 1e-3
"""Units from where two integers meet within which an engine's float32 multiplier may decide otherwise."""


class PortableProduct(Twin):
    """Rounded to int8 but for scores."""

    def __init__(self, at: Placed, layer: DenseProduct, *, rounds: bool = True):
        self.W, self.b = rows(layer.W, layer.W_scale).T, layer.real_bias.astype(np.float64)
        self.at = at
        self.activation, self.output, self.rounds = layer.activation, layer.output, rounds

    def run(self, x: Flow, before: States, seen: States | None) -> Ran:  # noqa: ARG002 - it has no state
        flow = self.at.layer.seen(x.values, self.at.source)
        y = flow @ self.W + self.b
        y = np.maximum(y, 0) if self.activation == "relu" else y
        result = (rounded(y, self.output) if self.rounds else y).reshape(*x.values.shape[:2], -1)
        sure = x.sure
        if self.rounds:
            terms = np.abs(flow) @ np.abs(self.W) + np.abs(self.b)
            sure = sure & off_edges(y, self.output, STEP_LIMIT * terms / float(self.output.scale))
        return Ran(Flow(result, sure), {}, sure)


class _Cell(Twin):
    def __init__(self, at: Placed, layer: DenseProduct, _: Ranges | None):
        self.W = rows(layer.W, layer.W_scale).T
        self.bias = rows(layer.bias, layer.input.scale * layer.W_scale)
        self.at = at
        self.activation, self.output = layer.activation, layer.output

    def run(self, x: Flow, before: States, seen: States | None) -> Ran:  # noqa: ARG002 - it has no state
        y = self.at.layer.seen(x.values, self.at.source) @ self.W + self.bias
        y = np.maximum(y, 0) if self.activation == "relu" else y
        sure = x.sure & off_edges(y, self.output, _EDGE)
        return Ran(Flow(rounded(y, self.output).reshape(*x.values.shape[:2], -1), sure), {}, sure)


KIND = Kind(PortableProduct, _Cell)
