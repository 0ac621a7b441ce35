"""Magnitude of each frequency of a spectrum: sqrt(re² + im²)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgelstm.layers.layer import Floats, Shape, Stateless


@dataclass(frozen=True, eq=False)
class Magnitude(Stateless):
    """Channels of what it takes are the real parts, then as many imaginary ones."""

    kind = "magnitude"

    def result(self, source: Shape) -> Shape:
        if source.channels % 2:
            raise ValueError(
                f"Magnitude takes real parts and as many imaginary ones, the one before gives {source.channels}"
            )
        return Shape(source.rows, source.channels // 2)

    def computed(self, x: Floats, source: Shape) -> Floats:
        real, imaginary = x[..., : source.channels // 2], x[..., source.channels // 2 :]
        return np.asarray(np.sqrt(real * real + imaginary * imaginary))
