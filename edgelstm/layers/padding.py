"""Rows beside those of a frame."""

from __future__ import annotations

from typing import Literal

import numpy as np

from edgelstm.layers.layer import Floats

Fill = Literal["zero", "mirror"]
"""Zeros; or the frame's own rows backwards, without repeating the one at its end."""


def padded(x: Floats, before: int, after: int, fill: Fill) -> Floats:
    """x (T, B, rows, channels) with so many rows more."""
    sides = ((0, 0), (0, 0), (before, after), (0, 0))
    return np.pad(x, sides, mode="constant" if fill == "zero" else "reflect") if before or after else x
