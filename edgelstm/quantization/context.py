"""The integer context: int8 codes side by side, in the scale of the layer before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from edgelstm.layers import Context, Shape
from edgelstm.model import Ranges
from edgelstm.quantization.affine import Affine, Granularity
from edgelstm.quantization.float_layer import FloatLayer
from edgelstm.quantization.kind import Kind
from edgelstm.quantization.layer import IntegerRun, QuantizedLayer, Values, Walker
from edgelstm.quantization.rounding import Inputs
from edgelstm.road import Placed


@dataclass(frozen=True)
class QuantizedContext(QuantizedLayer):
    kind = "context"

    layer: Context
    input: Affine

    @property
    def takes(self) -> Affine:
        return self.input

    @property
    def gives(self) -> Affine:
        return self.input

    def check(self, name: str) -> None:
        """It computes nothing."""

    def walker(self, batch: int, source: Shape) -> Walker:
        return ContextWalker(self.layer, batch, source, self.input.zero_point, np.int8)


def quantize(layer: Context, _: Placed, x: Affine, *__: Ranges | Granularity | Inputs | None) -> QuantizedContext:
    return QuantizedContext(layer, x)


class ContextWalker(Walker):
    """Over codes, whose zero is `zero`, or over float32. They only move."""

    def __init__(self, layer: Context, batch: int, source: Shape, zero: int, dtype: type[np.int8 | np.float32]):
        self.layer, self.width, self.zero, self.dtype = layer, layer.result(source).channels, zero, dtype
        self.brought = layer.brought(source) * layer.hop  # rows, from one run to the next
        kept: DTypeLike = np.int64 if dtype is np.int8 else dtype
        self.past: Values = np.full((layer.rows, batch, self.width), zero, kept)
        self.pending: Values = np.empty((0, batch, source.size), kept)

    def run(self, x: Values) -> IntegerRun:
        hop, batch = self.layer.hop, x.shape[1]
        came = np.concatenate([self.pending, x])
        runs = len(came) // hop
        results = np.empty((runs, batch, self.layer.rows * self.width), came.dtype)
        for run in range(runs):
            pieces = came[run * hop : (run + 1) * hop].reshape(hop, batch, -1, self.width)
            rows = pieces.transpose(0, 2, 1, 3).reshape(-1, batch, self.width)
            self.past = np.concatenate([self.past[self.brought :], rows])
            results[run] = self.past.transpose(1, 0, 2).reshape(batch, -1)
        self.pending = came[runs * hop :]
        past = results.astype(self.dtype)
        if hop == 1:
            return IntegerRun(results, {"past": past})
        waiting = np.full((runs, batch, (hop - 1) * x.shape[2]), self.zero, self.dtype)
        return IntegerRun(results, {"past": past, "pending": waiting})


def _in_floats(of: FloatLayer, batch: int, source: Shape) -> Walker:
    assert isinstance(of.layer, Context)
    return ContextWalker(of.layer, batch, source, 0, np.float32)


KIND = Kind(_in_floats, quantize, extras=("channels",))
