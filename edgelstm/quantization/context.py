"""The integer context: int8 codes side by side, in the scale of the layer before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgelstm.layers import Context, Shape
from edgelstm.model import Ranges
from edgelstm.quantization.affine import Affine, Granularity
from edgelstm.quantization.layer import Int64, IntegerRun, QuantizedLayer, Walker
from edgelstm.quantization.rounding import Inputs
from edgelstm.road import Placed


@dataclass(frozen=True)
class QuantizedContext(QuantizedLayer):
    kind = "context"

    layer: Context
    input: Affine

    @property
    def gives(self) -> Affine:
        return self.input

    def check(self, name: str) -> None:
        """It computes nothing."""

    def walker(self, batch: int, source: Shape) -> Walker:
        return _Walker(self, batch, source)


def quantize(layer: Context, _: Placed, x: Affine, *__: Ranges | Granularity | Inputs | None) -> QuantizedContext:
    return QuantizedContext(layer, x)


class _Walker(Walker):
    def __init__(self, layer: QuantizedContext, batch: int, source: Shape):
        self.rows, self.hop, self.zero = layer.layer.rows, layer.layer.hop, layer.input.zero_point
        self.past: Int64 = np.full((self.rows, batch, source.size), self.zero, np.int64)
        self.pending: Int64 = np.empty((0, batch, source.size), np.int64)

    def run(self, x: Int64) -> IntegerRun:
        came = np.concatenate([self.pending, x])
        results = []
        for start in range(0, len(came) - self.hop + 1, self.hop):
            self.past = np.concatenate([self.past[self.hop :], came[start : start + self.hop]])
            results.append(self.past.transpose(1, 0, 2).reshape(x.shape[1], -1))
        self.pending = came[len(results) * self.hop :]
        result = np.array(results, np.int64).reshape(len(results), x.shape[1], self.rows * x.shape[2])
        past = result.astype(np.int8)
        if self.hop == 1:
            return IntegerRun(result, {"past": past})
        waiting = np.full((len(results), x.shape[1], (self.hop - 1) * x.shape[2]), self.zero, np.int8)
        return IntegerRun(result, {"past": past, "pending": waiting})
