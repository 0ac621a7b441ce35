"""Multiply by another result: a mask of a spectrum, a gain, a gate."""

from __future__ import annotations

from dataclasses import dataclass

from edgelstm.layers.layer import Floats, Joining, Shape
from edgelstm.layers.spread import check_spread, spread


@dataclass(frozen=True, eq=False)
class Multiply(Joining):
    """x · other. `spread` says which shapes the other may have: a mask has half a spectrum's channels."""

    kind = "multiply"

    def joined(self, source: Shape, other: Shape) -> Shape:
        check_spread("Multiply", source, other)
        return source

    def join(self, x: Floats, source: Shape, y: Floats, other: Shape) -> Floats:
        found: Floats = x * spread(y, source, other)
        return found
