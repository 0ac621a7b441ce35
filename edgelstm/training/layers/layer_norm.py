"""Layer normalization forward and backward; the equations are those of `edgelstm.layers.layer_norm`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from edgelstm.layers import Layer, LayerNorm, Shape
from edgelstm.layers.layer_norm import SMALLEST_EPSILON
from edgelstm.records import Bounds
from edgelstm.training.layers.trainable import Arrays, Floats, Memory, State, Tape, Trainable


@dataclass(eq=False)
class _Tape(Tape):
    gamma: Floats  # (channels,)
    even: Floats  # (T, rows, channels, B): of mean 0 and a spread of nearly 1
    spread: Floats  # (T, rows, 1, B)
    result: Floats  # (T, rows · channels, B)

    def backward(self, dresult: Floats, want_dx: bool) -> tuple[Floats | None, Arrays]:
        d = dresult.reshape(self.even.shape)
        found = {"gamma": (d * self.even).sum(axis=(0, 1, 3)), "beta": d.sum(axis=(0, 1, 3))}
        if not want_dx:
            return None, found
        d = d * self.gamma[:, None]
        # The mean and the spread are of the same values.
        along = (d * self.even).mean(axis=2, keepdims=True)
        dx = (d - d.mean(axis=2, keepdims=True) - self.even * along) / self.spread
        return dx.reshape(dresult.shape), found


@dataclass(frozen=True)
class TrainableLayerNorm(Trainable):
    kind = "layer_norm"
    arrays = ("gamma", "beta")

    epsilon: Annotated[float, Bounds(SMALLEST_EPSILON, 1)] = 1e-5  # beside a row's variance: quieter rows stay quiet

    def sizes(self) -> Mapping[str, float]:
        return {"epsilon": self.epsilon}

    def initialize(self, source: Shape, rng: np.random.Generator) -> Arrays:  # noqa: ARG002
        if source.channels < 2:
            raise ValueError(
                "layer_norm: rows of 1 value each, expected several: a context of 1 row in front makes one row"
            )
        return {"gamma": np.ones(source.channels), "beta": np.zeros(source.channels)}

    def silence(self, weights: Arrays, silent: NDArray[np.bool_]) -> None:
        """They still count in the mean and the spread."""
        for values in weights.values():
            values[np.resize(silent, values.size)] = 0

    @classmethod
    def of(cls, layer: Layer) -> TrainableLayerNorm:
        assert isinstance(layer, LayerNorm)
        return cls(layer.epsilon)

    def layer(self, weights: Arrays) -> LayerNorm:
        return LayerNorm(weights["gamma"], weights["beta"], self.epsilon)

    def forward(
        self,
        weights: Arrays,
        x: Floats,
        source: Shape,
        memory: Memory,  # noqa: ARG002
        before: State | None = None,  # noqa: ARG002
    ) -> Tape:
        gamma, beta = weights["gamma"], weights["beta"]
        T, size, B = x.shape
        rows = x.reshape(T, source.rows, source.channels, B)
        even = rows - rows.mean(axis=2, keepdims=True)
        spread = np.sqrt((even * even).mean(axis=2, keepdims=True) + x.dtype.type(self.epsilon))
        even /= spread
        result = even * gamma[:, None] + beta[:, None]
        return _Tape(gamma, even, spread, result.reshape(T, size, B))
