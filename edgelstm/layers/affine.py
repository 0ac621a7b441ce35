"""Affine: each channel times a number, and a number added: a normalization with known means, or a gain. As a model's
last layer its results are the scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgelstm.layers.layer import Float32, Floats, Shape, Stateless, check_channels, checked_array


@dataclass(frozen=True, eq=False)
class Affine(Stateless):
    kind = "affine"
    arrays = ("scale", "offset")

    scale: Float32  # (channels,)
    offset: Float32  # (channels,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", checked_array("Affine", "scale", self.scale, (None,)))
        object.__setattr__(self, "offset", checked_array("Affine", "offset", self.offset, (self.scale.size,)))

    @property
    def may_give_scores(self) -> bool:
        return True

    def terms(self, x: Floats) -> Floats:
        return x * np.abs(self.scale) + np.abs(self.offset)

    def result(self, source: Shape) -> Shape:
        check_channels("Affine", self.scale.size, source)
        return source

    def computed(self, x: Floats, source: Shape) -> Floats:  # noqa: ARG002
        y: Floats = x * self.scale.astype(x.dtype) + self.offset.astype(x.dtype)
        return y
