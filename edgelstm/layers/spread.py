"""A smaller result over a larger one: one row stands for all of them, channels repeat."""

from __future__ import annotations

import numpy as np

from edgelstm.layers.layer import Floats, Shape


def check_spread(owner: str, source: Shape, other: Shape) -> None:
    """ValueError unless `other` has one row or those of `source`, and `source` a multiple of its channels."""
    if other.rows not in (1, source.rows) or source.channels % other.channels:
        raise ValueError(
            f"{owner}: {source.rows} × {source.channels} and {other.rows} × {other.channels} values, expected as "
            "many rows of the other or one, and its channels once or repeated"
        )


def spread(y: Floats, source: Shape, other: Shape) -> Floats:
    """y (T, B, other.size) → (T, B, source.size)."""
    rows = y.reshape(*y.shape[:2], other.rows, other.channels)
    whole = np.tile(rows, (1, 1, source.rows // other.rows, source.channels // other.channels))
    return whole.reshape(*y.shape[:2], source.size)
