"""L2: each row divided by its length over channels, which is held to 1e-12 at least, as PyTorch's normalize does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgelstm.layers.layer import Floats, Shape, Stateless

SHORTEST = 1e-12


@dataclass(frozen=True, eq=False)
class L2(Stateless):
    kind = "l2"
    directs = True

    def result(self, source: Shape) -> Shape:
        return source

    def computed(self, x: Floats, source: Shape) -> Floats:  # noqa: ARG002
        length = np.sqrt((x * x).sum(axis=-1, keepdims=True))
        y: Floats = x / np.maximum(length, x.dtype.type(SHORTEST))
        return y
