"""The model's equations in float32, with weights of bfloat16: floats whose lower half is zero."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.float32 import Float32
from edgelstm.layers import Layer
from edgelstm.model import Model


def nearest(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The bfloat16 next to each finite value, ties to even, as float32."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded_up = bits + np.uint32(0x7FFF) + (bits >> 16 & 1)
    return (rounded_up & np.uint32(0xFFFF0000)).view(np.float32)


def holds_bf16(layer: Layer) -> bool:
    """Whether files of this form have the layer's weights as bfloat16: those that lie in blocks, none of groups."""
    return bool(layer.matrices)


def rounded(model: Model) -> Model:
    """`model` with the weights that its file has: biases, and what else has no rows and columns, stay float32."""
    return replace(model, layers=tuple(_rounded(layer) if holds_bf16(layer) else layer for layer in model.layers))


def _rounded(layer: Layer) -> Layer:
    near: dict[str, Any] = {name: nearest(getattr(layer, name)) for name in layer.matrices}
    return replace(layer, **near)


class Bf16(Float32):
    """Judged as float32, with such weights; what these cost, `agrees` says."""

    def __init__(self, model: Model):
        super().__init__(rounded(model))
