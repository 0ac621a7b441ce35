"""Natural logarithm of scale·x + floor, where that is at least 1e-30."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgelstm.layers.layer import Floats, Shape, Stateless, check_number

LEAST = 1e-30
"""What smaller numbers are taken for: no log of a denormal, of zero, or of less."""


@dataclass(frozen=True, eq=False)
class Log(Stateless):
    kind = "log"
    settings = ("scale", "floor")

    scale: float = 1.0
    floor: float = 1e-7

    def __post_init__(self) -> None:
        check_number("Log", "scale", self.scale, 1e-9, 1e9)
        check_number("Log", "floor", self.floor, 0.0, 1e6)

    def result(self, source: Shape) -> Shape:
        return source

    def computed(self, x: Floats, source: Shape) -> Floats:  # noqa: ARG002
        raised = x * x.dtype.type(self.scale) + x.dtype.type(self.floor)
        return np.asarray(np.log(np.maximum(raised, x.dtype.type(LEAST))))
