"""Layers of a mixed model that stay in float32, to the last bit of the C core: what they have in common.

Results are held to 1e27, as the core holds them. `docs/integer-arithmetic.md` has the orders of sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edgelstm.layers import Joining, Shape
from edgelstm.quantization.exact import Float32, clamp
from edgelstm.quantization.layer import IntegerRun, MixedLayer, Values, Walker

MOST = 1e27
"""Of a result."""

MOST_SCORE = 3e38


@dataclass(frozen=True, eq=False)
class FloatLayer(MixedLayer):
    """Any layer that no integers compute. `walks`: how its kind walks, (the layer, batch, the shape of what it
    takes)."""

    kind = "float"

    walks: Walks
    gives_scores: bool = field(default=False, kw_only=True)

    def check(self, name: str) -> None:
        """No integers, no overflow."""

    def walker(self, batch: int, source: Shape) -> Walker:
        return self.walks(self, batch, source)


Walks = Callable[[FloatLayer, int, Shape], Walker]


class FloatWalker(Walker):
    """Of a layer without a state. compute: (the layer, x (runs, B, rows, channels)) → its results, with its own rows
    and channels."""

    def __init__(self, layer: FloatLayer, source: Shape, compute: Callable[[Any, Float32], Float32] | None = None):
        self.layer, self.source, self.compute = layer, source, compute
        self.limit = MOST_SCORE if layer.gives_scores else MOST

    def run(self, x: Values) -> IntegerRun:
        assert self.compute is not None
        y = self.compute(self.layer.layer, x.reshape(*x.shape[:2], self.source.rows, self.source.channels))
        return IntegerRun(clamp(y, -self.limit, self.limit).reshape(*x.shape[:2], -1))

    def join(self, x: Values, y: Values) -> IntegerRun:
        """Of both results that a joining layer takes."""
        layer, other = self.layer.layer, self.layer.at.other
        assert isinstance(layer, Joining)
        assert other is not None
        return IntegerRun(clamp(layer.join(x, self.source, y, other), -MOST, MOST))


def computing(compute: Callable[[Any, Float32], Float32]) -> Walks:
    """Of a kind without a state, see `FloatWalker`."""
    return lambda layer, _, source: FloatWalker(layer, source, compute)


def joining(layer: FloatLayer, _: int, source: Shape) -> Walker:
    """Of a kind that joins two results."""
    return FloatWalker(layer, source)
