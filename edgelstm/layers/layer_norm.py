"""Layer normalization: each row by its own mean and spread over channels, then a gain and an offset per channel.

y = (x - mean) / sqrt(mean((x - mean)²) + epsilon) · gamma + beta

(Ba, Kiros and Hinton 2016; epsilon lies inside the root.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgelstm.layers.layer import (
    Float32,
    Floats,
    Layer,
    Shape,
    Stateless,
    check_channels,
    check_number,
    checked_array,
)

SMALLEST_EPSILON = 1e-12


@dataclass(frozen=True, eq=False)
class LayerNorm(Stateless):
    kind = "layer_norm"
    arrays = ("gamma", "beta")
    settings = ("epsilon",)

    gamma: Float32  # (channels,)
    beta: Float32  # (channels,)
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", checked_array("LayerNorm", "gamma", self.gamma, (None,)))
        object.__setattr__(self, "beta", checked_array("LayerNorm", "beta", self.beta, (self.gamma.size,)))
        check_number("LayerNorm", "epsilon", self.epsilon, SMALLEST_EPSILON, 1.0)

    def scaled_out(self, factor: Floats, offset: Floats) -> Layer | None:
        if self.gamma.size != factor.size:
            return None
        gamma, beta = self.gamma.astype(np.float64), self.beta.astype(np.float64)
        changed: dict[str, Any] = {"gamma": gamma * factor, "beta": beta * factor + offset}
        return replace(self, **changed)

    def result(self, source: Shape) -> Shape:
        check_channels("LayerNorm", self.gamma.size, source)
        return source

    def computed(self, x: Floats, source: Shape) -> Floats:  # noqa: ARG002
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + x.dtype.type(self.epsilon))
        y: Floats = centred / spread * self.gamma.astype(x.dtype) + self.beta.astype(x.dtype)
        return y
