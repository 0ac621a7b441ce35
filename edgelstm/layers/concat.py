"""Concat: the channels of another result behind one's own, row for row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgelstm.layers.layer import Floats, Joining, Shape


@dataclass(frozen=True, eq=False)
class Concat(Joining):
    kind = "concat"

    def joined(self, source: Shape, other: Shape) -> Shape:
        if source.rows != other.rows:
            raise ValueError(f"Concat takes {source.rows} and {other.rows} rows, expected as many of each")
        return Shape(source.rows, source.channels + other.channels)

    def join(self, x: Floats, source: Shape, y: Floats, other: Shape) -> Floats:
        parts = (of.reshape(*of.shape[:2], shape.rows, shape.channels) for of, shape in ((x, source), (y, other)))
        return np.concatenate(list(parts), axis=3).reshape(*x.shape[:2], -1)
